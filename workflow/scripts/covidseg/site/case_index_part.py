"""The index of all predicted cases: every case of every data set, with the scores of all models."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from covidseg.cases.case_folder import CaseRow, read_case_rows
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_text
from covidseg.site.axes import Axis
from covidseg.site.datasets import lesion_load, lung_volumes, volumes
from covidseg.site.file_names import case_page
from covidseg.site.part import Entry, Part
from covidseg.site.scripts import as_json

METRICS = ("DSC", "NSD")
SHARES = Axis(-0.03, 1.03, (0, 0.5, 1), signed=False)  # of scores from 0 to 1


@dataclass(frozen=True)
class Line:
    """A region of a case.

    Attributes:
        dataset: name of the data set.
        row: row of cases.csv.
        region: name of the region.
        volume: of the region in mL.
        load: the lesions' share of the lungs in percent; None if unknown.
        scores: metric -> experiment -> mean of the folds; what is undefined is left out.
    """

    dataset: str
    row: CaseRow
    region: str
    volume: float
    load: float | None
    scores: dict[str, dict[str, float]]

    @property
    def page(self) -> str:
        """Path of the page with the viewer, below the site's folder."""
        return case_page(self.dataset, self.row.case)

    @property
    def spread(self) -> tuple[float, float, float] | None:
        """Lowest, median and highest DSC of the models; None if none is defined."""
        values = list(self.scores["DSC"].values())
        return (min(values), median(values), max(values)) if values else None


def make(part: Part) -> list[Entry]:
    """Write the index, and beside it the scores that it loads."""
    scores = read_scores(part.input("scores"))
    methods = {one["experiment"]: one for one in part.parameters["methods"]}
    tables = {path.parent.name: read_case_rows(path) for path in part.inputs["cases"]}
    lines = find_lines(scores[scores.experiment.isin(methods)], tables)
    used = {experiment for line in lines for experiment in line.scores["DSC"]}
    shown = [one for name, one in methods.items() if name in used]
    part.site.write(
        f"{part.folder}/index.html",
        "case_index.html",
        title="Cases",
        lines=lines,
        methods=methods,
        shown=shown,
        titles=part.parameters["titles"],
        counts=pd.Series([line.dataset for line in lines], dtype=object).value_counts(sort=False).to_dict(),
        slices=_slices(scores[~scores.experiment.isin(methods)]),
        axis=SHARES,
    )
    write_text(part.path / "scores.js", f"const SCORES = {as_json(_columns(lines, list(used)))};\n")
    return []  # the cases have pages of their own, which the search finds


def find_lines(scores: pd.DataFrame, tables: Mapping[str, list[CaseRow]]) -> list[Line]:
    """Return one line per region of each case that has scores.

    Args:
        scores: table scores.csv, without the weakly supervised systems.
        tables: data set -> its rows of cases.csv.
    """
    rows = {(name, row.case): row for name, table in tables.items() for row in table}
    lungs = lung_volumes(tables)
    own = scores[scores.metric.isin(METRICS)]
    keys = ["dataset", "case", "region"]
    found: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
    for key in own[keys].drop_duplicates().itertuples(index=False, name=None):
        found[key] = {metric: {} for metric in METRICS}
    means = own.groupby([*keys, "metric", "experiment"], sort=False, as_index=False).value.mean().dropna()
    for dataset, case, region, metric, experiment, value in means.itertuples(index=False, name=None):
        found[dataset, case, region][metric][experiment] = float(value)
    return [
        Line(
            dataset,
            row := rows[dataset, case],
            region,
            volumes(row)[region],
            lesion_load(row, lungs),
            by_metric,
        )
        for (dataset, case, region), by_metric in sorted(found.items(), key=lambda item: item[0])
    ]


def _columns(lines: list[Line], experiments: list[str]) -> dict[str, dict[str, list[float | None]]]:
    """Return experiment -> metric -> one score per line, rounded; None where there is none."""
    return {
        name: {metric: [_rounded(line.scores[metric].get(name)) for line in lines] for metric in METRICS}
        for name in sorted(experiments)
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _slices(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the data sets of slices, with the numbers of their slices and of the systems."""
    named = scores[scores.patient.notna() & (scores.patient != "")]
    return [
        {"dataset": name, "slices": own["case"].nunique(), "systems": own.experiment.nunique()}
        for name, own in named.groupby("dataset")
    ]
