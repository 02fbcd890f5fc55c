# results/models/<experiment>/fold<k>: pre-trainings, then the models of the papers.


rule train:
    input:
        cases=expand("results/preprocessed/{dataset}", dataset=trained_on),
        splits=expand("results/splits/{dataset}.json", dataset=trained_on),
        pretrained=expand(
            "results/models/{name}/fold0/model.{part}",
            name=pretraining_of,
            part=["safetensors", "json"],
        ),
    output:
        model="results/models/{experiment}/fold{fold}/model.safetensors",
        description="results/models/{experiment}/fold{fold}/model.json",
        log="results/models/{experiment}/fold{fold}/log.csv",
    log:
        "logs/train/{experiment}/fold{fold}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=1,
        mem_mb=asks(memory_mb=32000, minutes=DAY)["mem_mb"],
        runtime=DAY,
    params:
        code=strategy_code,
        experiment=lambda wildcards: experiment_of(wildcards).for_training(),
        sections=lambda wildcards: in_use.training_parameters(
            CONFIG, wildcards.experiment
        ),
        # Not an output: Snakemake deletes a failed job's outputs, and a training goes on from this folder.
        state="results/state/{experiment}/fold{fold}",
    script:
        "../scripts/train.py"


use rule train as pretrain with:
    log:
        "logs/pretrain/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment="pretrain-.*",


use rule train as collaborative with:
    output:
        model="results/models/{experiment}/fold{fold}/model.safetensors",
        description="results/models/{experiment}/fold{fold}/model.json",
        log="results/models/{experiment}/fold{fold}/log.csv",
        snapshots="results/models/{experiment}/fold{fold}/relations.safetensors",
    log:
        "logs/collaborative/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(
            name for name, one in CONFIG.experiments.items() if one.source_datasets
        ),


ruleorder: pretrain > collaborative > train
