"""The configuration, read and checked as a whole before any job starts."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from covidseg.errors import InputError
from covidseg.experiments import Experiment, check_known, expand_experiments
from covidseg.schemas import check_schema


@dataclass(frozen=True)
class Configuration:
    """Everything under config/, checked.

    Attributes:
        settings: the chosen configuration (config.yaml, paper.yaml).
        datasets: datasets.yaml.
        experiments: experiments.yaml with its sources, expanded; by name.
        artefacts: artefacts.yaml.
        source_titles: source -> its name in the tables, "none" included.
        splits: splits.json.
    """

    settings: dict
    datasets: dict[str, dict]
    experiments: dict[str, Experiment]
    artefacts: dict[str, dict[str, dict]]
    source_titles: dict[str, str]
    splits: dict[str, list[dict]]

    def case_names(self, dataset: str) -> list[str] | None:
        """Return a data set's cases where they are known beforehand: the phantom's or the published ones."""
        split = self.datasets[dataset]["split"]
        published = self.splits.get(split)
        phantom = self.settings["phantom"]
        if phantom is None or dataset not in phantom["cases"]:
            return published and sorted({case for fold in published for case in fold["train"] + fold["val"]})
        wanted = phantom["cases"][dataset]
        return wanted if isinstance(wanted, list) else first_cases(published, wanted)

    def archives(self, dataset: str) -> list[str]:
        """Return the paths below data/raw of the archives that a data set's images and labels lie in."""
        paths = [self.datasets[dataset][kind]["archive"] for kind in ("images", "labels")]
        return sorted(
            {path.format(case=case) for path in paths for case in (self.case_names(dataset) or [""])}
        )

    def address(self, dataset: str, archive: str) -> dict:
        """Return an archive's address and checksums; in the phantom configuration a phantom: address."""
        entries = self.datasets[dataset]["archives"]
        entry = entries.get(archive) or entries["{case}.zip"]
        phantom = self.settings["phantom"]
        if phantom is not None and dataset in phantom["cases"]:
            return {"address": f"phantom:{dataset}/{archive}"}
        return entry

    def experiments_of(self, row: str) -> list[Experiment]:
        """Return the experiments of a row of experiments.yaml: itself, or <row>-<source> for each source."""
        return [
            experiment
            for experiment in self.experiments.values()
            if experiment.name in (row, f"{row}-{experiment.source}")
        ]


def first_cases(folds: list[dict], count: int) -> list[str]:
    """Return the first `count` names of a published split, its ratio of training to test cases kept.

    Of several folds the training parts are taken one after the other; together they hold every case.
    """
    if len(folds) > 1:
        return [case for fold in folds for case in fold["train"]][:count]
    training = round(0.8 * count)
    return folds[0]["train"][:training] + folds[0]["val"][: count - training]


def load_configuration(settings: dict, name: str, folder: Path) -> Configuration:
    """Check the chosen configuration together with the sheets beside it.

    Args:
        settings: content of the chosen configuration, command-line overrides included.
        name: how messages call it.
        folder: config/.

    Raises:
        InputError: names the file, the key, the value and what is allowed.
    """
    check_schema(settings, name, folder / "schemas" / "config.schema.yaml")
    sheets = {}
    for sheet in ("datasets", "experiments", "artefacts"):
        path = folder / f"{sheet}.yaml"
        sheets[sheet] = yaml.safe_load(path.read_text(encoding="utf-8"))
        check_schema(sheets[sheet], str(path), folder / "schemas" / f"{sheet}.schema.yaml")
    splits = json.loads((folder / "splits.json").read_text(encoding="utf-8"))
    _check_settings(settings, name, sheets["datasets"])
    _check_datasets(sheets["datasets"], splits, folder / "datasets.yaml")
    experiments = expand_experiments(sheets["experiments"], sheets["datasets"], folder / "experiments.yaml")
    titles = {"none": "none"} | {
        key: value["title"] for key, value in sheets["experiments"]["sources"].items()
    }
    configuration = Configuration(
        settings, sheets["datasets"], experiments, sheets["artefacts"], titles, splits
    )
    _check_artefacts(configuration, settings, folder / "artefacts.yaml")
    return configuration


def _check_settings(settings: dict, name: str, datasets: dict) -> None:
    plan, network = settings["plan"], settings["network"]
    check_known([plan["target"]], datasets, f"{name}: plan.target", "data set")
    if settings["phantom"] is not None:
        check_known(settings["phantom"]["cases"], datasets, f"{name}: phantom.cases", "data set")
    lengths = {key: len(network[key]) for key in ("features", "kernels", "strides")}
    lengths["encoder convolutions"] = len(network["convolutions"]["encoder"])
    lengths["decoder convolutions + 1"] = len(network["convolutions"]["decoder"]) + 1
    if len(set(lengths.values())) > 1:
        raise InputError(f"{name}: network: these differ in number of stages: {lengths}")
    for axis, size in enumerate(plan["patch"]):
        stride = 1
        for strides in network["strides"]:
            stride *= strides[axis]
        if size % stride:
            raise InputError(
                f"{name}: plan.patch: {size} on axis {'zyx'[axis]}; expected a multiple of {stride} (strides)"
            )
    if plan["window"][0] >= plan["window"][1]:
        raise InputError(f"{name}: plan.window: {plan['window']} HU; the first must be below the second")


def _check_datasets(datasets: dict, splits: dict, path: Path) -> None:
    for name, dataset in datasets.items():
        if dataset["split"] not in ("random", "test", *splits):
            allowed = ", ".join(["random", "test", *splits])
            raise InputError(f"{path}: {name}.split: unknown split {dataset['split']!r}; allowed: {allowed}")
        for kind in ("images", "labels"):
            owner, _, archive = dataset[kind]["archive"].partition("/")
            if archive not in datasets.get(owner, {}).get("archives", {}):
                known = ", ".join(f"{name}/{entry}" for entry in dataset["archives"])
                raise InputError(
                    f"{path}: {name}.{kind}.archive: unknown {owner}/{archive}; allowed: {known}"
                )
        ids = set(dataset["labels"]["map"].values()) - {0}
        if ids != set(dataset["regions"]):
            raise InputError(
                f"{path}: {name}.labels.map gives ids {sorted(ids)}, regions has {list(dataset['regions'])}"
            )


def _check_artefacts(configuration: Configuration, settings: dict, path: Path) -> None:
    experiments = configuration.experiments
    rows = {*experiments, *(e.name.removesuffix(f"-{e.source}") for e in experiments.values())}
    rows = dict.fromkeys(sorted(rows))
    tolerances = settings["evaluation"]["tolerance_mm"]
    for paper, artefacts in configuration.artefacts.items():
        for name, artefact in artefacts.items():
            where = f"{path}: {paper}.{name}"
            check_known(artefact.get("rows", {}).values(), rows, f"{where}.rows", "experiment")
            if "region" in artefact:
                check_known([artefact["region"]], tolerances, f"{where}.region", "region")
            if "fold" in artefact:
                _check_models_shown(artefact, experiments, where)


def _check_models_shown(artefact: dict, experiments: dict[str, Experiment], where: str) -> None:
    names = artefact["columns"].values() if "columns" in artefact else [artefact["experiment"]]
    check_known(names, experiments, f"{where}: models", "experiment")
    for name in names:
        folds = dict.fromkeys(str(fold) for fold in range(experiments[name].folds))
        check_known([str(artefact["fold"])], folds, f"{where}.fold", f"fold of {name}")
        if "dataset" in artefact:
            check_known([artefact["dataset"]], experiments[name].evaluate, f"{where}.dataset", "data set")
