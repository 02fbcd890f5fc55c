# results/models/<experiment>/fold<k>: pre-trainings, then the models of the papers.


rule train:
    input:
        cases=for_training("results/preprocessed/{dataset}"),
        splits=for_training("results/splits/{dataset}.json"),
        pretrained=of_pretraining("model.safetensors"),
        pretrained_description=of_pretraining("model.json"),
    output:
        model="results/models/{experiment}/fold{fold}/model.safetensors",
        description="results/models/{experiment}/fold{fold}/model.json",
        log="results/models/{experiment}/fold{fold}/log.csv",
    log:
        "logs/train/{experiment}/fold{fold}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=rising(32000),
        runtime=DAY,
    params:
        code=strategy_code,
        experiment=lambda wildcards: EXPERIMENTS[wildcards.experiment].for_training(),
        sections={
            key: config[key]
            for key in (
                "seed",
                "timed",
                "plan",
                "network",
                "training",
                "augmentation",
            )
        },
        # Not an output: a failed job's outputs are deleted, and this is what it goes on from.
        state="results/state/{experiment}/fold{fold}",
    message:
        "Train {output.model}; epochs in {log}"
    script:
        "../scripts/train.py"


use rule train as pretrain with:
    log:
        "logs/pretrain/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment="pretrain-.*",
    message:
        "Pre-train {output.model}; epochs in {log}"


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
            name for name, found in EXPERIMENTS.items() if found.source_datasets
        ),


ruleorder: pretrain > collaborative > train
