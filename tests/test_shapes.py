"""The types of configuration and sheets have the keys that the schemas allow."""

from collections import Counter
from typing import get_type_hints

import pytest

from conftest import ROOT
from covidseg.archives.dataset import ArchiveEntry, Dataset, Members, Pictures, Registry
from covidseg.config.entries import ArtefactEntry, Panel
from covidseg.config.kinds import KINDS
from covidseg.config.schemas import read_schema
from covidseg.config.sheets import (
    ExperimentRow,
    ExperimentSheet,
    LocaliserRow,
    Phantom,
    Sections,
    SourceRow,
    WeakModelRow,
    WeakSheet,
)
from covidseg.evaluation.sections import Evaluation, Inference, Lesions
from covidseg.training import sections as training
from covidseg.weak import sections as weak

ANY = "any"  # in a place, below: a key that the schema does not name
SHAPES = [
    (Dataset, "datasets", ANY),
    (ArchiveEntry, "datasets", f"{ANY}.archives.{ANY}"),
    (Registry, "datasets", f"{ANY}.registry"),
    (Pictures, "datasets", f"{ANY}.slices"),
    (ExperimentSheet, "experiments", ""),
    (SourceRow, "experiments", f"sources.{ANY}"),
    (ExperimentRow, "experiments", f"experiments.{ANY}"),
    (WeakSheet, "experiments", "weak"),
    (WeakModelRow, "experiments", f"weak.models.{ANY}"),
    (LocaliserRow, "experiments", f"weak.localisers.{ANY}"),
    (Sections, "config", ""),
    (Phantom, "config", "phantom"),
    (training.Plan, "config", "plan"),
    (training.Network, "config", "network"),
    (training.Convolutions, "config", "network.convolutions"),
    (training.Training, "config", "training"),
    (training.Augmentation, "config", "augmentation"),
    (training.Rotation, "config", "augmentation.rotation"),
    (training.Ranged, "config", "augmentation.scale"),
    (training.Noise, "config", "augmentation.noise"),
    (training.Blur, "config", "augmentation.blur"),
    (training.LowResolution, "config", "augmentation.low_resolution"),
    (training.Mirror, "config", "augmentation.mirror"),
    (Inference, "config", "inference"),
    (weak.Weak, "config", "weak"),
    (weak.Variant, "config", "weak.variants.paper"),
    (weak.VariantWeights, "config", "weak.variants.paper.weights"),
    (weak.Classifier, "config", "weak.classifier"),
    (weak.VAGANSection, "config", "weak.va_gan"),
    (weak.BiomarkerSection, "config", "weak.biomarker_localisation"),
    (weak.BiomarkerWeights, "config", "weak.biomarker_localisation.weights"),
    (Evaluation, "config", "evaluation"),
    (Lesions, "config", "evaluation.lesions"),
    (Panel, "artefacts", ""),
]


def allowed(sheet, place):
    """The keys that a schema allows at a place, keys joined by points."""
    whole = read_schema(ROOT / "config" / "schemas" / f"{sheet}.schema.yaml")
    schema = whole["$defs"]["panels"]["items"] if sheet == "artefacts" else whole
    for key in filter(None, place.split(".")):
        schema = schema["additionalProperties"] if key == ANY else schema["properties"][key]
        if "$ref" in schema:
            schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return set(schema["properties"])


@pytest.mark.parametrize(("shape", "sheet", "place"), SHAPES)
def test_a_type_has_the_keys_of_its_schema(shape, sheet, place):
    assert set(get_type_hints(shape)) == allowed(sheet, place)


def test_scans_and_label_maps_share_one_type():
    keys = allowed("datasets", f"{ANY}.images") | allowed("datasets", f"{ANY}.labels")
    assert set(get_type_hints(Members)) == keys


def test_an_artefact_has_keys_of_the_kinds_and_all_that_two_of_them_share():
    """A key that one kind alone has needs no type: `Artefact.own` reads it."""
    keys = Counter(key for kind in KINDS.values() for key in kind.keys)
    typed = set(get_type_hints(ArtefactEntry)) - {"kind", "title"}
    assert typed <= set(keys)
    assert {key for key, count in keys.items() if count > 1} <= typed


def patterns(schema):
    """Yield every part of a schema that has a pattern."""
    if isinstance(schema, dict):
        yield from [schema] if isinstance(schema.get("pattern"), str) else []
        for inside in schema.values():
            yield from patterns(inside)
    elif isinstance(schema, list):
        for inside in schema:
            yield from patterns(inside)


def test_every_pattern_says_in_words_what_is_expected():
    """A message prints these words in place of a regular expression."""
    found = [one for path in (ROOT / "config/schemas").glob("*.yaml") for one in patterns(read_schema(path))]
    assert found
    assert [one for one in found if "description" not in one] == []
