# results/scores.csv -> results/paper/<paper>: the tables and figures.


rule table:
    input:
        scores="results/scores.csv",
        published="config/published.csv",
    output:
        csv="results/paper/{paper}/{artefact}.csv",
        md="results/paper/{paper}/{artefact}.md",
        tex="results/paper/{paper}/{artefact}.tex",
        html=report("results/paper/{paper}/{artefact}.html", category="{paper}"),
        intervals="results/paper/{paper}/{artefact}_intervals.csv",
        tests="results/paper/{paper}/{artefact}_tests.csv",
    log:
        "logs/table/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("table"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        code=code("table"),
        artefact=artefact_of,
        rows=rows_of,
        evaluation=config["evaluation"],
        seed=config["seed"],
        configuration=config["name"],
    message:
        "Write {output.md}"
    script:
        "../scripts/table.py"


rule violin:
    input:
        scores="results/scores.csv",
    output:
        svg=report("results/paper/{paper}/{artefact}.svg", category="{paper}"),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/violin/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("violin"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        code=code("violin"),
        artefact=artefact_of,
        rows=rows_of,
        configuration=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/violin.py"


rule visual:
    input:
        scores="results/scores.csv",
        cases=cases_shown("cases.csv"),
        images=cases_shown("images"),
        labels=cases_shown("labels"),
        predictions=predictions_shown,
    output:
        svg=report("results/paper/{paper}/{artefact}.svg", category="{paper}"),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/visual/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("visual"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        code=code("visual"),
        artefact=artefact_of,
        dataset=lambda wildcards: DATASETS[artefact_of(wildcards)["dataset"]],
        window=config["plan"]["window"],
        configuration=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/visual.py"


rule relations:
    input:
        relations=model_shown("relations.safetensors"),
        log=model_shown("log.csv"),
    output:
        svg=report("results/paper/{paper}/{artefact}.svg", category="{paper}"),
        png="results/paper/{paper}/{artefact}.png",
    log:
        "logs/relations/{paper}/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of_kind("relations"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        code=code("relations"),
        artefact=artefact_of,
        configuration=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/relations.py"
