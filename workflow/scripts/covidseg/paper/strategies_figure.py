"""A drawing of what each transfer strategy loads, freezes and starts anew (wang2021 3.3 to 3.5)."""

from covidseg.paper.architecture_figure import draw_architecture
from covidseg.paper.artefact import Artefact
from covidseg.paper.drawing import HEIGHT, INPUTS, ROW, Box, Drawing, Point, in_words, state_of
from covidseg.paper.figures import BOLD, TEXT, save_figure, wrapped
from covidseg.paper.palette import look_of
from covidseg.paper.parameters import Parameters, read_parameters

BOX_WIDTH, GAP = 1.0, 0.05  # of a box; between two encoders
SPACE = 0.12  # between two strategies
ENCODERS = ("general_encoder", "encoder")
PARTS = {
    "general_encoder": "general encoder",
    "encoder": "encoder",
    "fusion": "fusion",
    "decoder": "decoder",
    "head": "heads",
}


def make(artefact: Artefact) -> None:
    """Write the figure: <base>.svg, .pdf and .png."""
    found = {path.parents[1].name: path for path in artefact.inputs["descriptions"]}
    shown = {row: read_parameters(found[model]) for row, model in artefact.parameters["models"].items()}
    line = (
        f"Configuration: {artefact.config_name}. Each box: a part of the network, its parameters, and how "
        "they start. Arrows: features. Colour: strategy."
    )
    figure = draw_architecture(
        draw_strategies(shown),
        colours={row: look_of(*look).colour for row, look in artefact.parameters["looks"].items()},
        title=artefact.entry["title"],
        lines=[line, *artefact.remarks],
    )
    save_figure(figure, artefact.base)


def draw_strategies(shown: dict[str, Parameters]) -> Drawing:
    """Return a drawing with one column per strategy: from bottom to top encoders, fusion, decoder and heads.

    Args:
        shown: printed name of the strategy -> numbers of parameters of its network.
    """
    drawing, left = Drawing(), 0.0
    for row, parameters in shown.items():
        encoders = sum(part in parameters for part in ENCODERS)
        width = encoders * (BOX_WIDTH + GAP)
        x, left = left + width / 2, left + width + SPACE
        drawing.headings[x] = (wrapped(row, width, BOLD * TEXT),)
        places = _places(parameters, x)
        for part, place in places.items():
            lines = (PARTS[part], *in_words(parameters[part]))
            drawing.boxes.append(Box(place, lines, part, state_of(parameters[part]), BOX_WIDTH, row))
        _connect(drawing, places)
    return drawing


def _places(parameters: Parameters, x: float) -> dict[str, Point]:
    """Return part -> centre of its box; two encoders stand side by side."""
    places = {"head": (x, INPUTS), "decoder": (x, 0.0)}
    if "fusion" in parameters:
        places["fusion"] = (x, ROW)
    encoders = [part for part in ENCODERS if part in parameters]
    for number, part in enumerate(encoders):
        shift = number - (len(encoders) - 1) / 2
        places[part] = (x + shift * (BOX_WIDTH + GAP), 2 * ROW)
    return places


def _connect(drawing: Drawing, places: dict[str, Point]) -> None:
    """Add the arrows from the encoders to the fusion or the decoder, and on to the heads."""
    x, end = places.get("fusion", places["decoder"])
    for start, bottom in (places[part] for part in ENCODERS if part in places):
        corner = (bottom + end) / 2
        drawing.connect((start, bottom - HEIGHT / 2), (start, corner), (x, corner), (x, end + HEIGHT / 2))
    if "fusion" in places:
        drawing.down(x, end, 0)
    drawing.down(x, 0, INPUTS)
