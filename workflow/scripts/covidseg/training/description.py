"""The content of model.json: all that a user of a trained model needs, and the model's origin."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, get_type_hints

from covidseg.errors import InputError
from covidseg.reading import read_json
from covidseg.training.sections import Architecture, Options
from covidseg.training.types import misfit

FORMAT = 1  # version of the format of model.json
ANEW = "delete the folder, and the model is trained anew"


class Grid(TypedDict):
    """The grid of a network's input: spacing (z, y, x) in mm, and size (z, y, x) of a patch in voxels."""

    spacing: list[float]
    patch: list[int]


class Normalisation(TypedDict):
    """How a scan becomes a network's input.

    Attributes:
        window_hu: lowest and highest intensity, in HU, to which the scan is clipped.
        scheme: the normalisation after clipping, in words.
    """

    window_hu: list[float]
    scheme: str


class Epochs(TypedDict):
    """The part of the learning rate's schedule that a training used.

    Attributes:
        epochs: number of epochs of the training.
        first_epoch: epoch of the schedule at which the training started, from 0.
        epoch_max: epoch of the schedule at which the learning rate is 0.
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
        options: options of the strategy.
        pretrained: the model that the training started from, or None.
        training_cases: <data set>/<case> of each training case.
        source_cases: <data set>/<case> of each case of the source, if the strategy trains on such cases too.
        seed: seed of weights, patches and augmentation.
    """

    experiment: str
    fold: int
    strategy: str
    options: Options
    pretrained: Ancestor | None
    training_cases: list[str]
    source_cases: list[str]
    seed: int


class Counts(TypedDict):
    """Numbers of parameters of one part of a network; trained + frozen and loaded + new are its size.

    Attributes:
        trained: parameters that the training changed.
        frozen: parameters that the training left as they were.
        loaded: parameters that started from a pre-trained model.
        new: parameters that started random.
    """

    trained: int
    frozen: int
    loaded: int
    new: int


@dataclass(frozen=True, kw_only=True)
class Description:
    """What model.json says of every kind of model. The values stay empty until the model is written.

    Attributes:
        parameters: part of the network -> its numbers of parameters; empty in a model.json that an older
            version of covidseg wrote.
        device: device and precision of the training, in the words of `Compute`.
        versions: package -> version of the package.
        weights_sha256: SHA-256 checksum of model.safetensors.
    """

    complete: ClassVar[bool] = True  # whether entries have all keys of their types

    parameters: dict[str, Counts] = field(default_factory=dict)
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    weights_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the content of model.json: first the entries of this kind of model, then the common ones."""
        shared = [one.name for one in fields(Description)]
        own = [one.name for one in fields(self) if one.name not in shared]
        return {"format": FORMAT} | {name: getattr(self, name) for name in (*own, *shared)}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a model.json; entries that this kind of model does not have are left out.

        Raises:
            InputError: the file is damaged, or an entry is missing or of another type.
        """
        content = read_json(path, ANEW)
        if content.get("format", FORMAT) != FORMAT:
            raise InputError(f"{path}: format {content['format']!r}; expected {FORMAT}; {ANEW}")
        optional = {"parameters"} - content.keys()
        wanted = [one.name for one in fields(cls) if one.name not in optional]
        if missing := [name for name in wanted if name not in content]:
            raise InputError(f"{path}: lacks {', '.join(missing)}; {ANEW}")
        types = get_type_hints(cls)
        for name in wanted:
            if wrong := misfit(content[name], types[name], name, complete=cls.complete):
                raise InputError(f"{path}: {wrong}; {ANEW}")
        return cls(**{name: content[name] for name in wanted})


@dataclass(frozen=True, kw_only=True)
class ModelDescription(Description):
    """model.json of a segmentation network.

    Attributes:
        plan: spacing of the scans, and size of a patch.
        normalisation: how a scan becomes the network's input.
        labels: output channel, as a string of digits -> region, or "lesion of <data set>" where the lesions
            of each data set are a class of their own; channel 0 is the background.
        schedule: epochs of the training, and their place in the learning rate's schedule.
        lineage: where the network comes from.
        fingerprint: checksum of configuration, code and data.
        architecture: the network that `build_network` builds.
    """

    plan: Grid
    normalisation: Normalisation
    labels: dict[str, str]
    schedule: Epochs
    lineage: Lineage
    fingerprint: str
    architecture: Architecture

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a model.json as `Description.read` does; a list of another length raises InputError too."""
        found = super().read(path)
        lists: list[tuple[str, Sequence[float], int]] = [
            ("plan.spacing", found.plan["spacing"], 3),
            ("plan.patch", found.plan["patch"], 3),
            ("normalisation.window_hu", found.normalisation["window_hu"], 2),
        ]
        for key, values, length in lists:
            if len(values) != length:
                raise InputError(f"{path}: {key}: {values}; expected {length} numbers; {ANEW}")
        return found
