"""The table of the networks' parameters: how many are trained, frozen, loaded and new (wang2021 4.5)."""

from typing import Any

import pandas as pd

from covidseg.config.series import Series
from covidseg.files import write_csv
from covidseg.paper.artefact import Artefact
from covidseg.paper.formats import write_artefact
from covidseg.paper.parameters import Parameters, read_parameters
from covidseg.paper.tables import NOT_RUN
from covidseg.training.description import Counts

Row = dict[str, Any]  # as returned by `parameter_rows`
PARTS = {
    "encoder": "Encoder",
    "general_encoder": "General encoder",
    "fusion": "Fusion",
    "decoder": "Decoder",
    "head": "Segmentation heads",
}
WHOLE = "network"  # the part that stands for the whole network
NUMBERS = ("parameters", "trained", "frozen", "loaded", "new")
NOTE = (
    "Numbers of parameters of the models of fold 0. Trained and frozen parameters add up to all parameters. "
    "So do loaded parameters, which start from a pre-trained model, and new ones, which start random. The "
    "general encoder is the adapted encoder of wang2021 and wang2020."
)


def make(artefact: Artefact) -> None:
    """Write the table: <base>.csv, <base>.md, <base>.tex and <base>.html."""
    found = {path.parent.parent.name: read_parameters(path) for path in artefact.inputs["descriptions"]}
    series = [Series(*fields) for fields in artefact.parameters["series"]]
    models = artefact.parameters["models"]
    rows = parameter_rows(series, {name: found[model] for name, model in models.items()})
    write_csv(f"{artefact.base}.csv", rows)
    notes = [f"Configuration: {artefact.config_name}. {NOTE}", *artefact.remarks]
    tables = {"Whole networks": whole_networks(rows), "Parts of the networks": parts_of_networks(rows)}
    write_artefact(artefact, (notes, tables))


def parameter_rows(series: list[Series], counts: dict[str, Parameters]) -> list[Row]:
    """Return one row per experiment and part of its network, the whole network last.

    An experiment that is not run has one row, without numbers.

    Args:
        series: the experiments, with the paper's names.
        counts: experiment that is run -> part of its network -> numbers of parameters.
    """
    rows: list[Row] = []
    for one in series:
        status = "run" if one.runs else NOT_RUN
        identity: Row = {"row": one.row, "source": one.source, "experiment": one.experiment}
        identity |= {"status": status, "left_out": one.left_out}
        if not one.runs:
            rows.append(identity | {"part": WHOLE} | dict.fromkeys(NUMBERS, ""))
            continue
        parts = counts[one.experiment]
        for part, numbers in {**parts, WHOLE: _sum(parts)}.items():
            size = numbers["trained"] + numbers["frozen"]
            rows.append({**identity, "part": part, "parameters": size, **numbers})
    return rows


def _sum(parts: Parameters) -> Counts:
    return {
        "trained": sum(part["trained"] for part in parts.values()),
        "frozen": sum(part["frozen"] for part in parts.values()),
        "loaded": sum(part["loaded"] for part in parts.values()),
        "new": sum(part["new"] for part in parts.values()),
    }


def whole_networks(rows: list[Row]) -> pd.DataFrame:
    """Return one printed row per method, and per source if the numbers of the sources differ."""
    wholes = [row for row in rows if row["part"] == WHOLE]
    return _join_sources([{"Method": row["row"], "Source": row["source"]} | _printed(row) for row in wholes])


def parts_of_networks(rows: list[Row]) -> pd.DataFrame:
    """Return one printed row per method and part of its network, and per source if the sources differ."""
    parts = [row for row in rows if row["part"] != WHOLE]
    return _join_sources(
        [
            {"Method": row["row"], "Source": row["source"], "Part": PARTS[row["part"]]} | _printed(row)
            for row in parts
        ]
    )


def _printed(row: Row) -> dict[str, str]:
    """Return the numbers as they are printed, with the share of the parameters that are trained."""
    if row["status"] == NOT_RUN:
        return dict.fromkeys([*map(str.capitalize, NUMBERS), "Trained, %"], NOT_RUN)
    texts = {key.capitalize(): f"{row[key]:,}".replace(",", " ") for key in NUMBERS}
    return texts | {"Trained, %": f"{100 * row['trained'] / row['parameters']:.1f}"}


def _join_sources(lines: list[dict[str, str]]) -> pd.DataFrame:
    """Join lines that differ in their source alone; the joint line names all sources."""
    table = pd.DataFrame(lines)
    others = [column for column in table.columns if column != "Source"]
    joined = table.groupby(others, sort=False)["Source"].agg(", ".join).reset_index()
    return joined[list(table.columns)]
