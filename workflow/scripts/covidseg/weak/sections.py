"""Types of the configuration's section `weak`, and of what the rules for weak supervision pass.

config/paper.yaml has the same keys, with the paper's values and the reasons for these values.
"""

from typing import TypedDict

from covidseg.training.sections import Options


class SliceCounts(TypedDict):
    """Numbers of slices that are drawn from a data set of slices; None: all slices.

    Attributes:
        train_normal, train_lesion: slices to train on.
        test_lesion: slices to test on.
    """

    train_normal: int | None
    train_lesion: int | None
    test_lesion: int


class VariantWeights(TypedDict):
    """Weights of the losses of the weak framework (alpha of yang2021 3.1)."""

    adversarial: float
    reconstruction: float
    fidelity: float


class Greys(TypedDict):
    """How grey levels, 0 to 255, become the values of images.

    Attributes:
        zero: grey level that becomes 0.
        unit: number of grey levels between the values 0 and 1.
    """

    zero: float
    unit: float


class Variant(TypedDict):
    """One variant of the weak framework: the variant in the paper, or the variant in the authors' code.

    A rule passes only the keys that the system reads.

    Attributes:
        mask_level: lowest grey level of a lesion in the masks of published slices.
        normalisation: range or z-score.
        range: with normalisation `range`, the images' values are scaled to -range to range.
        batch: number of slices per iteration; half of the slices have lesions.
        learning_rate: learning rate of Adam.
        betas: the two beta coefficients of Adam.
        penalty_weight: weight of the gradient penalty (lambda of yang2021 3.1).
        critic_weight: weight of the critic's loss (yang2021 equation 3).
        weights: weights of the other losses.
        fakes: whether the critic sees the normal versions of "all" images or only of "lesion" images.
        edge_power: exponent of the edges' weight in the norms; with 0, all pixels have the same weight.
        shared_decoders: whether the two decoders share all layers except the last ones.
        critic_norm: normalisation layers of the critic: none or batch.
        map: kind of heat map: decoder, rescaled or difference.
        threshold: threshold that turns a heat map into a segmentation, 0 to 1.
    """

    mask_level: int
    normalisation: str
    range: float
    batch: int
    learning_rate: float
    betas: list[float]
    penalty_weight: float
    critic_weight: float
    weights: VariantWeights
    fakes: str
    edge_power: float
    shared_decoders: bool
    critic_norm: str
    map: str
    threshold: float


class Classifier(TypedDict):
    """The classifier of slices.

    Attributes:
        features: number of channels of each stage.
        learning_rate: learning rate of Adam.
    """

    features: list[int]
    learning_rate: float


class VAGANSection(TypedDict):
    """The system VA-GAN.

    Attributes:
        learning_rate: learning rate of Adam.
        betas: the two beta coefficients of Adam.
        map_weight: weight of the L1 norm of the map.
        critic_steps: number of updates of the critic in most iterations.
        often_steps: number of updates of the critic in the first iterations and in some later ones.
        often_first: number of first iterations with `often_steps` updates.
        often_every: later on, every iteration whose number is a multiple has `often_steps` updates.
    """

    learning_rate: float
    betas: list[float]
    map_weight: float
    critic_steps: int
    often_steps: int
    often_first: int
    often_every: int


class BiomarkerWeights(TypedDict):
    """Weights of the losses of biomarker localisation."""

    adversarial: float
    classification: float
    similarity: float
    normal_fidelity: float


class BiomarkerSection(TypedDict):
    """The system of biomarker localisation; `weights` are the weights of its losses."""

    weights: BiomarkerWeights


class Weak(TypedDict, total=False):
    """Section `weak`; a rule passes only the keys that the system reads.

    Attributes:
        size: number of pixels per side of a slice.
        slices: numbers of slices that are drawn from a data set of slices.
        lungs: "truth", or name of the experiment whose model segments the lungs of volumes.
        volume_slices: number of slices that are cut out of volumes; None: all.
        variant: name of the chosen variant.
        variants: name -> variant; a rule passes only the chosen variant.
        features: number of channels of each stage of the U-Nets.
        critic_features: number of channels of each layer of the critic.
        epochs: number of epochs per training.
        iterations: number of iterations per epoch.
        classifier, va_gan, biomarker_localisation: values for the system of this name alone.
        threshold_range: lowest and highest threshold for the lower bound of the Dice.
        device: auto, cpu or cuda.
        checkpoint_seconds: seconds between two saved states.
    """

    size: int
    slices: SliceCounts
    lungs: str
    volume_slices: int | None
    variant: str
    variants: dict[str, Variant]
    features: list[int]
    critic_features: list[int]
    epochs: int
    iterations: int
    classifier: Classifier
    va_gan: VAGANSection
    biomarker_localisation: BiomarkerSection
    threshold_range: list[float]
    device: str
    checkpoint_seconds: float


class TrainedSystem(TypedDict):
    """The part of a system's row in experiments.yaml that its training depends on.

    Attributes:
        name: name of the model, and of the model's folder.
        system: key of SYSTEMS.
        options: options of the system.
        classifier: name of the classifier that the system learns from, or None.
        train: data set of the training slices.
    """

    name: str
    system: str
    options: Options
    classifier: str | None
    train: str
