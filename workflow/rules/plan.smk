# How much there is to run, for `snakemake plan`.


# No output: it runs whenever it is asked for, and beside another run, whose lock is one of files.
rule plan:
    log:
        "logs/plan.log",
    conda:
        ENVIRONMENT
    resources:
        **asks(memory_mb=1000, minutes=10),
    params:
        rules=lambda wildcards: internals.rules_asked(workflow),
        hosts=in_use.hosts(CONFIG),
        owner=results_owner(),
        base=f"results/plan/{config['name']}",
    script:
        "../scripts/plan.py"
