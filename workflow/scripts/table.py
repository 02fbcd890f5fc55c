"""Write one table of a paper."""

from functools import partial
from pathlib import Path

from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.job import job
from covidseg.paper.formats import score_page, write_pages
from covidseg.paper.tables import comparison_rows, devices_of, interval_rows, read_published, table_cells

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, artefact = snakemake.params, snakemake.params.artefact
        series = [Series(*fields) for fields in params.series]
        scores = read_scores(Path(snakemake.input.scores))
        path, paper = Path(snakemake.input.published), snakemake.wildcards.paper
        published = read_published(path, paper, artefact["published"])
        cells = table_cells(series, artefact, scores, published)
        intervals = interval_rows(series, artefact, scores, params.evaluation, params.seed)
        write_csv(snakemake.output.csv, cells, digits=9)
        write_csv(snakemake.output.intervals, intervals, digits=9)
        write_csv(snakemake.output.tests, comparison_rows(series, artefact, scores), digits=9)
        page = partial(
            score_page,
            artefact,
            cells,
            intervals,
            config_name=params.config_name,
            phantom=params.phantom,
            confidence=params.evaluation["confidence"],
            devices=devices_of(series, scores),
            remarks=params.remarks,
        )
        write_pages(Path(snakemake.output.csv).with_suffix(""), artefact["title"], page)
