"""A figure of every kind, from small made-up data."""

import numpy as np
import pandas as pd

from covidseg.config.series import Series
from covidseg.evaluation.agreement import limits_of_agreement
from covidseg.paper.architecture_figure import draw_architecture
from covidseg.paper.artefact import Artefact
from covidseg.paper.bland_altman import draw_agreement
from covidseg.paper.cases_figure import draw_visual
from covidseg.paper.examples_figure import Example, draw_examples
from covidseg.paper.localisation_figure import Slice, draw_localisation
from covidseg.paper.palette import look_of
from covidseg.paper.ranking_figure import draw_rankings
from covidseg.paper.relations_figure import draw_relations
from covidseg.paper.segmentation_drawing import draw_segmentation
from covidseg.paper.sizes_figure import Sized, draw_sizes
from covidseg.paper.strategies_figure import draw_strategies
from covidseg.paper.thresholds_figure import draw_thresholds
from covidseg.paper.uncertainty import Bootstrap, ranking_rows
from covidseg.paper.views import View
from covidseg.paper.violin import draw_violins
from covidseg.weak.evaluation import LEVELS, count_pixels, threshold_curve
from descriptions import counts, of

LOSSES = "Collaborative learning (L_rc^G+L_rc^T)"
LONG = "Pre-trained Lesion Representations"
REMARK = "Published split: patient radiopaedia_10_85902 is in training and test of folds 2 and 4."
PANELS = [{"region": "infection", "split": "test"}]
SERIES = [
    Series("Train from scratch", "none", "infection", "test", "scratch"),
    *(Series(LONG, source, "infection", "test", f"rep-{source}") for source in ("MSD", "NSCLC", "Multi-lesion")),
    Series(LOSSES, "MSD+NSCLC", "infection", "test", "collaborative"),
]  # fmt: skip
LOOKS = {
    "scratch": look_of("scratch", "none"),
    "rep-MSD": look_of("lesion-representations", "msd"),
    "rep-NSCLC": look_of("lesion-representations", "nsclc"),
    "rep-Multi-lesion": look_of("lesion-representations", "multi"),
    "collaborative": look_of("collaborative", "multi2"),
}
WORDS = {"config_name": "toy", "remarks": [REMARK]}


