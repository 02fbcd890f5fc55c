"""Write the table of the data sets' licences and citations."""

from pathlib import Path

from covidseg.archives.licences import licence_table
from covidseg.files import write_csv
from covidseg.job import job
from covidseg.paper.formats import write_pages
from covidseg.paper.web import general_links

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        table = licence_table(params.datasets, params.phantom)
        write_csv(snakemake.output[0], table, digits=9)
        notes = [f"Configuration: {params.config_name}. Gigabytes: of all archives, about."]
        tables = {"Licences and citations": table.astype(object).fillna("–").rename(columns=str.capitalize)}
        links = general_links("licences.html", [f"licences{suffix}" for suffix in (".csv", ".md", ".tex")])
        base = Path(snakemake.output[0]).with_suffix("")
        write_pages(base, "Licences of the data sets", (notes, tables), links)
