"""One palette for all papers. Colour says how a model was trained (strategy), shape from what (source).

Colours are pairs (on light ground, on dark ground). Any two strategies differ for readers with normal,
deutan, protan and tritan sight (CIE76 difference at least 13 on light ground and 18 on dark ground).
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """A colour on light and on dark ground, as #RRGGBB."""

    light: str
    dark: str


INK = Colour("#1A1E24", "#ECEAE4")
SECOND_INK = Colour("#454D58", "#BBC1C9")
THIRD_INK = Colour("#646C77", "#959DA8")

STRATEGY_COLOURS = {
    "scratch": Colour("#646D73", "#CFDFEE"),
    "continual": Colour("#28539D", "#477EE6"),
    "body-finetune": Colour("#6091BE", "#4FC0FB"),
    "lesion-representations": Colour("#C67400", "#FBCE41"),
    "hybrid": Colour("#B03E1D", "#DD5825"),
    "multi-encoder": Colour("#6E1A59", "#F98AAB"),
    "collaborative": Colour("#004C32", "#1D9764"),
    "other-data": Colour("#8A73DE", "#9C77B3"),  # Task 2 of ma2021: only other data
    "fused-data": Colour("#828A4A", "#B5B467"),  # Task 3 of ma2021: COVID-19 and other data together
    "pretrain": Colour("#8A8F98", "#7E868F"),
}

# The shape of a plot's marker, as matplotlib names it, and the same shape as text.
SOURCE_MARKERS = {"none": "_", "msd": "o", "structseg": "^", "nsclc": "s", "multi": "D", "multi2": "P"}
SOURCE_SIGNS = {"none": "–", "msd": "●", "structseg": "▲", "nsclc": "■", "multi": "◆", "multi2": "✚"}
# Where no strategy is shown, as for data sets.
SOURCE_COLOURS = {
    "none": INK,
    "msd": STRATEGY_COLOURS["body-finetune"],
    "structseg": STRATEGY_COLOURS["collaborative"],
    "nsclc": STRATEGY_COLOURS["lesion-representations"],
    "multi": STRATEGY_COLOURS["multi-encoder"],
    "multi2": STRATEGY_COLOURS["other-data"],
}

SYSTEM_COLOURS = {
    "decomposition": STRATEGY_COLOURS["hybrid"],
    "biomarker-localisation": STRATEGY_COLOURS["continual"],
    "va-gan": STRATEGY_COLOURS["lesion-representations"],
    "grad-cam": STRATEGY_COLOURS["multi-encoder"],
    "cam": STRATEGY_COLOURS["scratch"],
}

# The ablations of a system have its colour; the part that is left out -> points drawn, not drawn, ...
DASHES = {"normal_fidelity": (6, 3), "lesion_decoder": (2, 2), "critic": (8, 2, 2, 2)}

# Masks over CT, which is dark on either ground. Voxels are named by what the model did.
FOUND, MISSED, WRONG = "#4AA3E4", "#FFE14A", "#F2611B"
# Regions over CT and in 3D: the lungs in two blues, lesions in a warm colour. They differ in lightness too.
REGION_COLOURS = {
    "left_lung": "#8FC6F0",
    "right_lung": "#2F62B8",
    "infection": "#E8622A",
    "lesion": "#E8622A",
}
VERDICT_COLOURS = {
    "holds": Colour("#0B6B57", "#5CC9AC"),
    "does not hold": Colour("#A8381A", "#F39A78"),
    "cannot be told": Colour("#565E69", "#B4BBC5"),
}


def strategy_colour(strategy: str) -> Colour:
    """Return the colour of a strategy; of one that the palette does not know, the second ink."""
    return STRATEGY_COLOURS.get(strategy, SECOND_INK)


def source_marker(source: str) -> str:
    """Return the marker of a source, as matplotlib names it; a star for a source that the palette lacks."""
    return SOURCE_MARKERS.get(source, "*")


def source_sign(source: str) -> str:
    """Return the marker of a source as text."""
    return SOURCE_SIGNS.get(source, "★")


def light_colours() -> list[str]:
    """Return every colour of figures, as #RRGGBB."""
    pairs = (INK, SECOND_INK, THIRD_INK, *STRATEGY_COLOURS.values(), *VERDICT_COLOURS.values())
    return [*(pair.light for pair in pairs), FOUND, MISSED, WRONG, *REGION_COLOURS.values()]


class Look(NamedTuple):
    """How a plot on light ground shows a model.

    Attributes:
        colour: colour of the strategy or system, as #RRGGBB.
        marker: shape of the source, as matplotlib names it.
        sign: the same shape as text.
        dashes: points drawn, not drawn, ... of lines; empty for a whole line.
    """

    colour: str
    marker: str
    sign: str
    dashes: tuple[int, ...] = ()


def look_of(strategy: str, source: str, without: str = "") -> Look:
    """Return the look of a model.

    Args:
        strategy: key of STRATEGY_COLOURS or SYSTEM_COLOURS.
        source: key of SOURCE_MARKERS.
        without: the part of a system that is left out, a key of DASHES.
    """
    colour = SYSTEM_COLOURS.get(strategy) or strategy_colour(strategy)
    return Look(colour.light, source_marker(source), source_sign(source), DASHES.get(without, ()))
