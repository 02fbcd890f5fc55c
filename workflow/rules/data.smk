# From an address to arrays: data/raw -> results/cases -> results/preprocessed, results/splits.


rule download:
    output:
        "data/raw/{dataset}/{archive}",
    log:
        "logs/download/{dataset}/{archive}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(1000),
        runtime=rising(720),
        downloads=1,
    params:
        # Of phantoms alone: nobody fetches 40 GB again because a line of code has changed.
        code=lambda wildcards: (
            code("covidseg/archives/phantom/hosts") if phantom_of(wildcards) else None
        ),
        origin=addresses_of,
        phantom=phantom_of,
    message:
        "Fetch {output}"
    script:
        "../scripts/download.py"


rule licences:
    output:
        multiext("results/paper/licences", ".csv", ".md", ".tex", ".html"),
    log:
        "logs/licences.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(1000),
        runtime=rising(10),
    params:
        code=code("licences"),
        datasets={name: DATASETS[name] for name in hosts_in_use()},
        phantom=[name for name in hosts_in_use() if CONFIGURATION.is_phantom(name)],
        config_name=config["name"],
    message:
        "List data sets, licences and citations: {output[1]}"
    script:
        "../scripts/licences.py"


rule ingest:
    input:
        archives=archive_files,
    output:
        images=directory("results/cases/{dataset}/images"),
        labels=directory("results/cases/{dataset}/labels"),
        table="results/cases/{dataset}/cases.csv",
    log:
        "logs/ingest/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 4
    resources:
        mem_mb=rising(8000),
        runtime=rising(240),
    params:
        code=code("ingest"),
        dataset=lambda wildcards: DATASETS[wildcards.dataset],
        names=lambda wildcards: CONFIGURATION.case_names(wildcards.dataset),
    message:
        "Ingest {wildcards.dataset} into {output.images}"
    script:
        "../scripts/ingest.py"


rule preprocess:
    input:
        images="results/cases/{dataset}/images",
        labels="results/cases/{dataset}/labels",
        table="results/cases/{dataset}/cases.csv",
        target=f"results/cases/{TARGET}/cases.csv",
    output:
        directory("results/preprocessed/{dataset}"),
    log:
        "logs/preprocess/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 4
    resources:
        mem_mb=rising(8000),
        runtime=rising(240),
    params:
        code=code("preprocess"),
        dataset=lambda wildcards: DATASETS[wildcards.dataset],
        plan=plan_of,
    message:
        "Preprocess into {output}"
    script:
        "../scripts/preprocess.py"


rule split:
    input:
        cases="results/cases/{dataset}/cases.csv",
        published=local("config/splits.json"),
    output:
        "results/splits/{dataset}.json",
    log:
        "logs/split/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=rising(500),
        runtime=rising(10),
    params:
        code=code("split"),
        kind=lambda wildcards: DATASETS[wildcards.dataset]["split"],
        scheme=config["splits"],
        phantom=lambda wildcards: config["phantom"]
        and CONFIGURATION.case_names(wildcards.dataset),
        seed=config["seed"],
    message:
        "Split: {output}"
    script:
        "../scripts/split.py"
