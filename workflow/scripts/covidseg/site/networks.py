"""What the network of a strategy loads, freezes and starts anew, by the description of the network."""

from dataclasses import dataclass

from covidseg.paper.parameters import Parameters
from covidseg.paper.parameters_table import PARTS
from covidseg.training.description import Counts

STATES = ("loaded and frozen", "loaded", "partly loaded", "new and frozen", "new")


@dataclass(frozen=True)
class NetworkPart:
    """A part of a network.

    Attributes:
        title: such as "Encoder".
        state: one of STATES.
    """

    title: str
    state: str


def parts_of(parameters: Parameters) -> list[NetworkPart]:
    """Return the parts of a network, from their numbers of parameters."""
    return [
        NetworkPart(PARTS.get(name, name.replace("_", " ").capitalize()), _state(counts))
        for name, counts in parameters.items()
    ]


def _state(counts: Counts) -> str:
    if counts["new"] and counts["loaded"]:
        return "partly loaded"
    origin = "new" if counts["new"] else "loaded"
    return origin if counts["trained"] else f"{origin} and frozen"


def in_words(parts: list[NetworkPart]) -> str:
    """Return the states of the parts in words, such as "encoder loaded and frozen; decoder new"."""
    states = {part.state for part in parts}
    if len(states) == 1:
        return f"all weights {states.pop()}"
    titles = {state: [part.title.lower() for part in parts if part.state == state] for state in STATES}
    return "; ".join(f"{_joined(names)} {state}" for state, names in titles.items() if names)


def _joined(names: list[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
