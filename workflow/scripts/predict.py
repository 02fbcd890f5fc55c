"""Segment a data set's evaluation cases with one model."""

from pathlib import Path

from covidseg.job import job
from covidseg.prediction import predict_cases
from covidseg.splits import evaluation_cases, read_splits

if __name__ == "__main__":
    with job(snakemake.log[0]):
        cases = evaluation_cases(
            read_splits(snakemake.input.splits),
            snakemake.wildcards.dataset,
            snakemake.params.train,
            int(snakemake.wildcards.fold),
        )
        predict_cases(
            Path(snakemake.input.model),
            [Path(snakemake.input.cases, case) for case in cases],
            output=Path(snakemake.output[0]),
            partial=Path(snakemake.params.partial),
            settings=snakemake.params.inference,
            device=snakemake.params.device,
            precision=snakemake.params.precision,
            threads=snakemake.threads,
        )
