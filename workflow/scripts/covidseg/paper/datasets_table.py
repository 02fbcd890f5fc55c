"""The table of the data sets: numbers of cases, voxel grids and lesion volumes."""

import pandas as pd

from covidseg.archives.dataset import Dataset
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.cells import Cell
from covidseg.paper.formats import write_artefact
from covidseg.paper.tables import NOT_RUN
from covidseg.paper.titles import TITLES
from covidseg.reading import read_table
from covidseg.regions import LESIONS

COUNTED = (
    "Lesions and slices with lesions are totals; a lesion is a part of the label that is connected in three "
    "dimensions. The paper does not say what it counts as one infection."
)
INGESTED = {  # key of Described, a number of cases -> what `ingest` has done there or noticed
    "cases_with_missing_slices": "missing slices were interpolated",
    "cases_with_corrections": "headers or labels were corrected",
    "cases_with_warnings": "something looks odd",
}
Spread = tuple[float, float, float]  # minimum, median and maximum
Described = dict[str, Spread | int | str]  # as returned by `describe_cases`
Printed = dict[str, dict[str, str | int]]  # data set -> key of Described -> value as the paper prints it


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>.md, <base>.tex and <base>.html."""
    tables = {table.parent.name: table for table in artefact.inputs["cases"]}
    datasets = artefact.parameters["datasets"]
    described = {
        (title, name): describe_cases(read_table(tables[name], ["case"]), datasets[name])
        if name in tables
        else {}
        for title, names in artefact.entry["datasets"].items()
        for name in names
    }
    printed = artefact.entry.get("printed", {})
    write_csv(f"{artefact.base}.csv", as_csv(described, artefact.parameters["missing"], printed), digits=9)
    note = f"Configuration: {artefact.config_name}. Numbers: median (least to most) [published]. {COUNTED}"
    page = (
        [note, *ingest_notes(described), *artefact.remarks],
        {"Cases, grids and lesions": as_text(described, printed)},
    )
    write_artefact(artefact, page)


def describe_cases(cases: pd.DataFrame, dataset: Dataset) -> Described:
    """Summarise the cases of one data set.

    Args:
        cases: table cases.csv, with one row per case.
        dataset: entry of the data set in config/datasets.yaml.

    Returns:
        The labelled regions, the numbers of cases and patients, and (minimum, median, maximum) over the cases
        of: number of slices, spacing (mm), lesion volume (mL) and the lesions' share of the lungs (percent).
        The share is given only if the data set labels both lungs and lesions. If the data set labels
        lesions: the numbers of slices with lesions and of lesions, over all cases.
    """
    spacing = cases.spacing_mm.str.split("x", expand=True).astype(float)
    slices = cases["shape"].str.split("x").str[0].astype(int)
    regions = list(dataset["regions"].values())
    found: Described = {
        "labels": ", ".join(TITLES[region].lower() for region in regions),
        "cases": len(cases),
        "patients": cases.patient.nunique(),
        "slices": _spread(slices),
        "slice_spacing_mm": _spread(spacing[0]),
        "pixel_spacing_mm": _spread(spacing[2]),
        "missing_slices": int(cases.missing_slices.sum()),
        "cases_with_missing_slices": int((cases.missing_slices > 0).sum()),
        "cases_with_corrections": int(cases.corrections.notna().sum()),
        "cases_with_warnings": int(cases.warnings.notna().sum()),
    }
    lesions = [region for region in regions if region in LESIONS]
    if lesions:
        for key, count in (("lesion_slices", "slices"), ("lesions", "lesions")):
            found[key] = int(cases[[f"{count}_{region}" for region in lesions]].sum().sum())
        voxels = cases[[f"voxels_{region}" for region in lesions]].sum(axis=1)
        found["lesion_ml"] = _spread(voxels * spacing.prod(axis=1) / 1000)
        if "left_lung" in regions:
            lungs = cases[[f"voxels_{region}" for region in regions]].sum(axis=1)
            found["lesion_percent_of_lungs"] = _spread(100 * voxels / lungs)
    return found


def ingest_notes(described: dict[tuple[str, str], Described]) -> list[str]:
    """Return a sentence per data set of which `ingest` has changed a case, or found a case odd.

    Args:
        described: as for `as_csv`.
    """
    notes = []
    for (title, name), found in described.items():
        parts = [
            f"{sentence} in {found[count]} cases" for count, sentence in INGESTED.items() if found.get(count)
        ]
        if parts:
            notes.append(f"{title} ({name}): {', '.join(parts)}; see results/cases/{name}/cases.csv.")
    return notes


def _spread(values: pd.Series) -> Spread:
    return float(values.min()), float(values.median()), float(values.max())


def as_csv(
    described: dict[tuple[str, str], Described], missing: dict[str, str], printed: Printed
) -> pd.DataFrame:
    """Return one row per data set; minimum, median and maximum have one column each.

    A published value is in the column published_<key>.

    Args:
        described: (printed name, name) of the data set -> result of `describe_cases`, or {} if the data set
            is left out.
        missing: data set that is left out -> the entry of the configuration's `without` that leaves it out.
        printed: the published values.
    """
    rows = []
    for (title, name), found in described.items():
        status = NOT_RUN if name in missing else "run"
        row: dict[str, object] = {
            "title": title,
            "dataset": name,
            "status": status,
            "left_out": missing.get(name, ""),
        }
        for key, value in found.items():
            if isinstance(value, tuple):
                parts = zip(("min", "median", "max"), value, strict=True)
                row |= {f"{key}_{part}": number for part, number in parts}
            else:
                row[key] = value
        row |= {f"published_{key}": value for key, value in printed.get(name, {}).items()}
        rows.append(row)
    return pd.DataFrame(rows)


def as_text(described: dict[tuple[str, str], Described], printed: Printed) -> pd.DataFrame:
    """Return one row per data set, as printed: "median (minimum to maximum)", and published.

    Args:
        described, printed: as for `as_csv`.
    """
    headings = {
        "labels": "Labels",
        "cases": "Cases",
        "patients": "Patients",
        "slices": "Slices",
        "slice_spacing_mm": "Slice spacing, mm",
        "pixel_spacing_mm": "Pixel, mm",
        "lesion_slices": "Slices with lesions",
        "lesions": "Lesions",
        "lesion_ml": "Lesion, mL",
        "lesion_percent_of_lungs": "Lesion, % of the lungs",
    }
    rows = []
    for (title, name), found in described.items():
        row: dict[str, str | Cell] = {"Data set": title}
        for key, heading in headings.items():
            row[heading] = _text(found.get(key) if found else NOT_RUN, printed.get(name, {}).get(key))
        rows.append(row)
    return pd.DataFrame(rows)


def _text(value: Spread | int | str | None, published: str | int | None) -> str | Cell:
    text = "–" if value is None else str(value)
    if isinstance(value, tuple):
        low, middle, high = (f"{number:.3g}" if number < 1000 else f"{number:.0f}" for number in value)
        text = middle if low == high else f"{middle} ({low} to {high})"
    return text if published is None else Cell(text, str(published))
