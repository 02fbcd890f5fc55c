"""Training from scratch: all weights start random."""

from covidseg.training.strategies.base import Strategy


class Scratch(Strategy):
    """The base strategy without any change."""
