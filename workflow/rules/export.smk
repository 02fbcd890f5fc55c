# results/cases, results/splits -> results/nnunet_raw: the same data and folds for nnU-Net v2.


rule nnunet_dataset:
    input:
        images=exported("results/cases/{dataset}/images"),
        labels=exported("results/cases/{dataset}/labels"),
        splits=exported("results/splits/{dataset}.json"),
    output:
        directory("results/nnunet_raw/{folder}"),
    log:
        "logs/nnunet_dataset/{folder}.log",
    wildcard_constraints:
        folder=one_of(NNUNET),
    conda:
        "../../envs/environment.yaml"
    threads: 4
    resources:
        mem_mb=rising(8000),
        runtime=rising(240),
    params:
        code=code("export_nnunet"),
        dataset=lambda wildcards: DATASETS[NNUNET[wildcards.folder]],
        window=config["plan"]["window"],
        config_name=config["name"],
    message:
        "Export {output}"
    script:
        "../scripts/export_nnunet.py"


rule export_nnunet:
    input:
        expand("results/nnunet_raw/{folder}", folder=NNUNET),
