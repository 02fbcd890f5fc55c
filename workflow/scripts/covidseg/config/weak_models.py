"""Reads and checks section `weak` of experiments.yaml: systems that learn from image-level labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known, check_options
from covidseg.config.experiments import Experiment
from covidseg.config.sheets import LocaliserRow, WeakModelRow, WeakSheet
from covidseg.errors import InputError, told_together
from covidseg.training.sections import Options
from covidseg.weak import SYSTEMS
from covidseg.weak.sections import TrainedSystem, Weak

WEAK_SOURCE = "weak"  # key of the source of all localisers; tables print its title
LESION = {1: "lesion"}


@dataclass(frozen=True)
class WeakModel:
    """One weakly supervised model to train.

    Attributes:
        name: name of the model and of its folders.
        system: key of SYSTEMS.
        options: options of the system.
        classifier: name of the trained classifier that the model learns from, or None.
        train: data set of slices that the model is trained on.
    """

    name: str
    system: str
    options: Options
    classifier: str | None
    train: str

    def to_json(self) -> TrainedSystem:
        """Return the model as a dictionary, for a job's parameters."""
        return {
            "name": self.name,
            "system": self.system,
            "options": self.options,
            "classifier": self.classifier,
            "train": self.train,
        }


@dataclass(frozen=True, kw_only=True)
class Localiser(Experiment):
    """A weakly supervised model with one kind of heat map, scored in the same way as an experiment.

    The attribute `model` is the name of the WeakModel that makes the heat maps.

    Attributes:
        map: kind of heat map.
    """

    map: str

    @property
    def pretraining(self) -> None:
        """None: the model of a localiser is not pre-trained."""

    def places(self, datasets: Datasets) -> dict[tuple[str, str], tuple[str, int]]:
        """Return ("lesion", split) -> (data set, 1); other regions of the data set are ignored."""
        return {("lesion", split): (dataset, 1) for dataset, split in self.evaluate.items()}


def read_weak_models(sheet: WeakSheet, datasets: Datasets, path: Path) -> dict[str, WeakModel]:
    """Return name -> model, for the models in section `weak`.

    Args:
        sheet: section `weak` of experiments.yaml.
        datasets: content of datasets.yaml.
        path: path of experiments.yaml, for error messages.

    Raises:
        InputError: a value is not allowed; the message names the file, the key, the value and the allowed
            values.
    """
    where = f"{path}: weak"
    check_known([sheet["train"]], datasets, f"{where}.train", "data set")
    if "slices" not in datasets[sheet["train"]]:
        raise InputError(f"{where}.train: {sheet['train']} has no slices; name a data set of slices")
    classifiers = [name for name, other in sheet["models"].items() if other["system"] == "classifier"]
    weak_models = {}
    with told_together() as faults:
        for name, row in sheet["models"].items():
            with faults.gathered():
                _check_model(row, classifiers, f"{where}.models.{name}")
            weak_models[name] = WeakModel(
                name, row["system"], row.get("options", {}), row.get("classifier"), sheet["train"]
            )
    return weak_models


def _check_model(row: WeakModelRow, classifiers: list[str], where: str) -> None:
    check_known([row["system"]], SYSTEMS, f"{where}.system", "system")
    system = SYSTEMS[row["system"]]
    with told_together() as faults:
        with faults.gathered():
            check_options(row.get("options", {}), system.options, f"{where}.options")
        if system.needs_classifier != ("classifier" in row):
            verb = "needs" if system.needs_classifier else "takes no"
            faults.found.append(f"{where}: system {row['system']} {verb} classifier")
        with faults.gathered():
            named = filter(None, [row.get("classifier")])
            check_known(named, classifiers, f"{where}.classifier", "classifier")


def read_localisers(
    sheet: WeakSheet, weak_models: dict[str, WeakModel], datasets: Datasets, weak: Weak, path: Path
) -> dict[str, Localiser]:
    """Return name -> localiser, for the localisers in section `weak`.

    Args:
        sheet: section `weak` of experiments.yaml.
        weak_models: name -> model, as returned by `read_weak_models`.
        datasets: content of datasets.yaml.
        weak: section `weak` of the configuration.
        path: path of experiments.yaml, for error messages.

    Raises:
        InputError: a value is not allowed, or a data set lacks labels of the lungs or of the infection.
    """
    where = f"{path}: weak"
    check_known(sheet["evaluate"], datasets, f"{where}.evaluate", "data set")
    with told_together() as faults:
        faults.found += _evaluation_faults(sheet, datasets, f"{where}.evaluate")
        localisers: dict[str, Localiser] = {}
        for name, row in sheet["localisers"].items():
            with faults.gathered():
                key = f"{where}.localisers.{name}"
                localisers[name] = _localiser(name, row, sheet, weak_models, weak, key)
    return localisers


def _evaluation_faults(sheet: WeakSheet, datasets: Datasets, where: str) -> Iterator[str]:
    for name in sheet["evaluate"]:
        regions = datasets[name].get("regions", {}).values()
        if "slices" not in datasets[name] and not {"left_lung", "infection"} <= set(regions):
            yield f"{where}: {name} labels {', '.join(regions)}; lungs and infection are needed"
    splits = list(sheet["evaluate"].values())
    if twice := [split for split in splits if splits.count(split) > 1]:
        yield f"{where}: two data sets at split {twice[0]}; their scores would be pooled"


def _localiser(
    name: str,
    row: LocaliserRow,
    sheet: WeakSheet,
    weak_models: dict[str, WeakModel],
    weak: Weak,
    where: str,
) -> Localiser:
    check_known([row["model"]], weak_models, f"{where}.model", "model")
    model = weak_models[row["model"]]
    maps = SYSTEMS[model.system].maps
    chosen = weak["variants"][weak["variant"]]["map"]
    kind = row.get("map", chosen if chosen in maps else maps[0])
    check_known([kind], maps, f"{where}.map", "map")
    return Localiser(
        name=name,
        row=name,
        paper="yang2021",
        strategy=model.system,
        source=WEAK_SOURCE,
        train=(model.train,),
        evaluate=sheet["evaluate"],
        classes=LESION,
        labels={dataset: {1: 1} for dataset in sheet["evaluate"]},
        watched=(),
        model=model.name,
        map=kind,
    )
