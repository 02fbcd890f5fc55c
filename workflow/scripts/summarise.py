"""Write the mean scores of every strategy."""

from pathlib import Path

from covidseg.evaluation.summary import as_metrics, mean_scores, read_scores
from covidseg.files import atomic_directory, write_csv, write_json
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        means = mean_scores(
            read_scores(Path(snakemake.input.scores)),
            dataset=snakemake.params.dataset,
            region="infection",
            split="test",
        )
        with atomic_directory(Path(snakemake.output.metrics)) as folder:
            for experiment, metrics in as_metrics(means).items():
                write_json(folder / f"{experiment}.json", metrics)
        write_csv(snakemake.output.table, means, digits=9)
