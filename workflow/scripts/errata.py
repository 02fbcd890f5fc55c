"""Turn the list of the papers' misprints from Markdown into an HTML page."""

from pathlib import Path

from markdown_it import MarkdownIt

from covidseg.files import write_text
from covidseg.job import job
from covidseg.paper.formats import PAGE

if __name__ == "__main__":
    with job(snakemake.log[0]):
        text = Path(snakemake.input[0]).read_text(encoding="utf-8")
        body = MarkdownIt("commonmark").enable("table").render(text)
        wrapped = "<style>td { white-space: normal; }</style>\n" + body
        write_text(snakemake.output[0], PAGE.format(title="Misprints", body=wrapped))
