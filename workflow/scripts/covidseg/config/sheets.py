"""The shapes of a configuration (config.yaml, paper.yaml, public.yaml) and of experiments.yaml."""

from typing import TypedDict

from covidseg.evaluation.sections import Evaluation, Inference
from covidseg.training.sections import Augmentation, Network, Options, Plan, Training
from covidseg.weak.sections import Weak


class Phantom(TypedDict):
    """Section `phantom`: which data sets are generated.

    Attributes:
        seed: of the generated scans.
        cases: data set -> number of its cases, or their names.
    """

    seed: int
    cases: dict[str, int | list[str]]


class Sections(TypedDict):
    """A configuration, complete.

    Attributes:
        name: printed with every table and figure.
        seed: of weights, patches, augmentation, random splits and the bootstrap.
        timed: whether seconds are written into logs and scores.
        phantom: the data sets that are generated; None: all data are real.
        without: data sets to leave out.
        accept_licences: whether the user agrees to the licences of what is fetched.
        splits: "published" or "patient".
    """

    name: str
    seed: int
    timed: bool
    phantom: Phantom | None
    without: list[str]
    accept_licences: bool
    splits: str
    plan: Plan
    network: Network
    training: Training
    augmentation: Augmentation
    inference: Inference
    weak: Weak
    evaluation: Evaluation


class SourceRow(TypedDict):
    """A row of `sources`: what a model can be pre-trained on.

    Attributes:
        paper: that the pre-training belongs to first.
        title: the source's name in the tables.
        datasets: that are learned together.
        lesions: "union" or "heads".
        evaluate: data set -> name of the split in the scores.
    """

    paper: str
    title: str
    datasets: list[str]
    lesions: str
    evaluate: dict[str, str]


class ExperimentRow(TypedDict, total=False):
    """A row of `experiments`.

    Attributes:
        paper: that the experiment belongs to first.
        strategy: key of STRATEGIES.
        sources: one experiment per source; not there where the strategy starts from nothing.
        source: in that case, whose data the experiment learns from, for the tables.
        train: data sets.
        lesions: "union" or "classes", where several data sets are trained on.
        folds: number of models.
        evaluate: data set -> name of the split in the scores.
        options: of the strategy.
    """

    paper: str
    strategy: str
    sources: list[str]
    source: str
    train: list[str]
    lesions: str
    folds: int
    evaluate: dict[str, str]
    options: Options


class WeakModelRow(TypedDict, total=False):
    """A row of `weak.models`.

    Attributes:
        system: key of SYSTEMS.
        classifier: the model that the system learns from.
        options: of the system.
    """

    system: str
    classifier: str
    options: Options


class LocaliserRow(TypedDict, total=False):
    """A row of `weak.localisers`.

    Attributes:
        model: key of `weak.models`.
        map: kind of heat map; the system's own if there is none.
    """

    model: str
    map: str


class WeakSheet(TypedDict):
    """The part `weak` of experiments.yaml.

    Attributes:
        train: data set of slices.
        evaluate: data set -> name of the split in the scores.
        models: name -> what is trained.
        localisers: name -> what is scored.
    """

    train: str
    evaluate: dict[str, str]
    models: dict[str, WeakModelRow]
    localisers: dict[str, LocaliserRow]


class ExperimentSheet(TypedDict):
    """Content of experiments.yaml."""

    sources: dict[str, SourceRow]
    experiments: dict[str, ExperimentRow]
    weak: WeakSheet
