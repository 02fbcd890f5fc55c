"""Drawings of networks as they are built."""

import json

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from conftest import SMALL_NETWORK
from covidseg.errors import InputError
from covidseg.paper import architecture_figure, layers_table, strategies_figure
from covidseg.paper.architecture_figure import HATCHES, draw_architecture
from covidseg.paper.artefact import Artefact
from covidseg.paper.drawing import in_words, state_of
from covidseg.paper.figures import save_figure
from covidseg.paper.layers import build_model
from covidseg.paper.segmentation_drawing import draw_segmentation
from covidseg.paper.strategies_figure import draw_strategies
from covidseg.paper.weak_drawing import draw_weak
from covidseg.training.description import ModelDescription
from descriptions import configuration, counts, described, of

NAMES = {"general_encoder": "G", "encoder": "T", "fusion": "joined", "decoder": "D"}
WEAK_NAMES = {"lesion_decoder": "G2", "encoder": "E", "normal_decoder": "G1", "critic": "D"}


pytestmark = pytest.mark.usefixtures("close_figures")


def boxes(drawing, part):
    return [box for box in drawing.boxes if box.part == part]


def test_hybrid_encoder_has_a_frozen_and_a_new_encoder_and_a_fusion():
    parameters = {
        "general_encoder": counts(loaded=14_000_000, frozen=14_000_000),
        "encoder": counts(new=14_000_000),
        "fusion": counts(new=2_800_000),
        "decoder": counts(new=16_700_000),
        "head": counts(new=2000),
    }
    drawing = draw_segmentation(of("paper", "selective-fusion", parameters=parameters), NAMES)
    assert [len(boxes(drawing, part)) for part in (*NAMES, "head", "")] == [6, 6, 1, 5, 5, 3]
    states = {part: {box.state for box in boxes(drawing, part)} for part in NAMES}
    assert states == {
        "general_encoder": {"frozen"},
        "encoder": {"new"},
        "fusion": {"new"},
        "decoder": {"new"},
    }
    assert boxes(drawing, "encoder")[1].lines == ("64 × 56×80×96", "2 conv 3×3×3")
    assert boxes(drawing, "fusion")[0].lines == ("320 × 7×5×6", "joined", "attention 320→20→640")
    assert drawing.headings[0] == ("G", "14.0 M parameters", "loaded, frozen")
    assert [arrow.text for arrow in drawing.arrows].count("1×2×2") == 2 * 3, (
        "first and last stride, three columns"
    )


def test_collaborative_learning_shows_both_kinds_of_cases_and_its_two_losses():
    parts = ("general_encoder", "encoder", "decoder", "head")
    drawn = {}
    for relations in (None, "general", "both"):
        parameters = dict.fromkeys(parts, counts(new=5)) | {"general_encoder": counts(loaded=25_080)}
        sources = ["msd/1", "msd/2", "nsclc/3"]
        model = of("config", parameters=parameters, relations=relations, sources=sources)
        drawn[relations] = draw_segmentation(model, NAMES)
    losses = {key: [arrow.text for arrow in one.arrows if arrow.loss] for key, one in drawn.items()}
    assert losses == {None: [], "general": ["$L_{rc}^G$"], "both": ["$L_{rc}^G$", "$L_{rc}^T$"]}
    texts = [box.lines for box in boxes(drawn["both"], "")]
    assert ("1 × 8×32×32", "covid20, msd, nsclc") in texts
    assert ("1 × 8×32×32", "covid20") in texts
    assert ("$R_T(X^c)$", "32 × 32") in texts
    assert boxes(drawn["both"], "fusion")[0].lines == ("64 × 4×8×8", "joined")
    assert boxes(drawn["both"], "fusion")[0].state == "", "concatenation has no parameters"
    assert drawn["both"].headings[0] == ("G", "25,080 parameters", "loaded, trained")


def test_a_u_net_has_one_encoder_whose_bottleneck_leads_to_the_decoder():
    parameters = dict.fromkeys(("encoder", "decoder", "head"), counts(new=7))
    drawing = draw_segmentation(of("config", "unet", parameters=parameters), NAMES)
    assert [len(boxes(drawing, part)) for part in (*NAMES, "head", "")] == [0, 3, 0, 2, 2, 2]
    assert sum(len(arrow.points) == 3 for arrow in drawing.arrows) == 1
    assert [lines[0] for lines in drawing.headings.values()] == ["T", "D"]


