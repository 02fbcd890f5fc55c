"""Train from scratch: all weights random."""

from covidseg.training.strategies.base import Strategy


class Scratch(Strategy):
    """The base strategy as it is."""
