# Models from other programs, and for them: a network of nnU-Net -> results/models/pretrain-<source>;
# results/models -> results/export.


rule import_nnunet:
    """Turn a network that nnU-Net has trained into a pre-trained model."""
    input:
        model=nnunet_inputs,
        target=f"results/cases/{TARGET}/cases.csv",
    output:
        "results/models/pretrain-{source}/fold0/model.safetensors",
        "results/models/pretrain-{source}/fold0/model.json",
    log:
        "logs/import_nnunet/{source}.log",
    wildcard_constraints:
        source=one_of(CONFIG.nnunet_sources),
    conda:
        environment("import_nnunet")
    resources:
        **asks(memory_mb=8000, minutes=30),
    params:
        code=code("import_nnunet"),
        row=lambda wildcards: nnunet_row(wildcards.source),
        network=config["network"],
        spacing=config["plan"]["spacing"],
    message:
        MESSAGE
    script:
        "../scripts/import_nnunet.py"


rule preprocess_nnunet:
    """Resample the cases of a data set, and scale their intensities as a network of nnU-Net needs them."""
    input:
        images="results/cases/{dataset}/images",
        labels="results/cases/{dataset}/labels",
        model="results/models/pretrain-{source}/fold0/model.json",
    output:
        directory("results/preprocessed_nnunet/{source}/{dataset}"),
    log:
        "logs/preprocess_nnunet/{source}/{dataset}.log",
    conda:
        environment("preprocess_nnunet")
    threads: THREADS
    resources:
        **asks(memory_mb=16000, minutes=240),
    params:
        code=code("preprocess_nnunet"),
        dataset=keys("regions", "intensity"),
        window=config["plan"]["window"],
    message:
        MESSAGE
    script:
        "../scripts/preprocess_nnunet.py"


rule train_nnunet:
    """Train one model that starts from a network of nnU-Net."""
    input:
        cases=prepared(trained_on),
        splits=expand("results/splits/{dataset}.json", dataset=trained_on),
        pretrained=expand(ONE_MODEL, name=nnunet_model_of),
    output:
        **trained("results/models/{experiment}/fold{fold}"),
    log:
        "logs/train/{experiment}/fold{fold}.log",
    wildcard_constraints:
        experiment=one_of(NNUNET_STARTED),
    conda:
        environment("train_nnunet")
    threads: 1
    resources:
        **trains(memory_mb=training_memory),
    params:
        code=lambda wildcards: strategy_code(wildcards, "train_nnunet"),
        experiment=lambda wildcards: experiment_of(wildcards).for_training(),
        sections=training_sections,
        state="results/state/{experiment}/fold{fold}",
    message:
        MESSAGE
    script:
        "../scripts/train_nnunet.py"


rule exported_model:
    """Write one trained model for nnU-Net, ONNX and MONAI."""
    input:
        models=weights_of_folds,
        images=expand("results/cases/{dataset}/images", dataset=trained_on),
    output:
        directory("results/export/{experiment}"),
    log:
        "logs/exported_model/{experiment}.log",
    conda:
        environment("export_model")
    resources:
        **asks(memory_mb=8000, minutes=60),
    params:
        **EXPORTED_PARAMETERS,
        code=code("export_model"),
    message:
        MESSAGE
    script:
        "../scripts/export_model.py"


rule export_model:
    """Write a trained model for other programs: --config model=NAME (docs/models.md)."""
    input:
        exported_models,
    message:
        REACHED
