"""A table of scores: our numbers beside the published numbers, intervals, tests, ranks and printed pages."""

from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import score_page, scored_title, write_artefact
from covidseg.paper.tables import devices_of, read_published, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows, ranking_rows


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>_intervals.csv, <base>_tests.csv, <base>_ranks.csv and the pages."""
    base, entry, parameters = artefact.base, artefact.entry, artefact.parameters
    series = [Series(*fields) for fields in parameters["series"]]
    scores = read_scores(artefact.input("scores"))
    published = read_published(
        artefact.input("published"), artefact.paper, entry["published"], entry.get("elsewhere")
    )
    bootstrap = Bootstrap.of(parameters, artefact.inputs["pixels"])
    cells = table_cells(series, entry, scores, published)
    if parameters["phantom"]:
        cells["difference"] = float("nan")  # phantoms cannot be compared with the papers' patients
    intervals = interval_rows(series, entry, scores, bootstrap)
    write_csv(f"{base}.csv", cells, digits=9)
    write_csv(f"{base}_intervals.csv", intervals, digits=9)
    write_csv(f"{base}_tests.csv", comparison_rows(series, entry, scores, bootstrap), digits=9)
    write_csv(f"{base}_ranks.csv", ranking_rows(series, entry, scores, bootstrap), digits=9)
    page = score_page(
        entry,
        cells,
        intervals,
        config_name=artefact.config_name,
        phantom=parameters["phantom"],
        confidence=parameters["confidence"],
        devices=devices_of(series, scores),
        remarks=artefact.remarks,
    )
    write_artefact(artefact, page, scored_title(entry))
