"""Axes of the plots that the pages draw: a range, round ticks, and the place of a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10

MARGIN = 0.06  # share of the range that stays free on either side


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        low, high: values at its ends.
        ticks: round values between the ends.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float], *, ticks: int = 4, ends: bool = False) -> "Axis":
        """Return the axis that shows all finite values.

        Args:
            values: to be shown; without any, the axis goes from 0 to 1.
            ticks: largest number of ticks.
            ends: whether the axis ends exactly at the lowest and the highest value.
        """
        known = [value for value in values if isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        margin = 0.0 if ends and high > low else MARGIN * ((high - low) or abs(high) or 1)
        low, high = low - margin, high + margin
        return cls(low, high, round_ticks(low, high, ticks))

    def at(self, value: float) -> float:
        """Return the place of a value: 0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)


def round_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return at most `most` multiples of 1, 2 or 5 times a power of ten between two values."""
    power = floor(log10((high - low) / most))
    for step in (factor * 10.0**exponent for exponent in (power, power + 1) for factor in (1, 2, 5)):
        first, last = -floor(-low / step), floor(high / step)
        if last - first < most:
            return tuple(round(number * step, 10) + 0.0 for number in range(first, last + 1))
    return ()


def tick_text(value: float) -> str:
    """Return a tick's number, as short as it is exact, with a true minus sign."""
    return f"{value:g}".replace("-", "−")
