"""The models to train: experiments.yaml, checked and expanded to one experiment per source."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known, check_options
from covidseg.config.sheets import ExperimentRow, ExperimentSheet, SourceRow
from covidseg.errors import InputError
from covidseg.evaluation.sections import ScoredExperiment
from covidseg.regions import LESIONS
from covidseg.training.sections import Options, TrainedExperiment
from covidseg.training.strategies import STRATEGIES


@dataclass(frozen=True)
class Experiment:
    """One experiment: the same training for every fold, with one model per fold.

    Attributes:
        name: name of the experiment and of its folders.
        row: key of the row of experiments.yaml that the experiment comes from.
        paper: the first paper that the experiment belongs to.
        strategy: key of STRATEGIES.
        source: key of `sources`, the further data that the model learns from, or "none".
        train: names of the data sets that the model is trained on.
        folds: number of models, one per fold.
        evaluate: data set -> name of the split in the scores.
        classes: output channel of the network -> region; channel 0 is the background.
        labels: data set -> its label id -> output channel; ids that the model does not know are left out.
        watched: data sets whose held-out cases serve for validation during training. The target data set is
            never among them.
        options: options of the strategy.
        source_datasets: data sets of the source, if the strategy trains on them as well.
    """

    name: str
    row: str
    paper: str
    strategy: str
    source: str
    train: tuple[str, ...]
    folds: int
    evaluate: dict[str, str]
    classes: dict[int, str]
    labels: dict[str, dict[int, int]]
    watched: tuple[str, ...]
    options: Options = field(default_factory=dict)
    source_datasets: tuple[str, ...] = ()

    @property
    def pretraining(self) -> str | None:
        """Name of the experiment whose weights the training starts from; None for random weights."""
        random = not STRATEGIES[self.strategy].needs_source
        random = random or self.options.get("general_encoder") == "random"
        return None if random else f"pretrain-{self.source}"

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


class ExpandedRow(TypedDict):
    """The attributes of an Experiment that come from its row, before the classes are numbered."""

    name: str
    row: str
    paper: str
    strategy: str
    source: str
    train: tuple[str, ...]
    folds: int
    evaluate: dict[str, str]
    options: Options
    source_datasets: tuple[str, ...]


def expand_experiments(
    sheet: ExperimentSheet, datasets: Datasets, target: str, path: Path
) -> dict[str, Experiment]:
    """Turn experiments.yaml into experiments: pretrain-<source> first, then each row once per source.

    Args:
        sheet: content of experiments.yaml.
        datasets: content of datasets.yaml.
        target: the configuration's plan.target.
        path: path of experiments.yaml, for messages.

    Raises:
        InputError: a row is wrong; the message has the file, the key, the value and what is allowed.
    """
    rows = [_pretraining(name, row, datasets, path) for name, row in sheet["sources"].items()]
    for name, row in sheet["experiments"].items():
        rows += _rows(name, row, sheet["sources"], datasets, path)
    experiments: dict[str, Experiment] = {}
    for lesions, expanded in rows:
        name = expanded["name"]
        if name in experiments:
            raise InputError(f"{path}: a second experiment named {name}; rename one of them")
        where = f"{path}: {name}"
        _refuse_unlabelled(expanded, datasets, where)
        _refuse_scans_trained_on(expanded, datasets, where)
        classes = _classes(expanded["train"], datasets, lesions)
        experiments[name] = Experiment(
            **expanded,
            classes=classes,
            labels=_labels(expanded, classes, datasets, where),
            watched=tuple(name for name in expanded["train"] if not _same_scans(name, target, datasets)),
        )
    return experiments


def _pretraining(source: str, row: SourceRow, datasets: Datasets, path: Path) -> tuple[str, ExpandedRow]:
    where = f"{path}: sources.{source}"
    check_known(row["datasets"], datasets, f"{where}.datasets", "data set")
    check_known(row["evaluate"], datasets, f"{where}.evaluate", "data set")
    if row["lesions"] == "heads" and row["evaluate"]:
        raise InputError(f"{where}.evaluate: {row['evaluate']}; must be {{}} with lesions: heads")
    return "union", {
        "name": f"pretrain-{source}",
        "row": f"pretrain-{source}",
        "paper": row["paper"],
        "strategy": "pretrain",
        "source": "none",
        "train": tuple(row["datasets"]),
        "folds": 1,
        "evaluate": row["evaluate"],
        "options": {"lesions": row["lesions"]},
        "source_datasets": (),
    }


def _rows(
    name: str, row: ExperimentRow, sources: dict[str, SourceRow], datasets: Datasets, path: Path
) -> list[tuple[str, ExpandedRow]]:
    """Return (how the lesions of the data sets are joined, experiment) once per source of a row."""
    where = f"{path}: experiments.{name}"
    check_known([row["strategy"]], STRATEGIES, f"{where}.strategy", "strategy")
    check_known(row["train"], datasets, f"{where}.train", "data set")
    check_known(row["evaluate"], datasets, f"{where}.evaluate", "data set")
    strategy = STRATEGIES[row["strategy"]]
    _check_sources(row, strategy.needs_source, sources, where)
    check_options(row.get("options", {}), strategy.options, f"{where}.options")
    if ("lesions" in row) != (len(row["train"]) > 1):
        raise InputError(f"{where}.lesions: needed where several data sets are trained on, and only there")
    return [
        (
            row.get("lesions", "union"),
            {
                "name": f"{name}-{source}" if strategy.needs_source else name,
                "row": name,
                "paper": row["paper"],
                "strategy": row["strategy"],
                "source": source,
                "train": tuple(row["train"]),
                "folds": row["folds"],
                "evaluate": row["evaluate"],
                "options": row.get("options", {}),
                "source_datasets": tuple(sources[source]["datasets"]) if strategy.trains_on_source else (),
            },
        )
        for source in row.get("sources", [row.get("source", "none")])
    ]


def _check_sources(row: ExperimentRow, needed: bool, sources: dict[str, SourceRow], where: str) -> None:
    if needed != ("sources" in row):
        verb = "needs" if needed else "starts from nothing and takes no"
        allowed = f"; allowed: {', '.join(sources)}" if needed else "; remove the key"
        raise InputError(f"{where}: strategy {row['strategy']} {verb} sources{allowed}")
    if needed and "source" in row:
        raise InputError(f"{where}.source: {row['source']!r} beside sources; remove one of the keys")
    check_known(row.get("sources", []), sources, f"{where}.sources", "source")
    check_known([row["source"]] if "source" in row else [], sources, f"{where}.source", "source")


def _refuse_unlabelled(row: ExpandedRow, datasets: Datasets, where: str) -> None:
    """Raise InputError if the training data sets label different regions.

    A region that only one data set labels would count as background in the cases of the other data sets.
    """
    regions = {
        name: sorted(
            {"lesion" if region in LESIONS else region for region in datasets[name]["regions"].values()}
        )
        for name in row["train"]
    }
    if any(found != regions[row["train"][0]] for found in regions.values()):
        listed = ", ".join(f"{name} {', '.join(found)}" for name, found in regions.items())
        raise InputError(f"{where}: regions differ: {listed}; train on them apart")


def _refuse_scans_trained_on(row: ExpandedRow, datasets: Datasets, where: str) -> None:
    """Raise InputError if a test data set has the scans of a training data set under another name.

    All cases of such a test data set would be tested on, the training cases included.
    """
    for name in set(row["evaluate"]) - set(row["train"]):
        for trained in row["train"]:
            if _same_scans(name, trained, datasets):
                raise InputError(
                    f"{where}.evaluate: {name} has the scans of {trained}, which it is trained on"
                )


def _same_scans(name: str, other: str, datasets: Datasets) -> bool:
    return datasets[name]["images"]["archive"] == datasets[other]["images"]["archive"]


def _classes(train: tuple[str, ...], datasets: Datasets, lesions: str) -> dict[int, str]:
    """Number the regions of the training data sets from 1; with "union", all lesions are one class."""
    regions = {region: None for name in train for _, region in sorted(datasets[name]["regions"].items())}
    if lesions == "union" and regions.keys() >= set(LESIONS):
        del regions["infection"]
    return dict(enumerate(regions, start=1))


def _labels(
    row: ExpandedRow, classes: dict[int, str], datasets: Datasets, where: str
) -> dict[str, dict[int, int]]:
    """Return data set -> label id -> output channel of the label's region.

    A lesion or infection without a channel of its own takes the channel of the other of the two.
    """
    channels = {region: channel for channel, region in classes.items()}
    for region, other in (LESIONS, LESIONS[::-1]):
        if other in channels:
            channels.setdefault(region, channels[other])
    labels = {
        name: {
            label: channels[region]
            for label, region in datasets[name]["regions"].items()
            if region in channels
        }
        for name in (*row["train"], *row["source_datasets"], *row["evaluate"])
    }
    scored: dict[tuple[str, str], str] = {}
    for name, split in row["evaluate"].items():
        regions = datasets[name]["regions"]
        if not labels[name]:
            listed = ", ".join(regions.values())
            raise InputError(f"{where}.evaluate: the model knows no {listed}, all that {name} labels")
        for key in ((regions[label], split) for label in labels[name]):
            if key in scored:
                both = f"{scored[key]} and {name} both have {key[0]} at split {split}"
                raise InputError(f"{where}.evaluate: {both}; their scores would be pooled")
            scored[key] = name
    return labels
