"""Train one weakly supervised system, which learns from image-level labels."""

from pathlib import Path

from covidseg.job import job
from covidseg.training.gpu_memory import enough_gpu_memory
from covidseg.weak.training import describe_weak_run, make_weak_run, train_weakly

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0]), enough_gpu_memory("take a larger card: `snakemake workload` says how large"):
        run = make_weak_run(
            params.model,
            slices=Path(snakemake.input.slices[0]),
            classifier=Path(snakemake.input.classifier[0]) if snakemake.input.classifier else None,
            weak=params.weak,
            checkpoint_seconds=snakemake.config["weak"]["checkpoint_seconds"],
            seed=params.seed,
            code=params.code,
            threads=snakemake.threads,
            timed=params.timed,
        )
        train_weakly(
            run,
            model=Path(snakemake.output.model),
            log_table=Path(snakemake.output.log),
            state=Path(params.state),
            description=describe_weak_run(run, params.model),
        )
