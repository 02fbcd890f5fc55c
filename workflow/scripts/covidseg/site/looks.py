"""How a row of a table looks: the colour of its strategy or system, and the shape of its source."""

from dataclasses import dataclass
from typing import Any

from covidseg.paper.palette import DASHES, STRATEGY_COLOURS, SYSTEM_COLOURS
from covidseg.site.pages import SHAPES


@dataclass(frozen=True)
class Look:
    """A strategy and a source, or a weakly supervised system, as a page shows them.

    Attributes:
        strategy: key of the strategy or system.
        title: of the strategy; empty for a system, which has a row of its own.
        css: classes that set the colour.
        shape: path of the source's marker, around the point 0, 0.
        source: key of the source.
        dash: dashes of a line, "" for an unbroken one.
    """

    strategy: str
    title: str
    css: str
    shape: str
    source: str
    dash: str = ""


def look_of(experiment: str, methods: dict[str, Any], systems: dict[str, Any]) -> Look:
    """Return how an experiment or a localiser looks.

    Args:
        experiment: its key.
        methods: experiment -> its `Method`.
        systems: localiser -> its `System`.
    """
    if experiment in systems:
        system = systems[experiment]
        known = system["system"] in SYSTEM_COLOURS
        css = f"system-{system['system']}" if known else "other-strategy"
        dash = " ".join(map(str, DASHES.get(system["without"], ())))
        return Look(system["system"], "", css, SHAPES["msd"], "none", dash)
    method = methods[experiment]
    css = f"strategy-{method['strategy']}" if method["strategy"] in STRATEGY_COLOURS else "other-strategy"
    shape = SHAPES.get(method["source"], SHAPES["other"])
    return Look(method["strategy"], method["strategy_title"], css, shape, method["source"])
