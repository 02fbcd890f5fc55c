"""Turn the archives of a data set into cases: one scan and one label file per case."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.left_out import read_reasons
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        sheet = Path(snakemake.scriptdir).resolve().parents[1] / "config" / "datasets.yaml"
        ingest(
            snakemake.params.dataset,
            raw=Path(snakemake.input.archives[0]).parents[1],
            names=snakemake.params.names,
            chosen=snakemake.params.chosen,
            left_out=read_reasons(sheet, snakemake.wildcards.dataset, snakemake.params.left_out),
            listed=snakemake.params.listed,
            output=CaseFolder(Path(snakemake.output.table).parent),
            workers=snakemake.threads,
        )
