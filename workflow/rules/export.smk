# results/cases, results/splits -> results/nnunet_raw: the same data and folds for nnU-Net v2.


rule nnunet_dataset:
    """Write one data set as nnU-Net v2 reads it."""
    input:
        images=expand("results/cases/{dataset}/images", dataset=exported),
        labels=expand("results/cases/{dataset}/labels", dataset=exported),
        splits=expand("results/splits/{dataset}.json", dataset=exported),
    output:
        directory("results/nnunet_raw/{folder}"),
    log:
        "logs/nnunet_dataset/{folder}.log",
    wildcard_constraints:
        folder=one_of(NNUNET),
    conda:
        environment("export_nnunet")
    threads: 4
    resources:
        **asks(memory_mb=8000, minutes=240),
    params:
        code=code("export_nnunet"),
        dataset=exported_entry,
        window=config["plan"]["window"],
        config_name=config["name"],
    message:
        MESSAGE
    script:
        "../scripts/export_nnunet.py"


rule export_nnunet:
    """Write all data sets and folds as nnU-Net v2 reads them."""
    input:
        expand("results/nnunet_raw/{folder}", folder=NNUNET),
    message:
        REACHED
