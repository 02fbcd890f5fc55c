"""Checks that need the names of the cases and the files of a configuration: patterns, folds and origins."""

from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from covidseg.archives.by_hand import verify_members
from covidseg.archives.dataset import Dataset
from covidseg.archives.dicom_hosts import SERIES_COLUMNS
from covidseg.archives.origins import Origin, archive_paths, local_path
from covidseg.archives.phantom import HOSTS
from covidseg.cases.splits import patient_of, published_folds
from covidseg.config import in_use
from covidseg.config.checks import check_known
from covidseg.config.configuration import Configuration
from covidseg.config.experiments import Experiment
from covidseg.errors import InputError, told_together
from covidseg.reading import read_rows

REST = "*"  # the pattern of all cases that fit no earlier pattern


def check_tolerances(config: Configuration, name: str) -> None:
    """Raise InputErrors if regions that are scored have no tolerance; each message starts with `name`."""
    tolerances = config.sections["evaluation"]["tolerance_mm"]
    first: dict[str, str] = {}
    for experiment in config.experiments.values():
        for region, _ in experiment.places(config.datasets):
            first.setdefault(region, experiment.name)
    with told_together() as faults:
        faults.found += [
            f"{name}: evaluation.tolerance_mm: no {region}, which {experiment} is scored by; there are "
            f"{', '.join(tolerances)}"
            for region, experiment in first.items()
            if region not in tolerances
        ]


def check_phantoms(config: Configuration, name: str) -> None:
    """Raise InputError if section `phantom` asks for what there is no phantom of.

    The message starts with `name`.
    """
    cases = config.sections["phantom"]["cases"] if config.sections["phantom"] else {}
    with told_together() as faults:
        for dataset, wanted in cases.items():
            where, listed = f"{name}: phantom.cases.{dataset}", config.listed_cases(dataset)
            with faults.gathered():
                hosts = [archive.partition("/")[0] for archive in archive_paths(config.datasets[dataset])]
                check_known(dict.fromkeys(hosts), HOSTS, where, "host of phantoms")
            if not listed:
                continue
            if isinstance(wanted, list):
                with faults.gathered():
                    check_known(wanted, listed, where, "case")
            elif wanted > len(listed):
                faults.found.append(f"{where}: {wanted}; the data set has {len(listed)} cases")


def check_cases(config: Configuration, used: list[str]) -> None:
    """Check patterns of case names, regular expressions and folds against the names of the cases.

    The names are known where datasets.yaml or a published split lists them.

    Args:
        config: the configuration.
        used: the data sets of volumes that the configuration uses.

    Raises:
        InputErrors: a pattern fits no case, a case fits no pattern, a fold has no cases, or names are needed
            and not known; each message names the file, the key and the value.
    """
    path = config.folder / "datasets.yaml"
    with told_together() as faults:
        for name in used:
            with faults.gathered():
                _check_names(config, name, f"{path}: {name}")
    path = config.folder / "experiments.yaml"
    with told_together() as faults:
        for experiment in config.experiments.values():
            for name in experiment.train:
                with faults.gathered():
                    _check_folds(config, name, experiment, f"{path}: {experiment.name}")


def _check_names(config: Configuration, name: str, where: str) -> None:
    """Raise InputErrors for what does not fit the names of the cases of a data set."""
    dataset, listed = config.datasets[name], config.listed_cases(name) or []
    with told_together() as faults:
        if not listed and any("{case}" in archive for archive in archive_paths(dataset)):
            faults.found.append(
                f"{where}.cases: {dataset.get('cases', 'none')}; each case has its own archive: list all "
                "names, without * and ?"
            )
        if listed:
            for key, patterns in (("sides", dataset.get("sides", {})), ("intensity", dataset["intensity"])):
                with faults.gathered():
                    _check_patterns(patterns, listed, f"{where}.{key}")
        with faults.gathered():
            _check_patients(dataset, config.case_names(name) or listed, where)


def _check_patterns(patterns: dict[str, str], cases: list[str], where: str) -> None:
    """Raise InputError for a pattern that fits no case, and for a case that fits no pattern."""
    for pattern in patterns:
        if pattern != REST and not any(fnmatch(case, pattern) for case in cases):
            raise InputError(f"{where}: {pattern!r} fits none of the {len(cases)} cases, such as {cases[0]}")
    left = [case for case in cases if not any(fnmatch(case, pattern) for pattern in patterns)]
    if patterns and left:
        raise InputError(f"{where}: case {left[0]} fits none of {', '.join(patterns)}; add the pattern '*'")


