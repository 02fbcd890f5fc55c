# results/models -> results/predictions -> results/scores -> results/scores.csv.


rule predict:
    input:
        model="results/models/{experiment}/fold{fold}/model.safetensors",
        description="results/models/{experiment}/fold{fold}/model.json",
        cases=evaluated("results/preprocessed/{dataset}"),
        splits=splits_for_prediction,
    output:
        directory("results/predictions/{experiment}/fold{fold}"),
    log:
        "logs/predict/{experiment}/fold{fold}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=rising(16000),
        runtime=rising(1440),
    params:
        code=code("predict"),
        train=lambda wildcards: EXPERIMENTS[wildcards.experiment].train,
        inference=config["inference"],
        device=config["training"]["device"],
        precision=config["training"]["precision"],
        # Not an output: a restart goes on with the cases that are not written yet.
        partial="results/partial/predictions/{experiment}/fold{fold}",
    message:
        "Predict {output}"
    script:
        "../scripts/predict.py"


rule score:
    input:
        predictions="results/predictions/{experiment}/fold{fold}",
        labels=evaluated("results/cases/{dataset}/labels"),
        description="results/models/{experiment}/fold{fold}/model.json",
        log="results/models/{experiment}/fold{fold}/log.csv",
    output:
        "results/scores/{experiment}/fold{fold}.csv",
    log:
        "logs/score/{experiment}/fold{fold}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(4000),
        runtime=rising(60),
    params:
        code=code("score"),
        experiment=lambda wildcards: EXPERIMENTS[wildcards.experiment].to_json(),
        regions=lambda wildcards: {
            name: DATASETS[name]["regions"]
            for name in EXPERIMENTS[wildcards.experiment].evaluate
        },
        tolerance_mm=config["evaluation"]["tolerance_mm"],
    message:
        "Score: {output}"
    script:
        "../scripts/score.py"


rule collect:
    input:
        scores=score_files,
    output:
        "results/scores.csv",
    log:
        "logs/collect.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(1000),
        runtime=rising(10),
    params:
        code=code("collect"),
    message:
        "Collect {output}"
    script:
        "../scripts/collect.py"


rule collect_splits:
    input:
        splits=expand("results/splits/{dataset}.json", dataset=datasets_in_use()),
    output:
        "results/splits.json",
    log:
        "logs/collect_splits.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(500),
        runtime=rising(10),
    params:
        code=code("collect_splits"),
    message:
        "Collect {output}"
    script:
        "../scripts/collect_splits.py"


rule summarise:
    input:
        scores="results/scores.csv",
    output:
        metrics="results/metrics.json",
        table="results/metrics.csv",
    log:
        "logs/summarise.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        code=code("summarise"),
        dataset=TARGET,
    message:
        "Summarise: {output.metrics}"
    script:
        "../scripts/summarise.py"
