"""The types of a configuration's content (config.yaml, paper.yaml, public.yaml) and of experiments.yaml."""

from typing import NotRequired, TypedDict

from covidseg.evaluation.sections import Evaluation, Inference
from covidseg.training.sections import Augmentation, Network, Options, Plan, Training
from covidseg.weak.sections import Weak


class Phantom(TypedDict):
    """Section `phantom`: which data sets are generated.

    Attributes:
        seed: seed of the generated scans.
        cases: data set -> number of cases to generate, or the names of these cases.
    """

    seed: int
    cases: dict[str, int | list[str]]


class Rehearsal(TypedDict):
    """Section `rehearsal`: the part of everything that a rehearsal runs.

    Attributes:
        experiments: experiments and localisers that are run, in fold 0. What they start from is run too.
        real_grids: whether generated scans have the number of voxels and the spacing of the real ones.
        tiles: tiles per scan that a prediction computes; None: all.
    """

    experiments: list[str]
    real_grids: bool
    tiles: int | None


class Sections(TypedDict):
    """A complete configuration.

    Attributes:
        name: name of the configuration, printed with every table and figure.
        seed: seed of the weights, patches, augmentation, random splits and bootstrap.
        timed: whether seconds are written into logs and scores.
        phantom: the data sets that are generated, or None if all data are real.
        rehearsal: the part that a rehearsal runs, or None for everything.
        without: data sets to leave out.
        accept_licences: whether the user agrees to the licences of the archives that are fetched.
        splits: kind of the splits, "published" or "patient".
    """

    name: str
    seed: int
    timed: bool
    phantom: Phantom | None
    rehearsal: Rehearsal | None
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
    """A row of `sources`: the data that a model can be pre-trained on, or a model that nnU-Net has trained.

    Attributes:
        paper: the first paper that the pre-training belongs to.
        title: the source's name in the tables.
        datasets: the data sets that one model learns together.
        lesions: how the data sets' lesions are combined, "union", "classes" or "heads".
        evaluate: data set -> name of the split in the scores.
        nnunet: folder or zip of a model that nnU-Net v2 has trained. A row with this key has only `paper`,
            `title`, `fold` and `checkpoint` beside it, since nothing is pre-trained.
        fold: number of the fold of nnU-Net's model, or "all"; 0 if the key is missing.
        checkpoint: file name of the checkpoint; checkpoint_final.pth if the key is missing.
    """

    paper: str
    title: str
    datasets: NotRequired[list[str]]
    lesions: NotRequired[str]
    evaluate: NotRequired[dict[str, str]]
    nnunet: NotRequired[str]
    fold: NotRequired[int | str]
    checkpoint: NotRequired[str]


class ExperimentRow(TypedDict, total=False):
    """A row of `experiments`: a training, the evaluation of a pre-trained model, or external predictions.

    Attributes:
        paper: the first paper that the experiment belongs to.
        strategy: key of STRATEGIES.
        sources: keys of the sources; the row stands for one experiment per source. A strategy that starts
            from random weights has no `sources`.
        source: in a row without `sources`, the source whose name the tables print.
        train: data sets that the model is trained on.
        lesions: how the lesions of several training data sets are combined, "union" or "classes".
        folds: number of folds, with one model per fold.
        evaluate: data set -> name of the split in the scores.
        options: options of the strategy.
        model: name of a pre-training whose model is evaluated. A row with this key has only `paper` and
            `evaluate` beside it, since nothing is trained.
        predictions: path of the files that were predicted elsewhere, with {case} in it. `train` of such a row
            are those data sets of `evaluate` whose training cases the model has seen.
        regions: label id in these files -> region, or "background".
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
    model: str
    predictions: str
    regions: dict[int, str]


class WeakModelRow(TypedDict, total=False):
    """A row of `weak.models`.

    Attributes:
        system: key of SYSTEMS.
        classifier: name of the trained classifier that the system learns from.
        options: options of the system.
    """

    system: str
    classifier: str
    options: Options


class LocaliserRow(TypedDict, total=False):
    """A row of `weak.localisers`.

    Attributes:
        model: key of `weak.models`.
        map: kind of heat map. Without the key, the kind is the one that the configuration's variant names
            or, if the system cannot make that kind, the first kind of the system.
    """

    model: str
    map: str


class WeakSheet(TypedDict):
    """The part `weak` of experiments.yaml.

    Attributes:
        train: data set of slices that the models are trained on.
        evaluate: data set -> name of the split in the scores.
        models: name -> model to train.
        localisers: name -> localiser to score.
    """

    train: str
    evaluate: dict[str, str]
    models: dict[str, WeakModelRow]
    localisers: dict[str, LocaliserRow]


class ExperimentSheet(TypedDict):
    """The content of experiments.yaml."""

    sources: dict[str, SourceRow]
    experiments: dict[str, ExperimentRow]
    weak: WeakSheet