def _check_patients(dataset: Dataset, cases: list[str], where: str) -> None:
    for case in cases:
        if not patient_of(dataset, case):
            raise InputError(f"{where}.patient: {dataset['patient']!r} finds no name of a patient in {case}")
    patients = {patient_of(dataset, case) for case in cases}
    if dataset["split"] == "random" and len(patients) == 1:
        raise InputError(
            f"{where}.split: random, with one patient, {min(patients)}; needs two: write train or test"
        )


def _check_folds(config: Configuration, name: str, experiment: Experiment, where: str) -> None:
    """Raise InputError if a data set has too few folds, or a fold lacks cases of a part that is used."""
    split, folds = config.datasets[name]["split"], experiment.folds
    if split == "test":
        raise InputError(f"{where}.train: {name}, whose split is test; it has no training cases")
    if split == "train" and name in experiment.evaluate:
        raise InputError(f"{where}.evaluate: {name}, whose split is train; it has no test cases: remove it")
    if split in ("random", "train"):
        return
    published = config.splits[split]
    if 1 < len(published) < folds:
        raise InputError(f"{where}.folds: {folds}; the split of {name} has {len(published)}")
    parts = published_folds(published, set(config.case_names(name) or []))
    for kind, needed in (("train", True), ("test", name in experiment.evaluate)):
        for number, part in enumerate(parts[:folds]):
            if needed and not part[kind]:
                key, cases = ("train", "training") if kind == "train" else ("evaluate", "test")
                raise InputError(
                    f"{where}.{key}: {name} has no {cases} cases in fold {number}; check its cases in "
                    "phantom.cases or datasets.yaml"
                )


def check_origins(config: Configuration, archives: list[str]) -> None:
    """Check that the tables and files are there that say where archives come from.

    Args:
        config: the configuration.
        archives: paths, relative to data/raw, of the archives to fetch.

    Raises:
        InputErrors: tables of checksums or of series are missing or lack rows, or there is nothing at a
            `file:` address of an archive that is not in data/raw yet.
    """
    path = config.folder / "datasets.yaml"
    with told_together() as faults:
        for archive in archives:
            host, _, name = archive.partition("/")
            if not config.is_phantom(host):
                with faults.gathered():
                    _check_origin(config, host, name, f"{path}: {host}.archives")


def _check_origin(config: Configuration, host: str, name: str, where: str) -> None:
    origin = config.origin(host, name)
    for address in origin.addresses:
        scheme, _, rest = address.partition(":")
        if scheme in ("idc", "tcia"):
            _check_series(config.folder, rest, where)
    if origin.is_local and not Path("data", "raw", host, name).exists():
        _check_file(origin, f"{where}.{name}")


def _check_file(origin: Origin, where: str) -> None:
    places = [local_path(address) for address in origin.addresses]
    if not any(place.exists() for place in places):
        raise InputError(f"{where}: {', '.join(map(str, places))} is not there; correct the address")


def check_members(config: Configuration) -> None:
    """Look into the archives and folders on this machine that were not packed yet.

    A large folder takes seconds, so a run does not do this: `ingest` finds the same faults.

    Raises:
        InputErrors: a pattern finds no file, or not every case.
    """
    with told_together() as faults:
        for archive in in_use.archives(config):
            host, _, name = archive.partition("/")
            origin = config.origin(host, name)
            if config.is_phantom(host) or not origin.is_local or Path("data", "raw", archive).exists():
                continue
            place = next(place for place in map(local_path, origin.addresses) if place.exists())
            try:
                verify_members(place, origin.members)
            except InputError as error:
                where = f"{config.folder / 'datasets.yaml'}: {host}.archives.{name}"
                faults.found.append(f"{where}: {error}")


def _check_series(folder: Path, address: str, where: str) -> None:
    table, _, case = address.partition("#")
    if case not in _series(folder / table):
        raise InputError(f"{where}: {folder / table} has no series of case {case}; add its row")


@cache
def _series(table: Path) -> frozenset[str]:
    return frozenset(row["case"] for row in read_rows(table, SERIES_COLUMNS, "restore the table of series"))
