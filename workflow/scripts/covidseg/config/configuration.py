"""The checked configuration, and what follows from several of its files together."""

from dataclasses import dataclass, replace
from pathlib import Path

from covidseg.archives.dataset import Datasets
from covidseg.archives.origins import KINDS, Origin, archive_paths, patterns, read_origin
from covidseg.cases.choice import choose, has_patterns
from covidseg.cases.left_out import reasons
from covidseg.cases.splits import PublishedFolds, first_cases
from covidseg.config.artefacts import TRAINING, named, panels, shown_rows
from covidseg.config.entries import ArtefactEntry, Claims, Shown
from covidseg.config.experiments import Experiment
from covidseg.config.series import Series
from covidseg.config.sheets import Sections, SourceRow
from covidseg.config.weak_models import Localiser, WeakModel
from covidseg.config.without import left_out
from covidseg.weak.sections import Variant


@dataclass(frozen=True)
class Configuration:
    """Everything under config/, checked.

    Attributes:
        sections: content of the chosen configuration (config.yaml, paper.yaml, public.yaml), complete: key ->
            a section such as `plan` and `training`, or a single value such as `name` and `seed`.
        datasets: content of datasets.yaml.
        missing: data set that is left out -> the entry of `without` that leaves it out.
        all_experiments: name -> experiment: all of experiments.yaml, pre-trainings and localisers included.
        experiments: name -> experiment that needs no missing data set, without the localisers. A source has
            only those of its data sets that are not missing.
        weak_models: name -> system to train on image-level labels (section `weak` of experiments.yaml).
        localisers: name -> localiser that is scored (section `weak` of experiments.yaml).
        artefacts: paper -> name -> entry of artefacts.yaml.
        claims: paper -> name -> entry of claims.yaml.
        source_titles: source, or "none" -> its name in the tables.
        nnunet_sources: source that is a trained model of nnU-Net -> its row in experiments.yaml.
        splits: content of splits.json, and the folds in users' own files.
        folder: the folder config/.
    """

    sections: Sections
    datasets: Datasets
    missing: dict[str, str]
    all_experiments: dict[str, Experiment]
    experiments: dict[str, Experiment]
    weak_models: dict[str, WeakModel]
    localisers: dict[str, Localiser]
    artefacts: dict[str, dict[str, ArtefactEntry]]
    claims: Claims
    source_titles: dict[str, str]
    nnunet_sources: dict[str, SourceRow]
    splits: dict[str, PublishedFolds]
    folder: Path

    @property
    def weak_variant(self) -> Variant:
        """The chosen variant of section `weak`."""
        weak = self.sections["weak"]
        return weak["variants"][weak["variant"]]

    def case_names(self, dataset: str) -> list[str] | None:
        """Return the names of a data set's cases; None if they are not known before ingesting.

        The cases that datasets.yaml does not choose or leaves out are not among them.
        """
        names, left_out = self._names(dataset), self.left_out(dataset)
        if names and (chosen := self.datasets[dataset].get("cases")):
            fitting = choose(chosen, {*names, *chosen}, "")
            names = [case for case in names if case in fitting]
        return names and [case for case in names if case not in left_out]

    def chosen_cases(self, dataset: str) -> list[str] | None:
        """Return the names or patterns that choose cases from an archive of many; None: all cases."""
        if "cases" not in self.datasets[dataset] or self.archived_apart(dataset):
            return None
        names = self.case_names(dataset)
        return [*names, *self.left_out(dataset)] if names else self.datasets[dataset]["cases"]

    def left_out(self, dataset: str) -> dict[str, str]:
        """Return case -> reason, of the cases that datasets.yaml leaves out of a data set (key `leave_out`).

        A phantom has some of the real cases; what is left out of the others is not returned.
        """
        names = self._names(dataset)
        found = reasons(self.datasets[dataset])
        return {case: reason for case, reason in found.items() if names is None or case in names}

    def _names(self, dataset: str) -> list[str] | None:
        """Return the names of a data set's cases as `case_names` does, and of all others in its archives."""
        if not (wanted := self._phantoms().get(dataset)):
            return self.listed_cases(dataset)
        if isinstance(wanted, list):
            return wanted
        published = self.published_split(dataset)
        return first_cases(published, wanted) if published else [f"scan_{i + 1:03d}" for i in range(wanted)]

    def listed_cases(self, dataset: str) -> list[str] | None:
        """Return the names of the real data set's cases; None if they are not known before ingesting."""
        if published := self.published_split(dataset):
            return sorted({case for fold in published for case in fold["train"] + fold["val"]})
        chosen = self.datasets[dataset].get("cases")
        return None if chosen is None or has_patterns(chosen) else chosen

    def published_split(self, dataset: str) -> PublishedFolds | None:
        """Return the folds of a published split or of a user's file, complete; None for another split."""
        return self.splits.get(self.datasets[dataset].get("split", ""))

    def _phantoms(self) -> dict[str, int | list[str]]:
        """Return data set whose archives are generated -> number or names of its cases."""
        phantom = self.sections["phantom"]
        return phantom["cases"] if phantom else {}

    def archived_apart(self, dataset: str) -> list[str] | None:
        """Return the names of a data set's cases if no archive gives them, else None.

        Either each case has an archive of its own, or the paths of a single case do not name it.
        """
        apart = any("{case}" in path for path in archive_paths(self.datasets[dataset])) or any(
            "{case}" not in pattern
            for kind in KINDS
            if kind in self.datasets[dataset]
            for pattern in patterns(self.datasets[dataset][kind])
        )
        return self.case_names(dataset) if apart else None

    def archives(self, dataset: str) -> list[str]:
        """Return the archives of a data set's scans and labels, as paths below data/raw."""
        return self._archives(dataset, self.case_names(dataset))

    def _archives(self, dataset: str, names: list[str] | None) -> list[str]:
        paths = archive_paths(self.datasets[dataset])
        return sorted({path.format(case=case) for path in paths for case in (names or [""])})

    def phantom_cases(self, host: str, archive: str) -> dict[str, list[str]]:
        """Return the `cases` in a phantom archive, and the `cohort`: all cases of the archive's host.

        Several data sets may use one archive, for example two with different labels of the same scans. An
        archive has the cases that datasets.yaml leaves out too, as it would at its host.
        """
        users = [name for name in self._phantoms() if self._uses_host(name, host)]
        cases = {name: self._names(name) or [] for name in users}
        holders = [
            name for name in users if f"{host}/{archive}" in self._archives(name, cases[name])
        ] or users
        return {
            "cases": list(dict.fromkeys(case for name in holders for case in cases[name])),
            "cohort": list(dict.fromkeys(case for name in users for case in cases[name])),
        }

    def _uses_host(self, dataset: str, host: str) -> bool:
        return any(path.startswith(f"{host}/") for path in archive_paths(self.datasets[dataset]))

    def is_phantom(self, dataset: str) -> bool:
        """Return whether a data set's archives are generated instead of fetched."""
        return dataset in self._phantoms()

    def origin(self, host: str, archive: str) -> Origin:
        """Return where data/raw/<host>/<archive> comes from, and which files the archive must contain."""
        members: dict[str, list[str] | None] = {}
        for name, dataset in self.datasets.items():
            for kind in (key for key in KINDS if key in dataset):
                if dataset[kind]["archive"] == f"{host}/{archive}":
                    members |= dict.fromkeys(patterns(dataset[kind]), self._own_names(name))
        return replace(read_origin(self.datasets, host, archive, self.folder), members=members)

    def _own_names(self, dataset: str) -> list[str] | None:
        """Return the names that a data set's archives give its cases; None if not known beforehand."""
        if "case_name" not in self.datasets[dataset]:
            return None
        prefix, suffix = self.datasets[dataset]["case_name"].split("{case}")
        names = self.case_names(dataset) or []
        return [case.removeprefix(prefix).removesuffix(suffix) for case in names] or None

    def series(self, artefact: ArtefactEntry) -> list[Series]:
        """Return which scores a table or figure shows, with the paper's names and in its order."""
        return [
            self._series(row, experiment, panel)
            for row, experiments in named(shown_rows(artefact), self.all_experiments).items()
            for experiment in experiments
            for panel in panels(artefact)
            if panel in self.places(experiment)
        ]

    def _series(self, row: str, experiment: Experiment, panel: tuple[str, str]) -> Series:
        run = (self.experiments | self.localisers).get(experiment.name)
        tested = self.missing.keys() & {self.places(experiment)[panel]}
        needed = {
            self.missing[name] for name in left_out(experiment, self.all_experiments, self.missing) | tested
        }
        return Series(
            row,
            self.source_titles[experiment.source],
            *panel,
            experiment.name,
            folds=(run or experiment).folds,
            runs=run is not None and panel in self.places(run),
            left_out=", ".join(sorted(needed)),
        )

    def places(self, experiment: Experiment) -> dict[tuple[str, str], str]:
        """Return (region, split) -> the data set that the experiment is scored on; "" for TRAINING.

        An experiment whose predictions were made elsewhere has no TRAINING.
        """
        places = {panel: dataset for panel, (dataset, _) in experiment.places(self.datasets).items()}
        return {TRAINING: "", **places} if experiment.model else places

    def predictions(self, artefact: ArtefactEntry) -> Shown:
        """Return what a figure of cases shows: column -> region -> experiment, data set and class."""
        shown: Shown = {column: {} for column in artefact["columns"]}
        for one in (one for one in self.series(artefact) if one.runs):
            places = self.experiments[one.experiment].places(self.datasets)
            dataset, number = places[one.region, one.split]
            shown[one.row][one.region] = {"experiment": one.experiment, "dataset": dataset, "class": number}
        return shown
