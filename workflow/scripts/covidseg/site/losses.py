"""The losses of the weakly supervised systems, whose kinds differ from those of all other trainings."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from covidseg.reading import read_table
from covidseg.site.axes import Axis
from covidseg.site.looks import Look

OTHER = ("epoch", "seconds")  # columns of log.csv that are no losses


@dataclass(frozen=True)
class Curve:
    """A loss of a model in the course of its training.

    Attributes:
        model: name of the model.
        look: colour and dashes.
        points: (epoch, loss).
    """

    model: str
    look: Look
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class LossPanel:
    """A kind of loss.

    Attributes:
        title: such as "Reconstruction loss".
        epochs, losses: the axes.
        curves: of the models that have this loss.
    """

    title: str
    epochs: Axis
    losses: Axis
    curves: list[Curve]

    def line(self, curve: Curve) -> list[tuple[float, float]]:
        """Return the points of a curve in the plot, without epochs that have no loss."""
        return [
            (48 + 328 * self.epochs.share(epoch), 128 - 120 * self.losses.share(loss))
            for epoch, loss in curve.points
            if loss == loss
        ]


def loss_panels(logs: list[Path], looks: dict[str, Look]) -> list[LossPanel]:
    """Return one panel per column of the logs.

    Args:
        logs: results/models/<model>/fold0/log.csv.
        looks: model -> its look.
    """
    tables = {path.parts[-3]: read_table(path, ["epoch"]) for path in logs}
    names = dict.fromkeys(name for table in tables.values() for name in table if name not in OTHER)
    return [_panel(str(name), tables, looks) for name in names]


def _panel(name: str, tables: dict[str, pd.DataFrame], looks: dict[str, Look]) -> LossPanel:
    curves = [
        Curve(model, looks[model], list(zip(table["epoch"].astype(float), table[name], strict=True)))
        for model, table in tables.items()
        if name in table
    ]
    epochs = Axis.around((epoch for curve in curves for epoch, _ in curve.points), margin=0)
    losses = Axis.around(loss for curve in curves for _, loss in curve.points)
    return LossPanel(name.replace("_", " ").capitalize(), epochs, losses, curves)
