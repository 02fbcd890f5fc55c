"""Write the table of the data sets."""

from pathlib import Path

import pandas as pd

from covidseg.files import write_csv
from covidseg.job import job
from covidseg.paper.datasets_table import as_csv, as_text, describe_cases
from covidseg.paper.formats import write_pages

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        paths = {Path(table).parent.name: table for table in snakemake.input.cases}
        described = {
            (title, name): describe_cases(pd.read_csv(paths[name]), params.datasets[name])
            if name in paths
            else {}
            for title, names in params.artefact["datasets"].items()
            for name in names
        }
        write_csv(snakemake.output.csv, as_csv(described, params.missing), digits=9)
        notes = [f"Configuration: {params.config_name}. Numbers: median (least to most).", *params.remarks]
        tables = {"Cases, grids and lesions": as_text(described)}
        base = Path(snakemake.output.csv).with_suffix("")
        write_pages(base, params.artefact["title"], lambda markup: (notes, tables))