def weak_model(**options):
    weak = configuration("config")["weak"]
    description = {
        "system": "decomposition",
        "options": {"normal_fidelity": True, "lesion_decoder": True, "critic": True, **options},
        "weak": weak,
        "lineage": {"training_slices": "capepoint"},
    }
    return build_model(description, [weak["size"]] * 2)


def test_the_weak_framework_has_two_decoders_and_a_critic_and_all_is_new():
    drawing = draw_weak(weak_model(), WEAK_NAMES)
    assert [len(boxes(drawing, part)) for part in WEAK_NAMES] == [2, 3, 2, 7 + 1]
    assert {box.state for box in drawing.boxes if box.part} == {"new"}
    texts = [box.lines for box in boxes(drawing, "")]
    assert texts[:3] == [
        ("1 × 48×48", "slice of capepoint"),
        ("1 × 48×48", "lesion version, tanh"),
        ("1 × 48×48", "normal version, tanh"),
    ]
    assert boxes(drawing, "critic")[0].lines == ("8 × 24×24", "1 conv 3×3")
    # Channels of the critic's first, fourth and last layer.
    assert boxes(drawing, "critic")[-1].lines == ("score", "means, linear 72→1")
    assert [lines[0] for lines in drawing.headings.values()] == ["G2", "E", "G1", "D"]


def test_the_weak_framework_without_parts_is_drawn_without_them():
    drawing = draw_weak(weak_model(lesion_decoder=False, critic=False), WEAK_NAMES)
    assert [len(boxes(drawing, part)) for part in WEAK_NAMES] == [0, 3, 2, 0]
    assert [lines[0] for lines in drawing.headings.values()] == ["E", "G1"]


def test_strategies_stand_side_by_side_with_the_states_of_their_parts():
    """Lesion representations freeze the encoder; Hybrid-encoder has a second one, and a fusion."""
    frozen, loaded, new = counts(loaded=9, frozen=9), counts(loaded=9), counts(new=9)
    drawing = draw_strategies(
        {
            "Lesion Representations": {"encoder": frozen, "decoder": loaded, "head": loaded},
            "Hybrid-encoder": {
                "encoder": new, "general_encoder": frozen, "fusion": new, "decoder": new, "head": new,
            },
        }
    )  # fmt: skip
    assert [(box.part, box.state) for box in drawing.boxes] == [
        ("head", "loaded"), ("decoder", "loaded"), ("encoder", "frozen"),
        ("head", "new"), ("decoder", "new"), ("fusion", "new"), ("general_encoder", "frozen"), ("encoder", "new"),
    ]  # fmt: skip
    assert boxes(drawing, "encoder")[0].lines == ("encoder", "9 parameters", "loaded, frozen")
    assert list(drawing.headings.values()) == [("Lesion\nRepresentations",), ("Hybrid-encoder",)]
    edges = [[box.place[0] + side * box.width / 2 for box in drawing.boxes] for side in (-1, 1)]
    assert max(edges[1][:3]) < min(edges[0][3:]), "no strategy reaches into the other one"
    assert len(drawing.arrows) == (1 + 1) + (2 + 1 + 1)


