"""Score the predictions of one model on every data set that the model is evaluated on."""

from pathlib import Path

from covidseg.cases.case_folder import read_case_rows
from covidseg.evaluation.score_table import COLUMNS, ScoreRow
from covidseg.evaluation.scoring import score_cases, time_scores
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
            "fold": int(snakemake.wildcards.fold),
        }
        trained = zip(snakemake.input.log, snakemake.input.description, strict=True)
        times = [time for paths in trained for time in time_scores(*map(Path, paths))]
        rows = [ScoreRow(**identity, dataset="", split="", patient="", **time._asdict()) for time in times]
        for (dataset, split), labels, cases in zip(
            experiment["evaluate"].items(), snakemake.input.labels, snakemake.input.cases, strict=True
        ):
            patients = {row.case: row.patient for row in read_case_rows(Path(cases))}
            scores = score_cases(
                Path(snakemake.input.predictions, dataset),
                Path(labels),
                regions=snakemake.params.regions[dataset],
                classes=experiment["labels"][dataset],
                tolerance_mm=snakemake.params.tolerance_mm,
                lesions=snakemake.params.lesions,
            )
            data = identity | {"dataset": dataset, "split": split}
            rows += [ScoreRow(**data, patient=patients[one.case], **one._asdict()) for one in scores]
        write_csv(snakemake.output[0], [row.to_csv() for row in rows], columns=COLUMNS)
