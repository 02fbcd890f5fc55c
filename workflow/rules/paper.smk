# results/scores.csv -> results/paper/<paper>: the tables and figures.


rule table:
    input:
        scores="results/scores.csv",
        published="config/published.csv",
        code=code("table"),
    output:
        csv="results/paper/{paper}/{artefact}.csv",
        md=report("results/paper/{paper}/{artefact}.md", category="{paper}"),
        tex="results/paper/{paper}/{artefact}.tex",
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
        code=code("violin"),
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
        artefact=artefact_of,
        rows=rows_of,
        configuration=config["name"],
    message:
        "Draw {output.png}"
    script:
        "../scripts/violin.py"
