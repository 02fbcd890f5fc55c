# results/models, results/scores.csv -> results/release: models to give to others. Which: --config models=NAME,NAME

try:  # beside a scan, `models` is the folder from which `snakemake segment` takes its models
    RELEASED = in_use.released(
        CONFIG, "" if "scan" in OWN_SCAN else OWN_SCAN.get("models", "")
    )
except InputError as error:
    raise WorkflowError(str(error))


# Without outputs the rule runs whenever it is asked for, and replaces the last release at its end.
rule release:
    """Write models with model cards, licences, scores and checksums, to give to others (docs/release.md)."""
    input:
        models=released_models,
        scores=released_scores,
    log:
        "logs/release.log",
    conda:
        environment("release")
    resources:
        **asks(memory_mb=4000, minutes=60),
    params:
        models=RELEASED,
        output="results/release",
        # Of the last run, which knows the checksums of archives.
        provenance="results/paper/provenance.json",
    script:
        "../scripts/release.py"
