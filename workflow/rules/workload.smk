# How much there is to run, for `snakemake workload`.


# Without outputs the rule runs whenever it is asked for, also while another run has locked its own files.
rule workload:
    """Print how many jobs, hours and gigabytes the configuration takes."""
    log:
        "logs/workload.log",
    conda:
        environment("workload")
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        rules=lambda wildcards: internals.rules_asked(workflow),
        hosts=in_use.hosts(CONFIG),
        owner=OWNER,
        rehearsal=f"results/rehearsal/{config['name']}/rehearsal.csv",
        base=f"results/workload/{config['name']}",
    script:
        "../scripts/workload.py"
