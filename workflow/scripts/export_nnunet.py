"""Write the cases and folds of a data set in the layout that nnU-Net reads."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.nnunet import export
from covidseg.cases.splits import read_splits
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        (folds,) = read_splits(snakemake.input.splits).values()
        export(
            snakemake.params.dataset,
            folds,
            cases=CaseFolder(Path(snakemake.input.images[0]).parent),
            window=tuple(snakemake.params.window),
            config_name=snakemake.params.config_name,
            output=Path(snakemake.output[0]),
            workers=snakemake.threads,
        )
