"""Turn the archives of a data set into cases: one scan and one label file per case."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        ingest(
            snakemake.params.dataset,
            raw=Path(snakemake.input.archives[0]).parents[1],
            names=snakemake.params.names,
            output=CaseFolder(Path(snakemake.output.table).parent),
            workers=snakemake.threads,
        )
