"""Resample the cases of a data set to the target spacing, and normalise their intensities."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import preprocess
from covidseg.cases.target_spacing import target_spacing
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        plan = snakemake.params.plan
        preprocess(
            snakemake.params.dataset,
            cases=CaseFolder(Path(snakemake.input.table).parent),
            target_spacing=tuple(plan["spacing"] or target_spacing(Path(snakemake.input.target))),
            window=tuple(plan["window"]),
            output=Path(snakemake.output[0]),
            workers=snakemake.threads,
        )
