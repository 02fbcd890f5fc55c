# How much there is to run, for `snakemake workload`.


# No output: it runs whenever it is asked for, and beside another run, whose lock is one of files.
rule workload:
    log:
        "logs/workload.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        rules=lambda wildcards: rules_asked(),
        hosts=hosts_in_use(),
        owner=results_owner(),
        base=f"results/workload/{config['name']}",
    message:
        "Count jobs, hours and gigabytes of configuration {config[name]}"
    script:
        "../scripts/workload.py"
