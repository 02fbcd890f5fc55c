"""Curves of trainings: averaged over folds, thinned to what a small panel can show, and labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from covidseg.site.trainings import Training

BINS = 80  # of a thinned curve: two points per bin are about one point per pixel of a panel


def mean_curve(curves: Sequence[pd.Series]) -> pd.Series:
    """Return epoch -> mean of the folds, for the epochs that all folds have."""
    return pd.concat(curves, axis=1, join="inner").mean(axis=1)


def thin(curve: pd.Series, bins: int = BINS) -> pd.Series:
    """Return a curve of at most 2 x bins + 2 points that looks the same.

    Each bin keeps its lowest and its highest value, in their order, so that no peak is lost. The first and
    the last epoch stay.
    """
    if len(curve) <= 2 * bins:
        return curve
    kept = {0, len(curve) - 1}
    for places in np.array_split(np.arange(len(curve)), bins):
        values = curve.to_numpy()[places]
        kept |= {int(places[values.argmin()]), int(places[values.argmax()])}
    return curve.iloc[sorted(kept)]


@dataclass(frozen=True)
class Axes:
    """The axes of a panel, in its own units: x to the right, y down.

    Attributes:
        epochs: the last epoch.
        low, high: ends of the axis of the values.
        ticks: values with a grid line.
        width, height: of the panel.
    """

    epochs: float
    low: float
    high: float
    ticks: list[float]
    width: float = 168
    height: float = 112

    @classmethod
    def around(cls, curves: Sequence[pd.Series]) -> "Axes":
        """Return axes that show all curves; the ticks are round numbers."""
        filled = [curve for curve in curves if len(curve)]
        low = min((float(curve.min()) for curve in filled), default=0.0)
        high = max((float(curve.max()) for curve in filled), default=1.0)
        edge = 0.03 * (high - low) or 0.5
        low, high = low - edge, high + edge
        ticks = MaxNLocator(nbins=4, steps=[1, 2, 4, 5, 10]).tick_values(low, high)
        epochs = max((float(curve.index.max()) for curve in filled), default=0.0)
        return cls(epochs, low, high, [float(tick) for tick in ticks if low <= tick <= high])

    @property
    def epoch_ticks(self) -> list[int]:
        """The first, the middle and the last epoch."""
        return sorted({0, int(self.epochs) // 2, int(self.epochs)})

    def x(self, epoch: float) -> float:
        """Return where an epoch is; the only epoch of a training is at the left end."""
        return self.width * epoch / (self.epochs or 1)

    def y(self, value: float) -> float:
        """Return where a value is."""
        return self.height * (self.high - value) / (self.high - self.low)

    def path(self, curve: pd.Series) -> str:
        """Return a thinned curve as the attribute d of a path; a single point is a short dash."""
        thinned = thin(curve)
        points = [
            f"{self.x(epoch):.1f} {self.y(value):.1f}"
            for epoch, value in zip(thinned.index.tolist(), thinned.tolist(), strict=True)
        ]
        if len(points) == 1:
            points.append(f"{self.x(float(curve.index[0])) + 4:.1f} {self.y(float(curve.iloc[0])):.1f}")
        return "M" + " ".join(points).replace(".0 ", " ") if points else ""


def spread(places: Mapping[str, float], gap: float, low: float, high: float) -> dict[str, float]:
    """Move labels apart, so that neighbours have at least a gap between them.

    Args:
        places: label -> its place.
        gap: least distance of two labels.
        low, high: the ends, between which the labels stay if there is room.

    Returns:
        Label -> place, in the order of the places.
    """
    moved: dict[str, float] = {}
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        moved[name] = max(place, *(other + gap for other in moved.values()), low)
    limit = high
    for name in reversed(moved):
        moved[name] = min(moved[name], limit)
        limit = moved[name] - gap
    return moved


def end_labels(models: Mapping[str, Training]) -> dict[str, str]:
    """Return model -> the words that tell it from the others of its strategy.

    The source tells most models apart; where it does not, the regions are added, and then what differs in the
    names of the models.

    Args:
        models: model -> one of its trainings.
    """
    labels = {name: one.source_title for name, one in models.items()}
    if len(set(labels.values())) == 1 < len(models):
        labels = dict.fromkeys(models, "")
    regions = {name: region_words(one.regions) for name, one in models.items()}
    labels = _tell_apart(labels, regions)
    return _tell_apart(labels, {name: name for name in models}, differing=True)


def _tell_apart(labels: dict[str, str], words: dict[str, str], *, differing: bool = False) -> dict[str, str]:
    """Add words to labels that are equal; with `differing`, only the part in which the words differ."""
    found = {}
    for name, label in labels.items():
        same = [words[other] for other in labels if labels[other] == label]
        added = words[name] if len(set(same)) > 1 else ""
        if added and differing:
            added = differing_part(added, same)
        found[name] = ", ".join(filter(None, [label, added]))
    return found


def differing_part(name: str, names: Sequence[str]) -> str:
    """Return the middle of a name, without the words that all names begin or end with."""
    parts = [one.split("-") for one in names]
    own, shortest = name.split("-"), min(len(part) for part in parts)
    start = next((i for i in range(shortest) if len({part[i] for part in parts}) > 1), shortest)
    room = shortest - start
    end = next((i for i in range(room) if len({part[-1 - i] for part in parts}) > 1), room)
    return "-".join(own[start : len(own) - end])


def region_words(regions: Sequence[str]) -> str:
    """Return regions in few words: both lungs are "lungs"."""
    lungs = [region for region in regions if region.endswith("_lung")]
    rest = [region.replace("_", " ") for region in regions if region not in lungs]
    return ", ".join([*(["lungs"] if lungs else []), *rest])
