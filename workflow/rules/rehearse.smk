# The whole workflow at full size on synthetic archives, for `snakemake rehearse`.


# Without outputs, as rule workload. The rehearsal is a run of its own, in a folder of its own.
rule rehearse:
    """Run the whole workflow on made-up scans of full size."""
    log:
        "logs/rehearse.log",
    # A profile's retries would rehearse again what failed.
    retries: 0
    conda:
        environment("rehearse")
    threads: 16
    resources:
        **asks(memory_mb=64000, minutes=120),
        gpu=1,
    params:
        rules=lambda wildcards: internals.rules_asked(workflow),
        folder=f"results/rehearsal/{config['name']}",
        keep=internals.keeps_temporaries(workflow),
    script:
        "../scripts/rehearse.py"