def scores():
    """Values of six patients in two folds, and the volumes of their infections."""
    generator = np.random.default_rng(0)
    rows = [
        (one.experiment, fold, "infection", "test", f"{patient}_1", patient, metric, value)
        for one in SERIES for fold in "01" for patient in "abcdef"
        for metric, value in zip(("DSC", "NSD", "volume_truth_mL", "volume_error_mL"),
                                 generator.random(4) * (1, 1, 900, 400), strict=True)
    ]  # fmt: skip
    columns = ["experiment", "fold", "region", "split", "case", "patient", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def violin():
    found = scores()
    values = {
        (one, metric): found[(found.experiment == one.experiment) & (found.metric == metric)]
        .groupby("patient")["value"].mean()
        for one in SERIES for metric in ("DSC", "NSD")
    }  # fmt: skip
    return draw_violins(values, LOOKS, {"title": "Violins", "metrics": ["DSC", "NSD"]}, **WORDS)


def ranking():
    bootstrap = Bootstrap(resamples=50, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
    artefact = {"title": "Ranks", "panels": PANELS, "metrics": ["DSC", "NSD"], "unit": "fraction"}
    looks = {(one.row, one.source): LOOKS[one.experiment] for one in SERIES}
    ranks = ranking_rows(SERIES, artefact, scores(), bootstrap)
    return draw_rankings(ranks, artefact, bootstrap, looks=looks, **WORDS)


def bland_altman():
    generator = np.random.default_rng(0)
    volumes = {
        one: pd.DataFrame(
            {
                "patient": list("abcabc"),
                "mean": generator.uniform(1, 900, 6),
                "difference": generator.normal(0, 90, 6),
            }
        )
        for one in SERIES
    }
    limits = {one: limits_of_agreement(found.difference, found.patient) for one, found in volumes.items()}
    entry = {"title": "Volumes", "panels": PANELS}
    artefact = Artefact("agreement", "wang2021", entry, "toy", [REMARK], {}, {})
    return draw_agreement(volumes, limits, LOOKS, artefact)


def visual(regions=("left_lung", "right_lung", "infection")):
    generator = np.random.default_rng(0)
    methods = ("Task1-Separate", "Task1-Union", "Task2-StructSeg", "Task2-NSCLC", LOSSES, "Task3-StructSeg")
    masks = {region: generator.random((20, 30)) < 0.3 for region in regions}
    views = [
        View(
            "radiopaedia_10_85902_1", 3, 9, (4.0, 4.0), generator.random((20, 30)) * 255, masks,
            dict.fromkeys(methods, masks), {name: dict.fromkeys(regions, 0.5) for name in methods},
        )
        for _ in range(3)
    ]  # fmt: skip
    entry = {"title": "Cases", "columns": dict.fromkeys(methods, "x"), "regions": list(regions), "fold": 0}
    ranks = ["Best of 5 cases", "Median of 5 cases", "Worst of 5 cases"]
    return draw_visual(views, ranks, entry, **WORDS)


def relations():
    generator = np.random.default_rng(0)
    names = ("general_non_covid", "general_covid")
    matrices = {epoch: {name: generator.random((9, 9)) for name in names} for epoch in (1, 500, 1000)}
    log = pd.DataFrame({"epoch": range(1000), "general_difference": np.linspace(0.04, 0.001, 1000)})
    entry = {"title": "The general encoder's feature relations, non-COVID and COVID-19 cases", "fold": 0}
    entry |= {"experiment": LOSSES, "left": names[0], "right": names[1], "curve": "general_difference"}
    return draw_relations(matrices, log, entry, **WORDS)


def example(regions=("left_lung", "right_lung", "lesion")):
    labels = {region: np.zeros((12, 30, 40), bool) for region in regions}
    for number, mask in enumerate(labels.values()):
        mask[2:10, 8:22, 4 + 11 * number : 13 + 11 * number] = True
    whole = slice(None), slice(None)
    lungs = None if len(regions) > 1 else labels["lesion"]
    image = np.random.default_rng(0).random((30, 40)) * 255
    return Example("radiopaedia_10_85902_1", (8.0, 6.0, 6.0), image, labels, 5, whole, lungs)


def examples():
    columns = {
        "StructSeg": example(),
        "NSCLC": example(),
        "MSD Lung Tumor": example(["lesion"]),
        "COVID-19": example(),
    }
    return draw_examples(columns, {"title": "A case of each data set with its labels"}, **WORDS)


def sizes():
    shown = [Sized(example(["lesion"]), volume) for volume in (0.1, 98.7, 1234.5)]
    return draw_sizes(shown, {"title": "COVID-19 cases with small, median and large infection"}, **WORDS)


def architecture():
    names = {"general_encoder": "General encoder G", "encoder": "Target encoder T", "decoder": "Decoder D"}
    parts = ("general_encoder", "encoder", "decoder", "head")
    parameters = dict.fromkeys(parts, counts(new=14_000_000)) | {"encoder": counts(loaded=9, frozen=9)}
    model = of("paper", parameters=parameters, relations="both", sources=["msd/1", "nsclc/3"])
    drawing = draw_segmentation(model, names)
    return draw_architecture(drawing, colours={"": "#004C32"}, title="A network", lines=["Boxes.", REMARK])


def strategies():
    one = {"encoder": counts(loaded=14_000_000), "decoder": counts(loaded=14_000_000), "head": counts(new=9)}
    two = one | {"general_encoder": counts(loaded=14_000_000, frozen=14_000_000), "fusion": counts(new=9)}
    rows = {
        "Train from scratch": one,
        "Body Fine-tuning": one,
        "Continual Learning": one,
        LONG: one,
        "Hybrid": two,
    }
    drawing = draw_strategies(rows)
    colours = dict.fromkeys(rows, "#28539D")
    return draw_architecture(drawing, colours=colours, title="Strategies", lines=["Boxes.", REMARK])


def curves(names):
    generator = np.random.default_rng(0)
    masks = np.zeros((4, 12, 12), bool)
    masks[:, 4:8, 4:8] = True
    heat = {name: generator.integers(0, LEVELS, masks.shape).astype(np.uint16) for name in names}
    return masks, heat, {name: threshold_curve(count_pixels(found, masks)) for name, found in heat.items()}


SYSTEMS = {
    "Decomposition": look_of("decomposition", "none"),
    "BL": look_of("biomarker-localisation", "none"),
    "VA-GAN": look_of("va-gan", "none"),
    "Without normal fidelity loss": look_of("decomposition", "none", "normal_fidelity"),
}


def localisation(spacing=(8.0, 8.0)):
    masks, heat, found = curves(SYSTEMS)
    image = np.random.default_rng(0).integers(1, 256, masks.shape[1:], np.uint8)
    slices = [
        Slice(f"coronacases_001_{number}", size, image, masks[number], {name: maps[number] for name, maps in heat.items()}, spacing)
        for number, size in enumerate(("Smallest lesion of 9 slices", "Largest lesion of 9 slices"))
    ]  # fmt: skip
    entry = {"title": "Lesions localised", "segmented": ["Decomposition", "Without normal fidelity loss"]}
    return draw_localisation(slices, found, SYSTEMS, entry, threshold=0.4, **WORDS)


def thresholds():
    *_, found = curves(SYSTEMS)
    entry = {
        "title": "Dice of the segmentations by the threshold of the heat maps",
        "split": "test_covid_cell",
    }
    return draw_thresholds(found, SYSTEMS, entry, limits=(0.1, 0.4), **WORDS)


DRAWN = {
    "violin": violin, "ranking": ranking, "bland_altman": bland_altman, "visual": visual, "relations": relations,
    "examples": examples, "sizes": sizes, "architecture": architecture, "strategies": strategies,
    "localisation": localisation, "thresholds": thresholds,
}  # fmt: skip
