"""The section `weak` of the configuration, and the shape of what its rules pass.

config/paper.yaml has the same keys, with the paper's values and the reasons for the values.
"""

from typing import TypedDict

from covidseg.training.sections import Options


class VariantWeights(TypedDict):
    """Weights of the losses of the weak framework (alpha of yang2021 3.1)."""

    adversarial: float
    reconstruction: float
    fidelity: float


class Variant(TypedDict):
    """One variant of the weak framework: the paper's, or that of the authors' code.

    Attributes:
        range: images go from -range to range.
        batch: slices per iteration, half of them with lesion.
        learning_rate: of Adam.
        betas: of Adam.
        penalty_weight: of the gradient penalty (lambda of yang2021 3.1).
        critic_weight: of the critic's loss (yang2021 equation 3).
        weights: of the other losses.
        fakes: whether the critic sees the fakes of "all" images or of "lesion" images.
        edge_power: 0: all pixels weigh alike in the norms; above: edges weigh more.
        shared_decoders: whether the two decoders share all but their last layers.
        critic_norm: none or batch.
        map: kind of heat map: decoder or difference.
    """

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


class Classifier(TypedDict):
    """The classifier of slices: channels of each stage, and the learning rate of Adam."""

    features: list[int]
    learning_rate: float


class VAGANSection(TypedDict):
    """VA-GAN.

    Attributes:
        learning_rate: of Adam.
        betas: of Adam.
        map_weight: of the map's L1 norm.
        critic_steps: of the critic in most iterations.
        often_steps: of the critic in the other iterations, which are the first ones and some later ones.
        often_first: number of the first iterations with `often_steps`.
        often_every: iterations from one later iteration with `often_steps` to the next.
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
    """Biomarker localisation."""

    weights: BiomarkerWeights


class Weak(TypedDict, total=False):
    """Section `weak`; a rule passes only the keys that the system reads.

    Attributes:
        size: pixels per side of a slice.
        lungs: "truth" or the experiment that cuts the lungs out of volumes.
        volume_slices: slices that are cut out of volumes.
        variant: the chosen one of the variants.
        variants: name -> variant; a rule passes the chosen one alone.
        features: channels of the U-Nets' stages.
        critic_features: channels of the critic's layers.
        epochs: of a training.
        iterations: per epoch.
        classifier, va_gan, biomarker_localisation: of these systems alone.
        threshold: of the segmentation by a heat map, 0 to 1.
        threshold_range: lowest and highest threshold of a curve.
        device: auto, cpu or cuda.
        checkpoint_seconds: between two saved states.
    """

    size: int
    lungs: str
    volume_slices: int
    variant: str
    variants: dict[str, Variant]
    features: list[int]
    critic_features: list[int]
    epochs: int
    iterations: int
    classifier: Classifier
    va_gan: VAGANSection
    biomarker_localisation: BiomarkerSection
    threshold: float
    threshold_range: list[float]
    device: str
    checkpoint_seconds: float


class TrainedSystem(TypedDict):
    """What the training of a system depends on, of its row in experiments.yaml.

    Attributes:
        name: of the model's folder.
        system: key of SYSTEMS.
        options: of the system.
        classifier: name of the model that the system learns from, or None.
        train: data set of slices.
    """

    name: str
    system: str
    options: Options
    classifier: str | None
    train: str
