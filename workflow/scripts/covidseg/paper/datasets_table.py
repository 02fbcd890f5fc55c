"""The table of the data sets: cases, grids, and how much of the lungs is diseased."""

import pandas as pd

from covidseg.archives.dataset import Dataset
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import write_pages
from covidseg.paper.tables import NOT_RUN
from covidseg.regions import LESIONS, TITLES

Spread = tuple[float, float, float]  # least, median and most
Described = dict[str, Spread | int | str]  # of `describe_cases`


def make(artefact: Artefact) -> None:
    """Write <base>.csv, .md, .tex and .html."""
    tables = {table.parent.name: table for table in artefact.inputs["cases"]}
    datasets = artefact.parameters["datasets"]
    described = {
        (title, name): describe_cases(pd.read_csv(tables[name]), datasets[name]) if name in tables else {}
        for title, names in artefact.entry["datasets"].items()
        for name in names
    }
    write_csv(f"{artefact.base}.csv", as_csv(described, artefact.parameters["missing"]), digits=9)
    note = f"Configuration: {artefact.config_name}. Numbers: median (least to most)."
    page = ([note, *artefact.remarks], {"Cases, grids and lesions": as_text(described)})
    write_pages(artefact.base, artefact.entry["title"], lambda markup: page)


def describe_cases(cases: pd.DataFrame, dataset: Dataset) -> Described:
    """Summarise a cases.csv.

    Args:
        cases: one row per case.
        dataset: entry of config/datasets.yaml.

    Returns:
        Numbers of cases and patients, and (least, median, most) of what differs from case to case; the
        share of the lungs only where the data set labels both lungs and lesions.
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
    }
    lesions = [region for region in regions if region in LESIONS]
    if lesions:
        voxels = cases[[f"voxels_{region}" for region in lesions]].sum(axis=1)
        found["lesion_ml"] = _spread(voxels * spacing.prod(axis=1) / 1000)
        if "left_lung" in regions:
            lungs = cases[[f"voxels_{region}" for region in regions]].sum(axis=1)
            found["lesion_percent_of_lungs"] = _spread(100 * voxels / lungs)
    return found


def _spread(values: pd.Series) -> Spread:
    return float(values.min()), float(values.median()), float(values.max())


def as_csv(described: dict[tuple[str, str], Described], missing: dict[str, str]) -> pd.DataFrame:
    """Return one row per data set, a column for each of least, median and most.

    Args:
        described: its names -> of `describe_cases`; {} of a data set that is left out.
        missing: data set -> the name in `without` that leaves it out.
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
        rows.append(row)
    return pd.DataFrame(rows)


def as_text(described: dict[tuple[str, str], Described]) -> pd.DataFrame:
    """Return one row per data set as it is printed: median (least to most)."""
    headings = {
        "labels": "Labels",
        "cases": "Cases",
        "patients": "Patients",
        "slices": "Slices",
        "slice_spacing_mm": "Slice spacing, mm",
        "pixel_spacing_mm": "Pixel, mm",
        "lesion_ml": "Lesion, mL",
        "lesion_percent_of_lungs": "Lesion, % of the lungs",
    }
    return pd.DataFrame(
        {"Data set": title}
        | {heading: _text(found.get(key)) if found else NOT_RUN for key, heading in headings.items()}
        for (title, _), found in described.items()
    )


def _text(value: Spread | int | str | None) -> str:
    if value is None:
        return "–"
    if not isinstance(value, tuple):
        return str(value)
    low, middle, high = (f"{number:.3g}" if number < 1000 else f"{number:.0f}" for number in value)
    return middle if low == high else f"{middle} ({low} to {high})"
