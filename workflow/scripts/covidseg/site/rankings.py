"""Rankings: how often each model has each rank when the patients are drawn again."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from covidseg.paper.layout import panel_title
from covidseg.reading import read_table
from covidseg.site.looks import Look


@dataclass(frozen=True)
class Ranks:
    """How often a model has each rank.

    Attributes:
        name, source: of the row.
        look: colour and shape.
        median: median rank.
        low, high: interval of the rank.
        shares: (rank, share of the draws), without ranks that never occur.
    """

    name: str
    source: str
    look: Look
    median: float
    low: float
    high: float
    shares: list[tuple[int, float]]


def read_ranks(paths: list[Path], looks: dict[str, Look]) -> dict[str, list[Ranks]]:
    """Return title -> the models from the best mean rank to the worst, per region, split and metric.

    Args:
        paths: <table>_ranks.csv of the tables of a paper. Of two tables that rank the same measure, the one
            with more rows is taken.
        looks: experiment -> its look.
    """
    found: dict[tuple[str, ...], pd.DataFrame] = {}
    for path in paths:
        table = read_table(path, ["row", "experiment"], keep_default_na=False)
        for names, part in table.groupby(["metric", "region", "split"], sort=False):
            key = tuple(map(str, names))
            if len(part) > len(found.get(key, ())):
                found[key] = part
    return {
        f"{metric.replace('_', ' ')}, {panel_title(region, split)}": _ranked(part, looks)
        for (metric, region, split), part in found.items()
    }


def _ranked(part: pd.DataFrame, looks: dict[str, Look]) -> list[Ranks]:
    columns = [column for column in part.columns if column.startswith("frequency_")][: len(part)]
    return [
        Ranks(
            row["row"],
            row["source"],
            looks[row["experiment"]],
            float(row["median_rank"]),
            float(row["low"]),
            float(row["high"]),
            [(rank, share) for rank, column in enumerate(columns, 1) if (share := float(row[column])) > 0],
        )
        for _, row in part.sort_values("mean_rank", kind="stable").iterrows()
    ]