def test_the_strategies_are_read_from_the_folders_of_their_models(tmp_path):
    new = dict.fromkeys(("encoder", "decoder", "head"), counts(new=9))
    paths = [tmp_path / name / "fold0" / "model.json" for name in ("scratch", "pretrain-msd")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(
            json.dumps({"parameters": new, "device": "CPU", "versions": {}, "weights_sha256": ""})
        )
    strategies_figure.make(
        Artefact(
            base=tmp_path / "strategies",
            paper="wang2021",
            entry={"kind": "strategies", "title": "Strategies"},
            config_name="toy",
            remarks=[],
            inputs={"descriptions": paths},
            parameters={
                "models": {"From scratch": "scratch", "Task 2": "pretrain-msd"},
                "looks": {"From scratch": ("scratch", "none"), "Task 2": ("other-data", "msd")},
            },
        )
    )
    assert (tmp_path / "strategies.svg").stat().st_size > 10_000
    assert (tmp_path / "strategies.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("numbers", "state", "words"),
    [
        (counts(new=10), "new", ("10 parameters", "new, trained")),
        (counts(loaded=2_000_000), "loaded", ("2.0 M parameters", "loaded, trained")),
        (counts(loaded=10, frozen=10), "frozen", ("10 parameters", "loaded, frozen")),
        (counts(new=10, frozen=10), "frozen", ("10 parameters", "new, frozen")),
        (counts(loaded=9, new=3), "loaded", ("12 parameters", "9 loaded, 3 new, trained")),
        (counts(loaded=3, new=9, frozen=3), "new", ("12 parameters", "3 loaded, 9 new, 3 frozen")),
    ],
)
def test_the_state_of_a_part(numbers, state, words):
    assert (state_of(numbers), in_words(numbers)) == (state, words)


def test_a_figure_has_the_colours_of_its_parts_alone_and_the_same_bytes(tmp_path):
    parameters = {
        "general_encoder": counts(loaded=5, frozen=5),
        "encoder": counts(loaded=5),
        "decoder": counts(loaded=5),
        "head": counts(loaded=5),
    }
    drawing = draw_segmentation(of("config", parameters=parameters), NAMES)
    for name in ("one", "two"):
        figure = draw_architecture(drawing, colours={"": "#004C32"}, title="T", lines=["Configuration: toy."])
        (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
        save_figure(figure, tmp_path / name)
    shown = [text.get_text().partition(":")[0].partition(" ")[0] for text in legend.get_texts()]
    assert shown == ["loaded", "frozen"]
    assert [patch.get_hatch() for patch in legend.get_patches()] == [HATCHES["loaded"], HATCHES["frozen"]]
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"64 × 4×8×8", "joined", "head", "segmentation", "5 parameters", "loaded, frozen"} <= texts
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert "#004c32" in (tmp_path / "one.svg").read_text()


def artefact(tmp_path, description):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(description))
    return Artefact(
        base=tmp_path / "figure1",
        paper="ma2021",
        entry={
            "kind": "architecture",
            "title": "A network",
            "experiment": "scratch",
            "fold": 0,
            "names": NAMES,
        },
        config_name="toy",
        remarks=["A remark."],
        inputs={"model": [path]},
        parameters={"look": ("scratch", "none", "")},
    )


def test_figure_and_table_are_made_from_a_model_json(tmp_path):
    description = described({**SMALL_NETWORK, "design": "unet"}, [4, 16, 16])
    description["lineage"] |= {"experiment": "scratch", "pretrained": None}
    with pytest.raises(InputError, match=r"model\.json: has no numbers of parameters; delete the file"):
        architecture_figure.make(artefact(tmp_path, description))
    description["parameters"] = dict.fromkeys(("encoder", "decoder", "head"), counts(new=7))
    architecture_figure.make(artefact(tmp_path, description))
    assert (tmp_path / "figure1.png").stat().st_size > 10_000
    layers_table.make(artefact(tmp_path, description))
    assert (tmp_path / "figure1.csv").read_text().splitlines()[
        1
    ] == "1x4x16x16,input,,output,conv(1x1x1)-softmax"
    page = (tmp_path / "figure1.html").read_text()
    assert "Configuration: toy. Model: scratch." in page
    assert "A remark." in page
    tex = (tmp_path / "figure1.tex").read_text()
    assert r"\multicolumn{2}{c}{Encoder}" in tex


def test_loaded_frozen_and_new_differ_without_colour():
    parameters = {"encoder": counts(loaded=9, frozen=9), "decoder": counts(loaded=9), "head": counts(new=9)}
    drawing = draw_strategies({"One": parameters, "Two": parameters})
    colours = {"One": "#28539D", "Two": "#C67400"}
    figure = draw_architecture(drawing, colours=colours, title="T", lines=["L"])
    stripes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    looks = {
        (to_hex(one.get_edgecolor()).upper(), one.get_hatch() or "", to_hex(one.get_facecolor()).upper())
        for one in stripes
    }
    assert looks == {
        (colour, *look)
        for colour in colours.values()
        for look in ((HATCHES["frozen"], "#FFFFFF"), ("", colour), ("", "#FFFFFF"))
    }


def test_what_the_drawing_reads_of_a_model_is_in_its_model_json():
    """The keys of model.json that `described` makes up are keys of the real one."""
    known = set(ModelDescription.__dataclass_fields__)
    assert set(described(SMALL_NETWORK, [1, 2, 3])) <= known
