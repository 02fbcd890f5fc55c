"""The drawing of a segmentation network: a U-Net, or two encoders with one decoder."""

from dataclasses import dataclass

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
    state_of,
)
from covidseg.paper.layers import BuiltModel
from covidseg.training.description import Counts
from covidseg.training.fusion import SelectiveFusion

HEAD_WIDTH = 0.8
HEAD_GAP = 1.3  # from the centre of the decoder to that of its segmentation heads
MATRIX_WIDTH, MATRIX_GAP = 0.74, 0.42  # of a relation matrix; from the centre of G to those of its matrices


def draw_segmentation(model: BuiltModel, names: dict[str, str]) -> Drawing:
    """Return the drawing of a segmentation network.

    Args:
        model: the network; its model.json has the `parameters` of every part.
        names: part of the network -> the paper's name of the part; a part without such a name keeps its own.
    """
    return _Layout.of(model, names).drawing


@dataclass(frozen=True)
class _Layout:
    """A drawing in the making.

    Attributes:
        model, names: arguments of `draw_segmentation`.
        columns: part -> x of the centre.
        drawing: the drawing.
    """

    model: BuiltModel
    names: dict[str, str]
    columns: dict[str, float]
    drawing: Drawing

    @classmethod
    def of(cls, model: BuiltModel, names: dict[str, str]) -> "_Layout":
        parts = [
            name for name in ("general_encoder", "encoder", "decoder") if f"{name}.stages.0" in model.layers
        ]
        layout = cls(model, names, {part: n * BETWEEN for n, part in enumerate(parts)}, Drawing())
        for part in parts[:-1]:
            layout.add_encoder(part)
        layout.add_decoder()
        layout.add_heads()
        if "general_encoder" in parts:
            layout.add_fusion()
            if "relations" in model.description["lineage"]["options"]:
                layout.add_relations()
        else:
            layout.join_bottleneck()
        for part, x in layout.columns.items():
            layout.drawing.headings[x] = (names.get(part, part), *in_words(layout.counts(part)))
        return layout

    @property
    def bottom(self) -> float:
        """The y of the lowest resolution."""
        return (self.model.stages - 1) * ROW

    def counts(self, part: str) -> Counts:
        counts: Counts = self.model.description["parameters"][part]
        return counts

    def add_encoder(self, part: str) -> None:
        """Add an encoder, whose input is a patch."""
        x, state = self.columns[part], state_of(self.counts(part))
        sees = features((1, *self.model.description["plan"]["patch"])), self.cases(part)
        add_encoder(self.drawing, self.model, part, x, part=part, state=state, sees=sees)

    def cases(self, part: str) -> str:
        """Return the data sets whose training cases an encoder sees."""
        lineage = self.model.description["lineage"]
        cases = lineage["training_cases"] + (lineage["source_cases"] if part == "general_encoder" else [])
        return ", ".join(dict.fromkeys(case.partition("/")[0] for case in cases))

    def add_decoder(self) -> None:
        """Add the stages, lowest resolution first, the arrows between them, and the skip connections."""
        x, state = self.columns["decoder"], state_of(self.counts("decoder"))
        for place in range(self.model.stages - 1):
            y = self.bottom - (place + 1) * ROW
            self.drawing.boxes.append(
                stage(self.model, f"decoder.stages.{place}", (x, y), part="decoder", state=state)
            )
            self.drawing.across(self.columns["encoder"], x, y)
            if place > 0:
                stride = by(self.model.layers[f"decoder.transpconvs.{place}"].stride)
                self.drawing.down(x, y + ROW, y, stride)

    def add_heads(self) -> None:
        """Add a segmentation head beside every stage of the decoder, and the output of the first head."""
        x, state = self.columns["decoder"], state_of(self.counts("head"))
        heads = [self.model.layers[f"decoder.seg_layers.{n}"] for n in range(self.model.stages - 1)]
        for place, head in enumerate(heads):
            y = self.bottom - (place + 1) * ROW
            lines = ("head", f"conv {by(head.kernel)}")
            self.drawing.boxes.append(Box((x + HEAD_GAP, y), lines, "head", state, HEAD_WIDTH))
            self.drawing.connect((x + WIDTH / 2, y), (x + HEAD_GAP - HEAD_WIDTH / 2, y))
        output = Box((x + HEAD_GAP, INPUTS), (features(heads[-1].shape), "segmentation"))
        self.drawing.boxes.append(output)
        self.drawing.down(x + HEAD_GAP, 0, INPUTS)

    def join_bottleneck(self) -> None:
        """Connect the bottleneck of the one encoder with the decoder."""
        start, end = self.columns["encoder"], self.columns["decoder"]
        self.drawing.connect(
            (start + WIDTH / 2, self.bottom), (end, self.bottom), (end, self.bottom - ROW + HEIGHT / 2),
            text=self.first_stride(),
        )  # fmt: skip

    def first_stride(self) -> str:
        return by(self.model.layers["decoder.transpconvs.0"].stride)

    def add_fusion(self) -> None:
        """Add the layer that joins both bottlenecks, below the decoder."""
        x, y, layer = self.columns["decoder"], self.bottom, self.model.layers["fusion"]
        lines: tuple[str, ...] = (features(layer.shape), self.names.get("fusion", "fusion"))
        state = ""
        if isinstance(layer.module, SelectiveFusion):
            inner, outer = (self.model.layers[f"fusion.{name}"].shape[0] for name in ("squeeze.0", "excite"))
            lines = (*lines, f"attention {layer.shape[0]}→{inner}→{outer}")
            state = state_of(self.counts("fusion"))
        self.drawing.boxes.append(Box((x, y), lines, "fusion", state))
        self.drawing.down(x, y, y - ROW, self.first_stride())
        self.drawing.across(self.columns["encoder"], x, y)
        general, edge = self.columns["general_encoder"], y + HEIGHT / 2
        below = edge + 0.16
        self.drawing.connect((general, edge), (general, below), (x, below), (x, edge))

    def add_relations(self) -> None:
        """Add the relation matrices of both encoders, and the losses between them (zhang2021 III-B)."""
        general, target, y = self.columns["general_encoder"], self.columns["encoder"], self.bottom + 1.4 * ROW
        channels = self.model.layers[f"encoder.stages.{self.model.stages - 1}"].shape[0]
        left, right, other = general - MATRIX_GAP, general + MATRIX_GAP, target
        for x, text in ((left, "$R_G(X^n)$"), (right, "$R_G(X^c)$"), (other, "$R_T(X^c)$")):
            self.drawing.boxes.append(Box((x, y), (text, f"{channels} × {channels}"), width=MATRIX_WIDTH))
        for x in (left, right, other):
            self.drawing.down(x, self.bottom, y)
        edge, below = y + HEIGHT / 2, y + HEIGHT / 2 + 0.16
        self.drawing.connect(
            (left, edge), (left, below), (right, below), (right, edge), text="$L_{rc}^G$", loss=True
        )
        if self.model.description["lineage"]["options"]["relations"] == "both":
            half = MATRIX_WIDTH / 2
            self.drawing.connect((right + half, y), (other - half, y), text="$L_{rc}^T$", loss=True)
