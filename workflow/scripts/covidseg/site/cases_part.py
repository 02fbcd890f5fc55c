"""A page with a viewer for every predicted case of a data set, and a list of the cases."""

from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from covidseg.archives.dataset import Dataset
from covidseg.cases.case_folder import CaseRow, read_case_rows
from covidseg.cases.intensity import intensity_of
from covidseg.evaluation.summary import read_scores
from covidseg.site.case_files import Shot, read_shot, write_files
from covidseg.site.case_packing import write_script
from covidseg.site.case_page import (
    SCORES,
    Scores,
    case_scores,
    choose_pair,
    fold_scores,
    lesion_entries,
    lung_share,
)
from covidseg.site.case_reading import Source, prediction_files
from covidseg.site.file_names import case_page, safe_name
from covidseg.site.part import Entry, Part


@dataclass(frozen=True)
class Case:
    """A case with a page.

    Attributes:
        row: row of cases.csv.
        page: path of the page below the site's folder.
        data: what the viewer reads from the page.
        predictions: number of predictions.
        lung_share: share of the lungs that is infected; None if that is not annotated.
    """

    row: CaseRow
    page: str
    data: dict[str, Any]
    predictions: int
    lung_share: float | None


def make(part: Part) -> list[Entry]:
    """Write the pages of a data set's cases, and return what the search finds in them."""
    dataset, title = part.parameters["dataset"], part.parameters["title"]
    files = prediction_files(part.inputs["predictions"], part.parameters["methods"], dataset)
    scores = arrange_scores(read_scores(part.input("scores")), dataset)
    rows = {row.case: row for row in read_case_rows(part.input("cases"))}
    write_script(part.path / "folds.js", "folds", fold_scores(scores))
    cases = [_make_case(part, rows[name], sources, scores) for name, sources in files.items()]
    for place, case in enumerate(cases):
        _write_page(part, case, cases[place - 1] if place else None, next(iter(cases[place + 1 :]), None))
    index = f"{part.folder}/index.html"
    part.site.write(index, "cases.html", title=f"Cases of {title}", dataset=dataset, cases=cases)
    found: list[Entry] = [{"title": f"Cases of {title}", "kind": "cases", "page": index}]
    return found + [{"title": case.row.case, "kind": f"case of {title}", "page": case.page} for case in cases]


def arrange_scores(scores: pd.DataFrame, dataset: str) -> Scores:
    """Return the scores of a data set's cases, arranged by model, region, case and metric."""
    found: Scores = {}
    own = scores[(scores.dataset == dataset) & scores.metric.isin(list(SCORES))]
    columns = ("experiment", "fold", "region", "case", "metric", "value")
    for experiment, fold, region, case, metric, value in zip(*(own[name] for name in columns), strict=True):
        regions = found.setdefault((experiment, int(fold)), {})
        regions.setdefault(region, {}).setdefault(case, {})[metric] = value
    return found


def _make_case(part: Part, row: CaseRow, sources: list[Source], scores: Scores) -> Case:
    """Write the files that the viewer loads for a case, and return what the page says."""
    shot = read_shot(
        part.input("images"),
        part.input("labels"),
        row.case,
        sources,
        kind=intensity_of(cast("Dataset", part.parameters), row.case),
        regions=part.parameters["regions"],
        rule=part.parameters["lesion_rule"],
    )
    methods = write_files(part.path / safe_name(row.case), shot)
    data = {
        **_geometry(shot),
        "dataset": part.parameters["dataset"],
        "case": row.case,
        "folder": safe_name(row.case),
        "regions": _regions(shot),
        "methods": methods,
        "metrics": list(SCORES),
        "scores": case_scores(scores, shot.predictions, row.case),
        "lesions": {
            name: lesion_entries(found, shot.grid) for name, found in shot.annotation.lesions.items()
        },
        "overlap": part.parameters["lesion_rule"]["overlap"],
        "tolerance": part.parameters["tolerance_mm"],
        "chosen": choose_pair(methods, scores),
    }
    page = case_page(part.parameters["dataset"], row.case)
    return Case(row, page, data, len(sources), lung_share(shot.annotation.volumes()))


def _geometry(shot: Shot) -> dict[str, Any]:
    """Return what the viewer needs to place voxels; (z, y, x) throughout."""
    grid = shot.grid
    return {
        "shape": shot.scan.array.shape,
        "spacing": shot.scan.geometry.spacing,
        "voxel_ml": shot.annotation.voxel_ml,
        "start": [one.start for one in grid.box],
        "size": grid.shape,
        "factor": grid.factor,
        "kind": shot.kind,
    }


def _regions(shot: Shot) -> list[dict[str, Any]]:
    volumes = shot.annotation.volumes()
    return [
        {"label": label, "name": name, "title": name.replace("_", " "), "ml": round(volumes[name], 2)}
        for label, name in shot.annotation.regions.items()
    ]


def _write_page(part: Part, case: Case, before: Case | None, after: Case | None) -> None:
    part.site.write(
        case.page,
        "case.html",
        title=case.row.case,
        plotly=True,
        case=case,
        data=case.data,
        dataset=part.parameters["dataset"],
        dataset_title=part.parameters["title"],
        before=before,
        after=after,
    )
