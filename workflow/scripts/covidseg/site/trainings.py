"""The trainings: what was logged of each, and what its description says."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from covidseg.reading import read_json, read_table

# Columns of log.csv that have no plot: `epoch` is the axis, and `loss` stands first, under its own name.
NOT_PLOTTED = ("epoch", "loss", "segmentation_loss", "momentum")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the page calls a model.

    Attributes:
        group: key of the strategy in the palette; `weak` for a weakly supervised system.
        colour: class in palette.css, such as strategy-continual or system-va-gan.
        title: of the strategy or of the system.
        source: key of the source.
        source_title: such as MSD.
        regions: what the model segments.
    """

    group: str
    colour: str
    title: str
    source: str
    source_title: str
    regions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Training(Words):
    """One training: a model, its fold, and what was logged.

    Attributes:
        model: name of the model's folder, such as continual-msd.
        fold: number of the fold.
        log, model_json: the files of the training.
        table: the log, one row per epoch; an unmeasured value is NaN.
        description: content of model.json.
    """

    model: str
    fold: int
    log: Path
    model_json: Path
    table: pd.DataFrame
    description: dict[str, Any]

    @property
    def name(self) -> str:
        """Model and fold, as in results/models: also the anchor of the training in its page."""
        return f"{self.model}/fold{self.fold}"

    @cached_property
    def loss(self) -> pd.Series:
        """Epoch -> loss. Of collaborative learning the segmentation loss alone, which all models have."""
        column = "segmentation_loss" if "segmentation_loss" in self.table else "loss"
        return self.table.set_index("epoch")[column].dropna()

    @property
    def last_loss(self) -> float | None:
        """The loss of the last epoch; None if no epoch has one."""
        return last(self.loss)

    @property
    def validation_dice(self) -> float | None:
        """The last validation Dice; None if it was not measured."""
        return last(self.table["validation_dice"]) if "validation_dice" in self.table else None

    @property
    def seconds(self) -> float | None:
        """Seconds of all epochs together; None if they were not measured."""
        measured = self.table["seconds"].dropna() if "seconds" in self.table else pd.Series(dtype=float)
        return float(measured.sum()) if len(measured) else None

    def columns(self, loss: str) -> dict[str, pd.Series]:
        """Return title -> epoch -> value, of all that was logged; what was never measured is left out.

        Args:
            loss: title of the loss.
        """
        logged = self.table.set_index("epoch")
        others = [str(name) for name in logged if name not in NOT_PLOTTED]
        found = {loss: self.loss} | {column_title(name): logged[name].dropna() for name in others}
        return {title: values for title, values in found.items() if len(values)}


def read_training(log: Path, model_json: Path, words: Words, *, model: str, fold: int) -> Training:
    """Read one training.

    Raises:
        InputError: a file is damaged.
    """
    table = read_table(log, ["epoch", "loss"], dtype=float).replace([np.inf, -np.inf], np.nan)
    description = read_json(model_json)
    return Training(
        **vars(words),
        model=model,
        fold=fold,
        log=log,
        model_json=model_json,
        table=table,
        description=description,
    )


def last(values: pd.Series) -> float | None:
    """Return the last number of a series, or None."""
    measured = values.dropna()
    return float(measured.iloc[-1]) if len(measured) else None


def column_title(column: str) -> str:
    """Return the name of a column of log.csv as words: general_loss -> General loss."""
    words = column.replace("_", " ").capitalize()
    return "Validation Dice" if column == "validation_dice" else words
