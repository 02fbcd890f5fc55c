# From an address to arrays: data/raw -> results/cases -> results/preprocessed, results/splits.


rule download:
    """Fetch one archive of a data set, or make it up in a phantom run."""
    output:
        "data/raw/{dataset}/{archive}",
    log:
        "logs/download/{dataset}/{archive}.log",
    conda:
        environment("download")
    resources:
        **asks(memory_mb=1000, minutes=720),
        downloads=1,
    params:
        # Only for phantoms: a changed line of code must not download 40 GB again.
        code=phantom_code,
        origin=addresses_of,
        phantom=phantom_of,
    message:
        MESSAGE
    script:
        "../scripts/download.py"


rule licences:
    """List the licences of the data sets."""
    output:
        multiext("results/paper/licences", ".csv", ".md", ".tex", ".html"),
    log:
        "logs/licences.log",
    conda:
        environment("licences")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        code=code("licences"),
        datasets=in_use.licence_entries(CONFIG),
        phantom=[name for name in in_use.hosts(CONFIG) if CONFIG.is_phantom(name)],
        config_name=config["name"],
    message:
        MESSAGE
    script:
        "../scripts/licences.py"


rule ingest:
    """Turn the archives of a data set into cases with one orientation and one set of labels."""
    input:
        archives=archive_files,
    output:
        images=directory("results/cases/{dataset}/images"),
        labels=directory("results/cases/{dataset}/labels"),
        table="results/cases/{dataset}/cases.csv",
    log:
        "logs/ingest/{dataset}.log",
    conda:
        environment("ingest")
    threads: THREADS
    resources:
        **asks(memory_mb=8000, minutes=240),
    params:
        code=code("ingest"),
        dataset=keys(*in_use.INGESTED),
        names=lambda wildcards: CONFIG.archived_apart(wildcards.dataset),
        chosen=chosen_cases,
        left_out=left_out,
        listed=lambda wildcards: CONFIG.case_names(wildcards.dataset) is not None,
    message:
        MESSAGE
    script:
        "../scripts/ingest.py"


rule preprocess:
    """Resample the cases of a data set to the target's spacing, and scale their intensities."""
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
        environment("preprocess")
    threads: THREADS
    resources:
        # Per thread at most 3.2 GiB, for StructSeg: 520x856x856 voxels at the papers' target spacing.
        **asks(memory_mb=16000, minutes=240),
    params:
        code=code("preprocess"),
        dataset=keys("regions", "intensity"),
        plan=in_use.pick(config["plan"], "spacing", "window"),
    message:
        MESSAGE
    script:
        "../scripts/preprocess.py"


rule split:
    """Divide the cases of a data set into folds."""
    input:
        cases="results/cases/{dataset}/cases.csv",
    output:
        "results/splits/{dataset}.json",
    log:
        "logs/split/{dataset}.log",
    conda:
        environment("split")
    resources:
        **asks(memory_mb=500, minutes=10),
    params:
        code=code("split"),
        kind=split_kind,
        published=published_folds,
        scheme=config["splits"],
        chosen=split_names,
        left_out=left_out,
        seed=config["seed"],
    message:
        MESSAGE
    script:
        "../scripts/split.py"


rule collect_splits:
    """Gather the folds of all data sets in one file."""
    input:
        splits=expand("results/splits/{dataset}.json", dataset=in_use.datasets(CONFIG)),
        cases=expand(
            "results/cases/{dataset}/cases.csv", dataset=in_use.datasets(CONFIG)
        ),
    output:
        "results/splits.json",
    log:
        "logs/collect_splits.log",
    conda:
        environment("collect_splits")
    resources:
        **asks(memory_mb=500, minutes=10),
    params:
        code=code("collect_splits"),
        hosts=in_use.image_hosts(CONFIG),
    message:
        MESSAGE
    script:
        "../scripts/collect_splits.py"
