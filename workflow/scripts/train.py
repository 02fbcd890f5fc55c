"""Train one model (the rules `pretrain` and `train`)."""

from pathlib import Path

from covidseg.job import job
from covidseg.training.run import describe_run, make_run
from covidseg.training.train import train

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        run = make_run(
            params.experiment,
            fold=int(snakemake.wildcards.fold),
            preprocessed=[Path(folder) for folder in snakemake.input.cases],
            splits=snakemake.input.splits,
            pretrained=Path(snakemake.input.pretrained[0]) if snakemake.input.pretrained else None,
            sections=params.sections,
            training=snakemake.config["training"],
            code=params.code,
            threads=snakemake.threads,
        )
        train(
            run,
            model=Path(snakemake.output.model),
            log_table=Path(snakemake.output.log),
            state=Path(params.state),
            description=describe_run(run, params.experiment, params.sections),
            snapshots=snakemake.output.get("snapshots"),
        )
