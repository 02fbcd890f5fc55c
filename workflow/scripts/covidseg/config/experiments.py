"""The experiments: experiments.yaml, checked, with the classes and labels of every model."""

from dataclasses import dataclass
from pathlib import Path

from covidseg.archives.dataset import Datasets
from covidseg.config.classes import BACKGROUND, Labels, external_classes, joint_classes, separate_classes
from covidseg.config.rows import ExpandedRow, expand_rows
from covidseg.config.sheets import ExperimentSheet
from covidseg.errors import InputError, told_together
from covidseg.evaluation.sections import ScoredExperiment
from covidseg.regions import LESIONS
from covidseg.training.sections import TrainedExperiment


@dataclass(frozen=True, kw_only=True)
class Experiment(ExpandedRow):
    """One experiment: the same training for every fold, with one model per fold.

    Attributes:
        classes: output channel of the network -> region; channel 0 is the background.
        labels: data set -> its label id -> output channel; ids that the model does not know are left out.
        watched: data sets whose held-out cases serve for validation during training. The target data set is
            never among them.
    """

    classes: dict[int, str]
    labels: Labels
    watched: tuple[str, ...]

    def places(self, datasets: Datasets) -> dict[tuple[str, str], tuple[str, int]]:
        """Return (region, split) of the scores -> (data set, class in the predictions)."""
        return {
            (datasets[dataset]["regions"][label], split): (dataset, number)
            for dataset, split in self.evaluate.items()
            for label, number in self.labels[dataset].items()
        }

    def for_scoring(self) -> ScoredExperiment:
        """Return what the scores depend on, and the columns that name the model in scores.csv."""
        return {
            "name": self.name,
            "paper": self.paper,
            "strategy": self.strategy,
            "source": self.source,
            "evaluate": self.evaluate,
            "labels": {name: self.labels[name] for name in self.evaluate},
        }

    def external_ids(self) -> dict[int, int]:
        """Return label id in the files that were predicted elsewhere -> class in our predictions."""
        classes = {region: number for number, region in self.classes.items()} | {BACKGROUND: 0}
        return {0: 0} | {label: classes[region] for label, region in self.regions.items()}

    def for_training(self) -> TrainedExperiment:
        """Return what a training depends on. A test set is not part of it: a new one reruns no training."""
        return {
            "name": self.name,
            "strategy": self.strategy,
            "train": self.train,
            "classes": self.classes,
            "watched": self.watched,
            "options": self.options,
            "source_datasets": self.source_datasets,
            "labels": {name: self.labels[name] for name in (*self.train, *self.source_datasets)},
        }


def expand_experiments(
    sheet: ExperimentSheet, datasets: Datasets, target: str, path: Path
) -> dict[str, Experiment]:
    """Turn experiments.yaml into experiments: the pre-trainings first, then each row once per source.

    Args:
        sheet: content of experiments.yaml.
        datasets: content of datasets.yaml.
        target: the configuration's plan.target.
        path: path of experiments.yaml, for messages.

    Raises:
        InputErrors: rows are wrong; each message has the file, the key, the value and what is allowed.
    """
    experiments: dict[str, Experiment] = {}
    volumes = {name: entry for name, entry in datasets.items() if "slices" not in entry}
    with told_together() as faults:
        for row in expand_rows(sheet, volumes, path):
            with faults.gathered():
                if row.name in experiments:
                    raise InputError(f"{path}: a second experiment named {row.name}; rename one of them")
                experiments[row.name] = _experiment(row, datasets, target, f"{path}: {row.name}")
    return experiments


def _experiment(row: ExpandedRow, datasets: Datasets, target: str, where: str) -> Experiment:
    """Check what an experiment is trained and evaluated on, and number its classes."""
    with told_together() as faults:
        if not row.predictions:
            with faults.gathered():
                _refuse_unlabelled(row, datasets, where)
        with faults.gathered():
            _refuse_scans_trained_on(row, datasets, where)
    if row.predictions:
        classes, labels = external_classes(row.regions, row.evaluate, datasets)
    elif row.lesions == "separate":
        classes, labels = separate_classes(row.train, datasets)
    else:
        others = (*row.source_datasets, *row.evaluate)
        classes, labels = joint_classes(row.train, others, datasets, lesions=row.lesions)
    _refuse_unscored(row.evaluate, labels, datasets, where)
    watched = tuple(name for name in row.train if not same_scans(name, target, datasets))
    return Experiment(**vars(row), classes=classes, labels=labels, watched=watched)


def _refuse_unlabelled(row: ExpandedRow, datasets: Datasets, where: str) -> None:
    """Raise InputError if the training data sets label different regions.

    A region that only one data set labels would count as background in the cases of the other data sets.
    """
    regions = {
        name: sorted(
            {"lesion" if region in LESIONS else region for region in datasets[name]["regions"].values()}
        )
        for name in row.train
    }
    if any(found != regions[row.train[0]] for found in regions.values()):
        listed = ", ".join(f"{name} {', '.join(found)}" for name, found in regions.items())
        raise InputError(f"{where}: regions differ: {listed}; train on them apart")


def _refuse_scans_trained_on(row: ExpandedRow, datasets: Datasets, where: str) -> None:
    """Raise InputError if a test data set has the scans of a training data set under another name.

    All cases of such a test data set would be tested on, the training cases included.
    """
    for name in set(row.evaluate) - set(row.train):
        for trained in row.train:
            if same_scans(name, trained, datasets):
                raise InputError(
                    f"{where}.evaluate: {name} has the scans of {trained}, which it is trained on"
                )


def same_scans(name: str, other: str, datasets: Datasets) -> bool:
    """Return whether two data sets have the same scans, with other labels."""
    return datasets[name]["images"]["archive"] == datasets[other]["images"]["archive"]


def _refuse_unscored(evaluate: dict[str, str], labels: Labels, datasets: Datasets, where: str) -> None:
    """Raise InputError if a test data set has no region of the model, or if scores would be pooled."""
    scored: dict[tuple[str, str], str] = {}
    for name, split in evaluate.items():
        regions = datasets[name]["regions"]
        if not labels[name]:
            listed = ", ".join(regions.values())
            raise InputError(f"{where}.evaluate: the model knows no {listed}, all that {name} labels")
        for key in ((regions[label], split) for label in labels[name]):
            if key in scored:
                both = f"{scored[key]} and {name} both have {key[0]} at split {split}"
                raise InputError(f"{where}.evaluate: {both}; their scores would be pooled")
            scored[key] = name
