# What is wrong with the configurations, and what is to do, for `snakemake check`.


# Without outputs, as rule workload. Faults are told before: with a fault there are no rules (common.smk).
rule check:
    """Check all configurations or the chosen one, and print the jobs that config/local adds or that are to do."""
    log:
        "logs/check.log",
    conda:
        environment("check")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        rules=lambda wildcards: internals.rules_asked(workflow),
        owner=OWNER,
        rehearsal=f"results/rehearsal/{config['name']}/rehearsal.csv",
    script:
        "../scripts/check.py"
