# results/models -> results/predictions -> results/scores -> results/scores.csv.


rule predict:
    """Segment the cases that an experiment evaluates, by one model; a restart goes on from the folder `partial`."""
    input:
        model=of_model("model.safetensors"),
        description=of_model("model.json"),
        cases=prepared(evaluated_on),
        splits=expand("results/splits/{dataset}.json", dataset=predicted_on),
    output:
        directory("results/predictions/{experiment}/fold{fold}"),
    log:
        "logs/predict/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(sorted(CONFIG.experiments.keys() - in_use.external(CONFIG))),
    conda:
        environment("predict")
    threads: 1
    resources:
        **asks(memory_mb=MEMORY.host_mb("predict", ALL), minutes=DAY),
        gpu=1,
    params:
        code=code("predict"),
        train=lambda wildcards: experiment_of(wildcards).train,
        inference=config["inference"],
        tiles=REHEARSAL and REHEARSAL["tiles"],
        device=config["training"]["device"],
        precision=config["training"]["precision"],
        partial="results/partial/predictions/{experiment}/fold{fold}",
    message:
        MESSAGE
    script:
        "../scripts/predict.py"


rule import_predictions:
    """Take the predictions of an experiment that were made elsewhere, if they lie on the grids of the scans."""
    input:
        images=expand("results/cases/{dataset}/images", dataset=evaluated_on),
        splits=expand("results/splits/{dataset}.json", dataset=evaluated_on),
    output:
        directory("results/predictions/{experiment}/fold{fold}"),
    log:
        "logs/import_predictions/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(in_use.external(CONFIG)),
    conda:
        environment("import_predictions")
    threads: THREADS
    resources:
        **asks(memory_mb=4000, minutes=60),
    params:
        code=code("import_predictions"),
        train=lambda wildcards: experiment_of(wildcards).train,
        predictions=lambda wildcards: experiment_of(wildcards).predictions,
        ids=lambda wildcards: experiment_of(wildcards).external_ids(),
        state=external_state,
    message:
        MESSAGE
    script:
        "../scripts/import_predictions.py"


rule score:
    """Score the segmentations of one model, case by case."""
    input:
        predictions="results/predictions/{experiment}/fold{fold}",
        cases=expand("results/cases/{dataset}/cases.csv", dataset=evaluated_on),
        labels=expand("results/cases/{dataset}/labels", dataset=evaluated_on),
        description=if_trained("model.json"),
        log=if_trained("log.csv"),
    output:
        "results/scores/{experiment}/fold{fold}.csv",
    log:
        "logs/score/{experiment}/fold{fold}.log",
    conda:
        environment("score")
    resources:
        **asks(memory_mb=4000, minutes=60),
    params:
        code=code("score"),
        experiment=lambda wildcards: experiment_of(wildcards).for_scoring(),
        regions=scored_regions,
        tolerance_mm=config["evaluation"]["tolerance_mm"],
        lesions=config["evaluation"]["lesions"],
    message:
        MESSAGE
    script:
        "../scripts/score.py"


rule collect:
    """Gather the scores of all models in one table."""
    input:
        scores=expand("results/scores/{name}.csv", name=in_use.scored(CONFIG)),
    output:
        "results/scores.csv",
    log:
        "logs/collect.log",
    conda:
        environment("collect")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        code=code("collect"),
    message:
        MESSAGE
    script:
        "../scripts/collect.py"


rule summarise:
    """Average the scores per experiment, for DVC's metrics."""
    input:
        scores="results/scores.csv",
    output:
        metrics=directory("results/metrics"),
        table="results/metrics.csv",
    log:
        "logs/summarise.log",
    conda:
        environment("summarise")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        code=code("summarise"),
        dataset=TARGET,
    message:
        MESSAGE
    script:
        "../scripts/summarise.py"
