"""Write which cases of a data set are for training and which are for testing, per fold."""

from pathlib import Path

from covidseg.cases.folds import make_split
from covidseg.cases.left_out import read_reasons
from covidseg.files import write_json
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        sheet = Path(snakemake.scriptdir).resolve().parents[1] / "config" / "datasets.yaml"
        folds = make_split(
            snakemake.params.kind,
            cases=Path(snakemake.input.cases),
            published=snakemake.params.published,
            scheme=snakemake.params.scheme,
            chosen=snakemake.params.chosen,
            left_out=read_reasons(sheet, snakemake.wildcards.dataset, snakemake.params.left_out),
            seed=snakemake.params.seed,
        )
        write_json(snakemake.output[0], {snakemake.wildcards.dataset: folds})
