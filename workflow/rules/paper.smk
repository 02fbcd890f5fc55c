# results/scores.csv -> results/paper/<paper>: the tables and figures.


rule table:
    input:
        scores="results/scores.csv",
        published=local("config/published.csv"),
    output:
        csv="results/paper/{paper}/{artefact}.csv",
        md="results/paper/{paper}/{artefact}.md",
        tex="results/paper/{paper}/{artefact}.tex",
        html=report(
            "results/paper/{paper}/{artefact}.html",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        intervals="results/paper/{paper}/{artefact}_intervals.csv",
        tests="results/paper/{paper}/{artefact}_tests.csv",
    log:
        "logs/table/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("table"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(2000),
        runtime=rising(10),
    params:
        code=code("table"),
        artefact=artefact_of,
        series=series_of,
        remarks=remarks_of,
        evaluation=config["evaluation"],
        seed=config["seed"],
        config_name=config["name"],
        phantom=config["phantom"] is not None,
    message:
        "Write {output.md}"
    script:
        "../scripts/table.py"


rule violin:
    input:
        scores="results/scores.csv",
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/violin/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("violin"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(2000),
        runtime=rising(10),
    params:
        code=code("violin"),
        artefact=artefact_of,
        series=series_of,
        remarks=remarks_of,
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/violin.py"


rule visual:
    input:
        scores="results/scores.csv",
        cases=truth_shown("cases.csv"),
        images=truth_shown("images"),
        labels=truth_shown("labels"),
        predictions=predictions_shown,
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/visual/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("visual"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(30),
    params:
        code=code("visual"),
        artefact=artefact_of,
        shown=lambda wildcards: CONFIGURATION.predictions(artefact_of(wildcards)),
        dataset=lambda wildcards: DATASETS[artefact_of(wildcards)["truth"]],
        window=config["plan"]["window"],
        remarks=remarks_of,
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/visual.py"


rule relations:
    input:
        relations=model_shown("relations.safetensors"),
        log=model_shown("log.csv"),
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/relations/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("relations"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(2000),
        runtime=rising(10),
    params:
        code=code("relations"),
        artefact=artefact_of,
        remarks=remarks_of,
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/relations.py"


rule examples:
    input:
        cases=cases_of_examples("cases.csv"),
        images=cases_of_examples("images"),
        labels=cases_of_examples("labels"),
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/examples/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("examples"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(8000),
        runtime=rising(30),
    params:
        code=code("examples"),
        artefact=artefact_of,
        datasets=lambda wildcards: {
            name: DATASETS[name] for name in datasets_shown(wildcards)
        },
        window=config["plan"]["window"],
        remarks=remarks_of,
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/examples.py"


rule describe:
    input:
        cases=cases_of_examples("cases.csv"),
    output:
        csv="results/paper/{paper}/{artefact}.csv",
        md="results/paper/{paper}/{artefact}.md",
        tex="results/paper/{paper}/{artefact}.tex",
        html=report(
            "results/paper/{paper}/{artefact}.html",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
    log:
        "logs/describe/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("datasets"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(1000),
        runtime=rising(10),
    params:
        code=code("describe"),
        artefact=artefact_of,
        datasets=lambda wildcards: {
            name: DATASETS[name] for name in datasets_shown(wildcards)
        },
        missing=CONFIGURATION.missing,
        remarks=remarks_of,
        config_name=config["name"],
    message:
        "Write {output.md}"
    script:
        "../scripts/describe.py"


rule localisation:
    input:
        images=slices_shown("images"),
        masks=slices_shown("masks"),
        heatmaps=heatmaps_shown,
        curves=curves_shown,
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/localisation/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("localisation"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(30),
    params:
        code=code("localisation"),
        artefact=artefact_of,
        threshold=config["weak"]["threshold"],
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/localisation.py"


rule thresholds:
    input:
        curves=curves_shown,
    output:
        svg=report(
            "results/paper/{paper}/{artefact}.svg",
            caption="../report/artefact.rst",
            category="{paper}",
        ),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/thresholds/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("thresholds"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(30),
    params:
        code=code("thresholds"),
        artefact=artefact_of,
        threshold_range=config["weak"]["threshold_range"],
        config_name=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/thresholds.py"


rule errata:
    input:
        local("config/published_errata.md"),
    output:
        report(
            "results/paper/errata.html",
            caption="../report/errata.rst",
            category="Misprints",
        ),
    log:
        "logs/errata.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=500,
        runtime="10m",
    params:
        code=code("errata"),
    message:
        "Write {output}"
    script:
        "../scripts/errata.py"
