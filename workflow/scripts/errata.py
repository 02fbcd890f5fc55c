"""Turn the list of the papers' misprints from Markdown into a web page."""

from pathlib import Path

from covidseg.files import write_text
from covidseg.job import job
from covidseg.paper.errata import errata_html
from covidseg.paper.web import general_links, write_text_page

if __name__ == "__main__":
    with job(snakemake.log[0]):
        text = Path(snakemake.input[0]).read_text(encoding="utf-8")
        page = write_text_page("Misprints in the papers", errata_html(text), general_links("errata.html"))
        write_text(snakemake.output[0], page)
