"""Segment all cases that one model is evaluated on."""

from pathlib import Path

from covidseg.cases.splits import evaluation_cases, read_splits
from covidseg.evaluation.prediction import predict_cases
from covidseg.job import job
from covidseg.training.gpu_memory import enough_gpu_memory

if __name__ == "__main__":
    remedy = "take a larger card: `snakemake workload` says how large"
    with job(snakemake.log[0]), enough_gpu_memory(remedy):
        splits, fold = read_splits(snakemake.input.splits), int(snakemake.wildcards.fold)
        folders = map(Path, snakemake.input.cases)
        predict_cases(
            Path(snakemake.input.model),
            [
                folder / case
                for folder in folders
                for case in evaluation_cases(splits, folder.name, snakemake.params.train, fold)
            ],
            output=Path(snakemake.output[0]),
            partial=Path(snakemake.params.partial),
            inference=snakemake.params.inference,
            device=snakemake.params.device,
            precision=snakemake.params.precision,
            threads=snakemake.threads,
            at_most=snakemake.params.tiles,
        )
