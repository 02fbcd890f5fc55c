# A user's own scans: snakemake segment --config scan=PATH out=FOLDER. Settings: see `covidseg segment --help`.


# Without outputs the rule runs whenever it is asked for.
rule segment:
    """Segment the lungs and the infection of a scan of your own (README)."""
    log:
        "logs/segment.log",
    conda:
        environment("segment")
    threads: workflow.cores
    resources:
        **asks(memory_mb=MEMORY.host_mb("predict", ALL), minutes=60),
        gpu=1,
    params:
        own={"out": "results/segmented"} | OWN_SCAN,
        device=config["training"]["device"],
        precision=config["training"]["precision"],
    script:
        "../scripts/segment.py"
