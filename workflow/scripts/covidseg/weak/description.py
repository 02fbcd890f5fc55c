"""What model.json says of a trained system."""

from dataclasses import dataclass
from typing import TypedDict

from covidseg.training.description import Description
from covidseg.training.sections import Options
from covidseg.weak.sections import Weak


class WeakLineage(TypedDict):
    """Where a system comes from.

    Attributes:
        experiment: name of the model.
        classifier: checksum of the classifier's model.safetensors, where the system learns from one.
        training_slices: data set of the slices.
        seed: of weights and batches.
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
        options: of the system.
        weak: of the configuration's `weak`, what decides the system.
        lineage: where the system comes from.
        fingerprint: checksum of configuration, code and data.
    """

    system: str
    options: Options
    weak: Weak
    lineage: WeakLineage
    fingerprint: str
