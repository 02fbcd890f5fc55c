"""The configuration, read and checked as a whole before any job starts."""

import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import yaml

from covidseg.artefacts import check_artefacts, named, panels
from covidseg.errors import InputError
from covidseg.experiments import Experiment, check_known, expand_experiments
from covidseg.localisers import SOURCE, Localiser, WeakModel, read_localisers, read_models
from covidseg.schemas import check_schema
from covidseg.series import Series
from covidseg.sources import ARCHIVED, KINDS, Source, patterns, read_source
from covidseg.splits import describe_leaks, find_leaks, patient_of, published_folds


@dataclass(frozen=True)
class Configuration:
    """Everything under config/, checked.

    Attributes:
        settings: the chosen configuration (config.yaml, paper.yaml).
        datasets: datasets.yaml.
        experiments: experiments.yaml with its sources, expanded; by name.
        weak_models: section weak of experiments.yaml: what is trained on image-level labels.
        localisers: likewise: what is scored.
        artefacts: artefacts.yaml.
        source_titles: source -> its name in the tables, "none" included.
        splits: splits.json.
        folder: config/.
    """

    settings: dict
    datasets: dict[str, dict]
    experiments: dict[str, Experiment]
    weak_models: dict[str, WeakModel]
    localisers: dict[str, Localiser]
    artefacts: dict[str, dict[str, dict]]
    source_titles: dict[str, str]
    splits: dict[str, list[dict]]
    folder: Path

    def case_names(self, dataset: str) -> list[str] | None:
        """Return a data set's cases where they are known beforehand: the phantom's or the published ones."""
        split = self.datasets[dataset].get("split")
        published = self.splits.get(split)
        if not self.is_phantom(dataset):
            if "cases" in self.datasets[dataset]:
                return self.datasets[dataset]["cases"]
            return published and sorted({case for fold in published for case in fold["train"] + fold["val"]})
        wanted = self.settings["phantom"]["cases"][dataset]
        if isinstance(wanted, list):
            return wanted
        return first_cases(published, wanted) if published else [f"scan_{i + 1:03d}" for i in range(wanted)]

    def archives(self, dataset: str) -> list[str]:
        """Return the paths below data/raw of the archives that a data set's scans and labels lie in."""
        entry = self.datasets[dataset]
        paths = [entry[kind]["archive"] for kind in ARCHIVED if kind in entry]
        return sorted(
            {path.format(case=case) for path in paths for case in (self.case_names(dataset) or [""])}
        )

    def phantom_cases(self, host: str, archive: str) -> dict[str, list[str]]:
        """Return the cases that a phantom archive holds, and all of its host's, its `cohort`.

        Several data sets may use one archive, as scans and lungs of the same patients do.
        """
        users = [name for name in self.settings["phantom"]["cases"] if self._uses_host(name, host)]
        cases = {name: self.case_names(name) for name in users}
        holders = [name for name in users if f"{host}/{archive}" in self.archives(name)] or users
        return {
            "cases": list(dict.fromkeys(case for name in holders for case in cases[name])),
            "cohort": list(dict.fromkeys(case for name in users for case in cases[name])),
        }

    def _uses_host(self, dataset: str, host: str) -> bool:
        return any(archive.startswith(f"{host}/") for archive in self.archives(dataset))

    def is_phantom(self, dataset: str) -> bool:
        """Return whether a data set's archives are generated instead of fetched."""
        phantom = self.settings["phantom"]
        return phantom is not None and dataset in phantom["cases"]

    def source(self, host: str, archive: str) -> Source:
        """Return where data/raw/<host>/<archive> comes from, with all that must lie in it."""
        members = {}
        for name, dataset in self.datasets.items():
            for kind in KINDS & dataset.keys():
                if dataset[kind]["archive"] == f"{host}/{archive}":
                    members |= dict.fromkeys(patterns(dataset[kind]), self._own_names(name))
        return replace(read_source(self.datasets, host, archive, self.folder), members=members)

    def _own_names(self, dataset: str) -> list[str] | None:
        """Return a data set's cases as its archives call them, where they are known beforehand."""
        if "case_name" not in self.datasets[dataset]:
            return None
        prefix, suffix = self.datasets[dataset]["case_name"].split("{case}")
        names = self.case_names(dataset) or []
        return [case.removeprefix(prefix).removesuffix(suffix) for case in names] or None

    def remarks(self, artefact: dict) -> list[str]:
        """Return what must be said below a table or figure: patients who train and test."""
        shown = self.experiments | self.localisers
        trained = {name for one in self.series(artefact) for name in shown[one.experiment].train}
        leaks = set()
        for name in trained if self.settings["splits"] == "published" else ():
            if published := self.splits.get(self.datasets[name].get("split")):
                patients = {case: patient_of(self.datasets[name], case) for case in self.case_names(name)}
                leaks |= set(find_leaks(published_folds(published, set(patients)), patients))
        return [describe_leaks(sorted(leaks, key=str))] if leaks else []

    def series(self, artefact: dict) -> list[Series]:
        """Return the scores behind a table or a violin figure, in the paper's words and order."""
        return [
            Series(row, self.source_titles[experiment.source], region, split, experiment.name)
            for row, experiments in named(artefact["rows"], self.experiments | self.localisers).items()
            for experiment in experiments
            for region, split in panels(artefact)
            if (region, split) in experiment.places(self.datasets)
        ]

    def predictions(self, artefact: dict) -> dict[str, dict[str, dict]]:
        """Return what a visual artefact shows: column -> region -> experiment, data set and class."""
        shown = {column: {} for column in artefact["columns"]}
        for column, experiments in named(artefact["columns"], self.experiments).items():
            for experiment, region in product(experiments, artefact["regions"]):
                place = experiment.places(self.datasets).get((region, artefact["split"]))
                if place:
                    keys = {"experiment": experiment.name, "dataset": place[0], "class": place[1]}
                    shown[column][region] = keys
        return shown


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
    experiments = expand_experiments(
        sheets["experiments"], sheets["datasets"], settings["plan"]["target"], folder / "experiments.yaml"
    )
    _check_lungs(settings["weak"]["lungs"], experiments, sheets["datasets"], name)
    weak = sheets["experiments"]["weak"]
    models = read_models(weak, sheets["datasets"], folder / "experiments.yaml")
    localisers = read_localisers(
        weak, models, sheets["datasets"], settings["weak"], folder / "experiments.yaml"
    )
    titles = {"none": "none", SOURCE: "COVID-cell"} | {
        key: value["title"] for key, value in sheets["experiments"]["sources"].items()
    }
    scored = experiments | localisers
    check_artefacts(sheets["artefacts"], scored, sheets["datasets"], settings, folder / "artefacts.yaml")
    return Configuration(
        settings,
        sheets["datasets"],
        experiments,
        models,
        localisers,
        sheets["artefacts"],
        titles,
        splits,
        folder,
    )


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


