# results/models/<experiment>/fold<k>: pre-trainings, then the models of the papers.


rule train:
    """Train one model on one fold."""
    input:
        cases=expand("results/preprocessed/{dataset}", dataset=trained_on),
        splits=expand("results/splits/{dataset}.json", dataset=trained_on),
        pretrained=expand(ONE_MODEL, name=pretraining_of),
    output:
        **trained("results/models/{experiment}/fold{fold}"),
    log:
        "logs/train/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(
            name for name in in_use.trained(CONFIG) if name not in NNUNET_STARTED
        ),
    conda:
        environment("train")
    threads: 1
    resources:
        **trains(memory_mb=training_memory),
    params:
        code=strategy_code,
        experiment=lambda wildcards: experiment_of(wildcards).for_training(),
        sections=training_sections,
        # Not an output: Snakemake deletes a failed job's outputs, and a training goes on from this folder.
        state="results/state/{experiment}/fold{fold}",
    message:
        MESSAGE
    script:
        "../scripts/train.py"


rule collect_trainings:
    """Gather the curves of all trainings in one table."""
    input:
        logs=expand("results/models/{name}/log.csv", name=in_use.models(CONFIG)),
    output:
        "results/trainings.csv",
    log:
        "logs/collect_trainings.log",
    conda:
        environment("collect_trainings")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        code=code("collect_trainings"),
    message:
        MESSAGE
    script:
        "../scripts/collect_trainings.py"


use rule train as pretrain with:
    """Train a model that other trainings start from."""
    log:
        "logs/pretrain/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(
            name for name in in_use.trained(CONFIG) if name.startswith("pretrain-")
        ),
    priority: LONG


use rule train as collaborative with:
    """Train one model on the target and on sources at the same time."""
    output:
        **trained("results/models/{experiment}/fold{fold}"),
        snapshots="results/models/{experiment}/fold{fold}/relations.safetensors",
    log:
        "logs/collaborative/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(
            name for name, one in CONFIG.experiments.items() if one.source_datasets
        ),
    priority: LONG


ruleorder: pretrain > collaborative > train
