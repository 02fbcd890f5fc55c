"""Write one table of a paper."""

from pathlib import Path

from covidseg.config.series import Series
from covidseg.job import job
from covidseg.paper.formats import write_printed
from covidseg.paper.tables import (
    comparison_rows,
    devices_of,
    interval_rows,
    read_published,
    read_scores,
    table_cells,
    write_csv,
)

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, artefact = snakemake.params, snakemake.params.artefact
        series = [Series(*fields) for fields in params.series]
        scores = read_scores(Path(snakemake.input.scores))
        source, paper = Path(snakemake.input.published), snakemake.wildcards.paper
        published = read_published(source, paper, artefact["published"])
        cells = table_cells(series, artefact, scores, published)
        intervals = interval_rows(series, artefact, scores, params.evaluation, params.seed)
        write_csv(Path(snakemake.output.csv), cells)
        write_csv(Path(snakemake.output.intervals), intervals)
        write_csv(Path(snakemake.output.tests), comparison_rows(series, artefact, scores))
        write_printed(
            Path(snakemake.output.csv).with_suffix(""),
            artefact,
            cells,
            intervals,
            configuration=params.configuration,
            phantom=params.phantom,
            confidence=params.evaluation["confidence"],
            devices=devices_of(series, scores),
            remarks=params.remarks,
        )
