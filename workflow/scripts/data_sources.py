"""Write the table of licences and citations."""

from pathlib import Path

from covidseg.archives.licences import source_table
from covidseg.job import job
from covidseg.paper.formats import write_tables
from covidseg.paper.tables import write_csv

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        table = source_table(params.datasets, params.phantom)
        write_csv(Path(snakemake.output[0]), table)
        write_tables(
            Path(snakemake.output[0]).with_suffix(""),
            "Data sources",
            [f"Configuration: {params.configuration}. Gigabytes: of all archives, about."],
            {"Licences and citations": table.fillna("–")},
        )