def _check_lungs(chosen: str, experiments: dict[str, Experiment], datasets: dict, name: str) -> None:
    """The lungs of volumes are cut out by the truth or by one model, which has seen none of them."""
    able = [
        experiment.name
        for experiment in experiments.values()
        if experiment.folds == 1 and ("left_lung", "test") in experiment.places(datasets)
    ]
    check_known([chosen], dict.fromkeys(["truth", *able]), f"{name}: weak.lungs", "segmentation of lungs")


def _check_datasets(datasets: dict, splits: dict, path: Path) -> None:
    for name, dataset in datasets.items():
        if "slices" in dataset:
            _check_archives(name, dataset, datasets, path)
            continue
        if dataset["split"] not in ("random", "test", *splits):
            allowed = ", ".join(["random", "test", *splits])
            raise InputError(f"{path}: {name}.split: unknown split {dataset['split']!r}; allowed: {allowed}")
        _check_archives(name, dataset, datasets, path)
        if "left_lung" in dataset["regions"].values() and "lungs" not in dataset:
            raise InputError(
                f"{path}: {name}: has left and right lung; lungs and sides are needed to verify them"
            )
        ids = set(dataset["labels"]["map"].values()) - {0}
        if ids != set(dataset["regions"]):
            raise InputError(
                f"{path}: {name}.labels.map gives ids {sorted(ids)}, regions has {list(dataset['regions'])}"
            )


def _check_archives(name: str, dataset: dict, datasets: dict, path: Path) -> None:
    for kind in filter(dataset.get, ARCHIVED):
        owner, _, archive = dataset[kind]["archive"].partition("/")
        if archive not in datasets.get(owner, {}).get("archives", {}):
            known = {f"{name}/{entry}": name for name in datasets for entry in datasets[name]["archives"]}
            near = [entry for entry, name in known.items() if name == owner] or known
            raise InputError(
                f"{path}: {name}.{kind}.archive: unknown {owner}/{archive}; allowed: {', '.join(near)}"
            )
