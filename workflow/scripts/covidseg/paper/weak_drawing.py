"""The drawing of the framework of yang2021: an encoder with two decoders, and a critic (yang2021 Fig. 1)."""

from covidseg.paper.drawing import (
    BETWEEN,
    HEIGHT,
    INPUTS,
    ROW,
    WIDTH,
    Box,
    Drawing,
    add_encoder,
    by,
    features,
    in_words,
    stage,
)
from covidseg.paper.layers import BuiltModel
from covidseg.training.description import Counts
from covidseg.weak.networks import POOLED

# Part -> the part's name in the built network, from left to right.
PARTS = {
    "lesion_decoder": "decomposer.decoders.1",
    "encoder": "decomposer.encoder",
    "normal_decoder": "decomposer.decoders.0",
    "critic": "critic",
}
OUTPUTS = {"lesion_decoder": "lesion version", "normal_decoder": "normal version"}
STATE = "new"  # all weights start random, and all are trained
CRITIC_ROW = 0.54  # distance of the centres of two layers of the critic
Places = dict[str, float]  # part -> x of the centre


def draw_weak(model: BuiltModel, names: dict[str, str]) -> Drawing:
    """Return the drawing of a system that learns from image-level labels to take a slice apart.

    Args:
        model: the system.
        names: part of the system -> the paper's name of the part; a part without such a name keeps its own.
    """
    counts = {part: model.parameters(PARTS[part]) for part in PARTS}
    parts = [part for part, count in counts.items() if count]
    places = {part: n * BETWEEN for n, part in enumerate(parts)}
    drawing = Drawing()
    image = features((1, *model.layers[f"{PARTS['encoder']}.stages.0"].shape[1:]))
    sees = image, f"slice of {model.description['lineage']['training_slices']}"
    add_encoder(drawing, model, PARTS["encoder"], places["encoder"], part="encoder", state=STATE, sees=sees)
    for part in OUTPUTS:
        if part in places:
            _add_decoder(drawing, model, places, part)
    if "critic" in places:
        _add_critic(drawing, model, places)
    for part in parts:
        shares: Counts = {"trained": counts[part], "frozen": 0, "loaded": 0, "new": counts[part]}
        drawing.headings[places[part]] = (names.get(part, part), *in_words(shares))
    return drawing


def _add_decoder(drawing: Drawing, model: BuiltModel, places: Places, part: str) -> None:
    """Add the stages, the arrows from the encoder and between the stages, and the output."""
    x, start, bottom = places[part], places["encoder"], (model.stages - 1) * ROW
    edge = WIDTH / 2 if x > start else -WIDTH / 2
    for place in range(model.stages - 1):
        y = bottom - (place + 1) * ROW
        stride = by(model.layers[f"{PARTS[part]}.transpconvs.{place}"].stride)
        box = stage(model, f"{PARTS[part]}.stages.{place}", (x, y), part=part, state=STATE)
        drawing.boxes.append(box)
        drawing.across(start, x, y)
        if place > 0:
            drawing.down(x, y + ROW, y, stride)
        else:
            drawing.connect((start + edge, bottom), (x, bottom), (x, y + HEIGHT / 2), text=stride)
    output = model.layers[f"{PARTS[part]}.seg_layers.{model.stages - 2}"].shape
    text = OUTPUTS[part] if output[0] == 1 else " and ".join(OUTPUTS.values())
    drawing.boxes.append(Box((x, INPUTS), (features(output), f"{text}, tanh")))
    drawing.down(x, 0, INPUTS)


def _add_critic(drawing: Drawing, model: BuiltModel, places: Places) -> None:
    """Add the input, the convolutions, and the score, whose inputs are means over space."""
    x, count = places["critic"], sum(name.rpartition(".")[0] == "critic.blocks" for name in model.layers)
    image = model.layers[f"{PARTS['encoder']}.stages.0"].shape[1:]
    drawing.boxes.append(Box((x, INPUTS), (features((1, *image)), "this or a normal slice")))
    drawing.across(places["normal_decoder"], x, INPUTS)
    score = count * CRITIC_ROW
    for number in range(count):
        name, y = f"critic.blocks.{number}", number * CRITIC_ROW
        drawing.boxes.append(stage(model, name, (x, y), part="critic", state=STATE))
        stride = model.convolutions(name)[0].stride
        above = y - CRITIC_ROW if number > 0 else INPUTS
        drawing.down(x, above, y, by(stride) if max(stride) > 1 else "")
    lines = ("score", f"means, linear {model.layers['critic.score'].inputs}→1")
    drawing.boxes.append(Box((x, score), lines, "critic", STATE))
    side = x + WIDTH / 2
    for number in POOLED:
        y = number * CRITIC_ROW
        drawing.connect((side, y), (side + 0.2, y), (side + 0.2, score), (side, score))
