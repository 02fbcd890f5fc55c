"""The sections of the configuration that decide a training, and the shape of what its rules pass.

config/paper.yaml has the same keys, with the papers' values and the reasons for the values.
"""

from typing import Any, TypedDict

Options = dict[str, Any]  # of a strategy or a system: checked against its entry in the registry
Range = list[float]  # the lowest and the highest value


class Plan(TypedDict, total=False):
    """Section `plan`; a rule passes only the keys that it reads.

    Attributes:
        target: the data set that all is about.
        spacing: (z, y, x) in mm; None: by the target's cases.
        patch: voxels (z, y, x) that a network sees at once.
        window: the HU that become 0 and 255.
    """

    target: str
    spacing: list[float] | None
    patch: list[int]
    window: list[float]


class Convolutions(TypedDict):
    """Convolutions of each stage, in the order of computation."""

    encoder: list[int]
    decoder: list[int]


class Network(TypedDict):
    """Section `network`, of a U-Net.

    Attributes:
        features: channels of each stage, full resolution first.
        kernels: size (z, y, x) of each stage's convolutions, in voxels.
        strides: (z, y, x) of each stage's first convolution, in voxels.
        convolutions: their number in each stage.
    """

    features: list[int]
    kernels: list[list[int]]
    strides: list[list[int]]
    convolutions: Convolutions


class Architecture(Network, total=False):
    """A network with what its strategy adds; part of model.json.

    Attributes:
        design: unet, concatenation or selective-fusion.
        reduction: of selective fusion, by how much its inner layer is narrower.
        heads: number of segmentation heads; 1 where it is not there.
    """

    design: str
    reduction: int
    heads: int


class Training(TypedDict, total=False):
    """Section `training`; a rule passes only the keys that decide the model.

    Attributes:
        epochs: of a training.
        iterations: per epoch.
        batch: patches per iteration.
        learning_rate: at the start.
        learning_rate_power: exponent of the polynomial decay.
        pretraining_schedule: "both phases" or "own".
        momentum: of Nesterov.
        weight_decay: factor of the L2 penalty.
        gradient_clip: largest norm of the gradient.
        foreground: share of the patches that are centred on a lesion.
        batch_dice: whether Dice is taken over the batch, not per patch.
        validation_every: epochs from one validation to the next.
        validation_patches: patches per validation.
        checkpoint_seconds: between two saved states.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16.
        device_memory_gib: GiB of training cases that are kept on the device.
    """

    epochs: int
    iterations: int
    batch: int
    learning_rate: float
    learning_rate_power: float
    pretraining_schedule: str
    momentum: float
    weight_decay: float
    gradient_clip: float
    foreground: float
    batch_dice: bool
    validation_every: int
    validation_patches: int
    checkpoint_seconds: float
    device: str
    precision: str
    device_memory_gib: float


class Transform(TypedDict):
    """What every transform of the augmentation has: the probability that a patch gets the transform."""

    probability: float


class Rotation(Transform):
    """Rotation about the z axis, by at most `degrees` to either side."""

    degrees: float


class Ranged(Transform):
    """A transform by a factor or an exponent that is drawn from `range`."""

    range: Range


class Noise(Transform):
    """Gaussian noise, its `variance` drawn from a range."""

    variance: Range


class Blur(Transform):
    """Gaussian blur, its `sigma` in voxels drawn from a range."""

    sigma: Range


class LowResolution(Transform):
    """Down and up again, by a factor drawn from `zoom`."""

    zoom: Range


class Mirror(Transform):
    """Reflection along each of the `axes`: 0 is z, 1 is y, 2 is x."""

    axes: list[int]


class Augmentation(TypedDict):
    """Section `augmentation`, in the order in which the transforms are applied."""

    rotation: Rotation
    scale: Ranged
    noise: Noise
    blur: Blur
    brightness: Ranged
    contrast: Ranged
    low_resolution: LowResolution
    gamma_inverted: Ranged
    gamma: Ranged
    mirror: Mirror


class TrainingSections(TypedDict):
    """What decides a training, of the configuration: the keys that count, of the sections that count.

    Attributes:
        seed: of weights, patches and augmentation.
        timed: whether log.csv gets the seconds per epoch.
        plan, network, training, augmentation: these sections.
    """

    seed: int
    timed: bool
    plan: Plan
    network: Network
    training: Training
    augmentation: Augmentation


class TrainedExperiment(TypedDict):
    """What a training depends on, of an experiment.

    Attributes:
        name: of the model's folder.
        strategy: key of STRATEGIES.
        train: data sets.
        classes: output channel of the network -> region; channel 0 is the background.
        watched: data sets whose held-out cases are validated on while training.
        options: of the strategy.
        source_datasets: data sets of the source, where the strategy trains on them apart.
        labels: data set -> its label id -> output channel.
    """

    name: str
    strategy: str
    train: tuple[str, ...]
    classes: dict[int, str]
    watched: tuple[str, ...]
    options: Options
    source_datasets: tuple[str, ...]
    labels: dict[str, dict[int, int]]
