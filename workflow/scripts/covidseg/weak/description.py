"""The content of model.json of a system that learns from image-level labels."""

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from covidseg.training.description import Description
from covidseg.training.sections import Options
from covidseg.weak.sections import Greys, Weak


class WeakLineage(TypedDict):
    """Where a system comes from.

    Attributes:
        experiment: name of the model.
        classifier: SHA-256 checksum of the classifier's model.safetensors; None if the system uses none.
        training_slices: data set of the training slices.
        seed: seed of weights and batches.
    """

    experiment: str
    classifier: str | None
    training_slices: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class WeakDescription(Description):
    """model.json of a system that learns from image-level labels.

    Attributes:
        system: key of SYSTEMS.
        options: options of the system.
        weak: the keys of the configuration's `weak` that decide the system.
        greys: how grey levels become the values of images.
        lineage: where the system comes from.
        fingerprint: checksum of configuration, code and data.
    """

    complete: ClassVar[bool] = False  # `weak` has only the keys that decide the system

    system: str
    options: Options
    weak: Weak
    greys: Greys
    lineage: WeakLineage
    fingerprint: str
