"""The table of all scores, scores.csv: its rows, and the scores of all models in one file."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from covidseg.errors import InputError
from covidseg.files import write_text
from covidseg.reading import AGAIN, read_text

DECIMALS = 9  # to which a value in scores.csv is rounded


@dataclass(frozen=True)
class ScoreRow:
    """A row of scores.csv: one metric of one region in one case, for one model.

    A row whose metric is "time" gives the training time: its dataset, split and region are empty.

    Attributes:
        experiment: name of the experiment or of the localiser.
        paper: the first paper that the experiment belongs to.
        strategy: the training strategy, or a localiser's system.
        source: the source that the model learns from; "none" without a source, "weak" for a localiser.
        fold: number of the fold.
        dataset: data set of the case.
        split: split of the data, as named in experiments.yaml.
        case: name of the case or slice; "all" for all slices together; the device in a row of time.
        patient: name of the patient, by cases.csv; of a slice the patient, the scan, or the slice itself,
            whichever is known; empty for all slices together and in a row of time.
        region: the region that is scored.
        metric: name of the metric, as in config/published.csv.
        value: a fraction and not a percentage; NSD at the region's tolerance; time in seconds per epoch;
            volumes in mL; NaN if undefined.
    """

    experiment: str
    paper: str
    strategy: str
    source: str
    fold: int
    dataset: str
    split: str
    case: str
    patient: str
    region: str
    metric: str
    value: float

    def to_csv(self) -> dict[str, object]:
        """Return the row as column -> cell, with the value rounded to DECIMALS."""
        return asdict(self) | {"value": float(np.round(self.value, DECIMALS))}


COLUMNS = tuple(column.name for column in fields(ScoreRow))


def collect(paths: list[Path], output: Path) -> None:
    """Join the scores of every experiment and fold in one file.

    Raises:
        InputError: a file has other columns than the first one.
    """
    header = ""
    lines: list[str] = []
    for path in paths:
        first, *rest = read_text(path, AGAIN).splitlines() or [""]
        if header not in ("", first):
            raise InputError(f"{path}: columns {first}, elsewhere {header}; {AGAIN}")
        header = first
        lines += rest
    write_text(output, "\n".join([header, *lines]) + "\n")
