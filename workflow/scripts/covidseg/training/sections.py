"""Types of the configuration's sections that decide a training, and of what the training's rules pass.

config/paper.yaml has the same keys, with the papers' values and the reasons for these values.
"""

from typing import Any, Literal, TypedDict

Options = dict[str, Any]  # options of a strategy or a system, checked against its entry in the registry
Range = list[float]  # the lowest and the highest value


class Plan(TypedDict, total=False):
    """Section `plan`; a rule passes only the keys that it reads.

    Attributes:
        target: the target data set, whose infections are to be segmented.
        spacing: (z, y, x) in mm; None: computed from the target's cases.
        patch: size (z, y, x) in voxels of a network's input.
        window: the intensities, in HU, that become 0 and 255.
    """

    target: str
    spacing: list[float] | None
    patch: list[int]
    window: list[float]


class Convolutions(TypedDict):
    """Numbers of convolutions per stage of encoder and decoder, in the order of computation."""

    encoder: list[int]
    decoder: list[int]


class Network(TypedDict):
    """Section `network`: the stages of a U-Net, full resolution first.

    Attributes:
        features: number of channels of each stage.
        kernels: kernel size (z, y, x) in voxels of each stage.
        strides: stride (z, y, x) in voxels of each stage's first convolution.
        convolutions: number of convolutions of each stage.
    """

    features: list[int]
    kernels: list[list[int]]
    strides: list[list[int]]
    convolutions: Convolutions


class Architecture(Network, total=False):
    """The section `network` and what the strategy adds to it; part of model.json.

    Attributes:
        design: unet, concatenation or selective-fusion.
        reduction: ratio by which the inner layer of selective fusion is narrower than the features.
        heads: number of segmentation heads; 1 if the key is missing.
    """

    design: str
    reduction: int
    heads: int


class Restart(TypedDict):
    """When a training that finds no foreground starts again.

    Attributes:
        epochs: number of epochs after which foreground is searched for in the training cases.
        momentum: momentum of the training from then on; None: a warning alone.
    """

    epochs: int
    momentum: float | None


class Training(TypedDict, total=False):
    """Section `training`; a rule passes only the keys that decide the model.

    Attributes:
        epochs: number of epochs per training.
        iterations: number of iterations per epoch.
        batch: number of patches per iteration.
        learning_rate: learning rate of the first epoch.
        learning_rate_power: exponent of the polynomial decay.
        momentum: Nesterov momentum.
        restart: when a training that finds no foreground starts again, and with which momentum.
        weight_decay: factor of the L2 penalty.
        gradient_clip: largest norm of the gradient.
        foreground: share of the patches that are centred on a lesion.
        batch_dice: whether Dice is computed over the whole batch, instead of per patch.
        validation_every: number of epochs from one validation to the next.
        validation_patches: number of patches per validation.
        checkpoint_seconds: seconds between two saved states.
        device: auto, cpu or cuda.
        precision: auto, float32 or bfloat16.
        compile: auto, true or false.
        device_memory_gib: GiB of cases on the device: of training, then of the source, then of validation.
    """

    epochs: int
    iterations: int
    batch: int
    learning_rate: float
    learning_rate_power: float
    momentum: float
    restart: Restart
    weight_decay: float
    gradient_clip: float
    foreground: float
    batch_dice: bool
    validation_every: int
    validation_patches: int
    checkpoint_seconds: float
    device: str
    precision: str
    compile: Literal["auto", True, False]
    device_memory_gib: float


class Transform(TypedDict):
    """A transform of the augmentation, with the probability that the transform is applied to a patch."""

    probability: float


class Rotation(Transform):
    """Rotation about the z axis, by at most `degrees` to either side."""

    degrees: float


class Ranged(Transform):
    """A transform by a factor or an exponent that is drawn from `range`."""

    range: Range


class Noise(Transform):
    """Gaussian noise, whose standard deviation `sigma` is drawn from a range."""

    sigma: Range


class Blur(Transform):
    """Gaussian blur, whose `sigma` (in voxels) is drawn from a range."""

    sigma: Range


class LowResolution(Transform):
    """Low resolution: a patch is shrunk by a factor drawn from `zoom`, and enlarged to its old size."""

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
    """The part of the configuration that decides a training's result.

    Attributes:
        seed: seed of weights, patches and augmentation.
        timed: whether log.csv gets the seconds per epoch.
        plan, network, training, augmentation: these sections, with only the keys that decide the result.
    """

    seed: int
    timed: bool
    plan: Plan
    network: Network
    training: Training
    augmentation: Augmentation


class TrainedExperiment(TypedDict):
    """The part of an experiment that its training depends on.

    Attributes:
        name: name of the experiment, and of the model's folder.
        strategy: key of STRATEGIES.
        train: the training data sets.
        classes: output channel of the network -> region, or "lesion of <data set>" where the lesions of each
            data set are a class of their own; channel 0 is the background.
        watched: data sets whose held-out cases give the validation Dice during training.
        options: options of the strategy.
        source_datasets: data sets of the source; empty unless the strategy trains on them beside `train`.
        labels: data set -> label id of the data set -> output channel.
    """

    name: str
    strategy: str
    train: tuple[str, ...]
    classes: dict[int, str]
    watched: tuple[str, ...]
    options: Options
    source_datasets: tuple[str, ...]
    labels: dict[str, dict[int, int]]
