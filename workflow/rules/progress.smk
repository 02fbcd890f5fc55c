# How far the trainings are, for `snakemake progress`.


# Without outputs, as rule workload: another run in this folder may have its lock, and goes on.
rule progress:
    """Print how far every training is: epoch, loss and time left."""
    log:
        "logs/progress.log",
    conda:
        environment("progress")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        owner=OWNER,
    script:
        "../scripts/progress.py"
