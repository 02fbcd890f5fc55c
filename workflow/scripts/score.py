"""Score a model's predictions on every data set it is evaluated on."""

from pathlib import Path

from covidseg.evaluation.scoring import COLUMNS, round_values, score_cases, time_scores
from covidseg.files import write_csv
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        experiment = snakemake.params.experiment
        identity = {
            "experiment": experiment["name"],
            "paper": experiment["paper"],
            "strategy": experiment["strategy"],
            "source": experiment["source"],
            "fold": snakemake.wildcards.fold,
        }
        times = time_scores(Path(snakemake.input.log), Path(snakemake.input.description))
        rows = [{**identity, "dataset": "", "split": "", **time} for time in times]
        for (dataset, split), labels in zip(
            experiment["evaluate"].items(), snakemake.input.labels, strict=True
        ):
            scores = score_cases(
                Path(snakemake.input.predictions, dataset),
                Path(labels),
                regions=snakemake.params.regions[dataset],
                classes=experiment["labels"][dataset],
                tolerance_mm=snakemake.params.tolerance_mm,
            )
            rows += [{**identity, "dataset": dataset, "split": split, **score} for score in scores]
        write_csv(snakemake.output[0], round_values(rows), columns=COLUMNS)
