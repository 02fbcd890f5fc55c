"""An axis that several small plots of a page share. Positions are percent of the plot's width."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

MARGIN = 3  # percent of the width, at each end


@dataclass(frozen=True)
class Axis:
    """An axis with ticks. A value beyond an end is drawn at the end, as an arrow.

    Attributes:
        low, high: values at the ends.
        ticks: values to print.
        signed: whether the ticks are printed with their sign.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    signed: bool = True

    @classmethod
    def over(cls, values: Iterable[float], *, limit: float = float("inf"), signed: bool = True) -> "Axis":
        """Return an axis over the values and 0, with three to six round ticks.

        Args:
            values: to draw; those that are not finite count for nothing.
            limit: the axis ends at this distance from 0, whatever the values.
            signed: whether the ticks are printed with their sign.
        """
        kept = [max(-limit, min(limit, value)) for value in values if isfinite(value)]
        low, high = min([*kept, 0.0]), max([*kept, 0.0])
        span = (high - low) or 1.0
        step = _round_step(span / 4)
        ticks = tuple(step * k for k in range(ceil(low / step), floor(high / step) + 1))
        return cls(low - span * MARGIN / 100, high + span * MARGIN / 100, ticks, signed)

    @classmethod
    def around(cls, values: Iterable[float], *, margin: float = MARGIN) -> "Axis":
        """Return an axis from the lowest value to the highest; without values, from 0 to 1.

        Args:
            values: to draw; those that are not finite count for nothing.
            margin: percent of the width that stays free at each end.
        """
        kept = [value for value in values if isfinite(value)] or [0.0, 1.0]
        low, high = min(kept), max(kept)
        span = (high - low) or abs(high) or 1.0
        step = _round_step(span / 4)
        low, high = low - span * margin / 100, high + span * margin / 100
        high = high if high > low else low + step  # one value alone, without margin
        ticks = tuple(step * k for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1))
        return cls(low, high, ticks, signed=False)

    def share(self, value: float) -> float:
        """Return the position of a value, from 0 to 1."""
        return self.at(value) / 100

    def at(self, value: float) -> float:
        """Return the position of a value, from 0 to 100."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * max(0.0, min(1.0, share)), 2)

    def width(self, low: float, high: float) -> float:
        """Return the width of the range from `low` to `high`."""
        return round(self.at(high) - self.at(low), 2)

    def arrow(self, value: float) -> str:
        """Return the path of an arrow for a value beyond an end, an empty text for any other value."""
        if value > self.high:
            return "M-8-5 0 0-8 5z"
        return "M8-5 0 0 8 5z" if value < self.low else ""

    def label(self, tick: float) -> str:
        """Return a tick as text, with a true minus sign."""
        text = f"{tick:+g}" if self.signed and tick else f"{tick:g}"
        return text.replace("-", "−")


def _round_step(step: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... (times a power of ten) that is not below `step`."""
    power = 10.0 ** floor(log10(step))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= step * (1 - 1e-9))
