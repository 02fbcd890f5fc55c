"""What a drawing of a network is made of: boxes, arrows, and headings of the network's parts.

Positions are in inches; y grows downwards, and the first stage of an encoder is at y = 0.
"""

from dataclasses import dataclass, field

from covidseg.paper.layers import BuiltModel, times
from covidseg.training.description import Counts

BETWEEN, ROW = 1.7, 0.66  # distance of the centres of two boxes
WIDTH, HEIGHT = 1.3, 0.4  # of a box
INPUTS = -ROW - 0.06  # y of the inputs and outputs
HEADINGS = INPUTS - HEIGHT / 2 - 0.08  # y of the lower end of the headings
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A stage of a network, an input or an output.

    Attributes:
        place: position (x, y) of the centre.
        lines: the text; the first line is printed in bold.
        part: the part of the network that the box belongs to; "" for inputs and outputs.
        state: "loaded", "frozen" or "new"; "" for a box without parameters.
        width: width of the box.
        strategy: the strategy whose colour the box has; "" where a drawing shows one model.
    """

    place: Point
    lines: tuple[str, ...]
    part: str = ""
    state: str = ""
    width: float = WIDTH
    strategy: str = ""


@dataclass(frozen=True)
class Arrow:
    """An arrow.

    Attributes:
        points: the start, corners, and the tip.
        text: text beside the middle of the arrow's last piece.
        loss: whether the arrow stands for a loss between two boxes, and not for features.
    """

    points: tuple[Point, ...]
    text: str = ""
    loss: bool = False


@dataclass
class Drawing:
    """A drawing of a network.

    Attributes:
        boxes, arrows: what is drawn.
        headings: x of the centre -> lines of a heading above the inputs; the first line is printed in bold.
    """

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    headings: dict[float, tuple[str, ...]] = field(default_factory=dict)

    def connect(self, *points: Point, text: str = "", loss: bool = False) -> None:
        """Add an arrow along these points."""
        self.arrows.append(Arrow(points, text, loss))

    def down(self, x: float, start: float, end: float, text: str = "") -> None:
        """Add an arrow down or up from a box with its centre at `start` to a box with its centre at `end`."""
        edge = HEIGHT / 2 if end > start else -HEIGHT / 2
        self.connect((x, start + edge), (x, end - edge), text=text)

    def across(self, start: float, end: float, y: float) -> None:
        """Add a horizontal arrow between two boxes of the usual width with their centres at these x."""
        edge = WIDTH / 2 if end > start else -WIDTH / 2
        self.connect((start + edge, y), (end - edge, y))


def state_of(counts: Counts) -> str:
    """Return "frozen" if no parameter of a part is trained, else "loaded" or "new", whichever most are."""
    if counts["trained"] == 0:
        return "frozen"
    return "loaded" if counts["loaded"] > counts["new"] else "new"


def in_words(counts: Counts) -> tuple[str, str]:
    """Return the size of a part, and in words how its parameters start and whether they are trained."""
    start, training = (
        ("loaded" if counts["loaded"] else "new"),
        ("trained" if counts["trained"] else "frozen"),
    )
    if counts["loaded"] and counts["new"]:
        start = f"{short(counts['loaded'])} loaded, {short(counts['new'])} new"
    if counts["trained"] and counts["frozen"]:
        training = f"{short(counts['frozen'])} frozen"
    return f"{short(counts['loaded'] + counts['new'])} parameters", f"{start}, {training}"


def short(count: int) -> str:
    """Return a number of parameters, from a million on in millions."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,}"


def by(numbers: tuple[int, ...]) -> str:
    """Return sizes as in 1×3×3."""
    return times(numbers).replace("x", "×")


def features(shape: tuple[int, ...]) -> str:
    """Return the shape of features, channels first, as in 32 × 56×160×192."""
    return f"{shape[0]} × {by(shape[1:])}"


def stage(model: BuiltModel, name: str, place: Point, *, part: str, state: str) -> Box:
    """Return the box of a stage: the size of its features, and number and kernel of its convolutions."""
    found = model.convolutions(name)
    lines = (features(model.layers[name].shape), f"{len(found)} conv {by(found[0].kernel)}")
    return Box(place, lines, part, state)


def add_encoder(
    drawing: Drawing, model: BuiltModel, name: str, x: float, *, part: str, state: str, sees: tuple[str, str]
) -> None:
    """Add an encoder's input, its stages below, and the arrows between them with their strides.

    Args:
        drawing: the drawing to add to.
        model: the network.
        name: name of the encoder in the network.
        x: x of the centre.
        part, state: as in `Box`.
        sees: the text of the input.
    """
    drawing.boxes.append(Box((x, INPUTS), sees))
    drawing.down(x, INPUTS, 0)
    for level in range(model.stages):
        own, y = f"{name}.stages.{level}", level * ROW
        drawing.boxes.append(stage(model, own, (x, y), part=part, state=state))
        if level > 0:
            drawing.down(x, y - ROW, y, by(model.convolutions(own)[0].stride))
