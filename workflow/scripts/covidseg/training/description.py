"""What model.json says of a trained model: all that its use takes, and where the model comes from."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypedDict

from covidseg.training.sections import Architecture, Options

FORMAT = 1  # of model.json


class Grid(TypedDict):
    """What a network sees: voxels (z, y, x) in mm, and the voxels (z, y, x) of a patch."""

    spacing: list[float]
    patch: list[int]


class Normalisation(TypedDict):
    """How a scan becomes a network's input.

    Attributes:
        window_hu: the lowest and the highest HU that are not clipped.
        scheme: what follows, in words.
    """

    window_hu: list[float]
    scheme: str


class Epochs(TypedDict):
    """The part of a learning rate's schedule that a training ran through.

    Attributes:
        epochs: of the training.
        first_epoch: of the schedule, from 0.
        epoch_max: at which the schedule's learning rate is 0.
    """

    epochs: int
    first_epoch: int
    epoch_max: int


class Ancestor(TypedDict):
    """The model that a training started from: its experiment, and the checksum of model.safetensors."""

    experiment: str
    weights_sha256: str


class Lineage(TypedDict):
    """Where a network comes from.

    Attributes:
        experiment: name of the experiment.
        fold: number of the fold.
        strategy: key of STRATEGIES.
        options: of the strategy.
        pretrained: the model that the training started from, if any.
        training_cases: <data set>/<case> of each.
        source_cases: likewise, of the source's own cases.
        seed: of weights, patches and augmentation.
    """

    experiment: str
    fold: int
    strategy: str
    options: Options
    pretrained: Ancestor | None
    training_cases: list[str]
    source_cases: list[str]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Description:
    """What model.json says of every model. It is known, and no longer empty, once the model is written.

    Attributes:
        device: and precision that the model was trained with, as `Compute` prints them.
        versions: package -> its version.
        weights_sha256: checksum of model.safetensors.
    """

    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    weights_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the content of model.json: first what this kind of model has for itself."""
        shared = [one.name for one in fields(Description)]
        own = [one.name for one in fields(self) if one.name not in shared]
        return {"format": FORMAT} | {name: getattr(self, name) for name in (*own, *shared)}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a model.json; what only other kinds of models have is left out."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{one.name: content[one.name] for one in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class ModelDescription(Description):
    """model.json of a segmentation network.

    Attributes:
        plan: spacing of the scans, and patch.
        normalisation: of the scans.
        labels: output channel, a number in decimals -> region; channel 0 is the background.
        schedule: of the learning rate.
        lineage: where the network comes from.
        fingerprint: checksum of configuration, code and data.
        architecture: what `build_network` builds.
    """

    plan: Grid
    normalisation: Normalisation
    labels: dict[str, str]
    schedule: Epochs
    lineage: Lineage
    fingerprint: str
    architecture: Architecture
