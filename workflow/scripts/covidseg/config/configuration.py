"""The checked configuration, and what follows from several of its sheets together."""

from dataclasses import dataclass, replace
from pathlib import Path

from covidseg.archives.origins import ARCHIVED, KINDS, Origin, patterns, read_origin
from covidseg.cases.splits import describe_leaks, find_leaks, first_cases, patient_of, published_folds
from covidseg.config.artefacts import TRAINING, named, panels, shown_rows
from covidseg.config.experiments import Experiment
from covidseg.config.series import Series
from covidseg.config.weak_models import Localiser, WeakModel
from covidseg.config.without import (
    describe_left_out,
    left_out,
    rows_needing,
    titles_needing,
)


@dataclass(frozen=True)
class Configuration:
    """Everything under config/, checked.

    Attributes:
        sections: content of the chosen configuration (config.yaml, paper.yaml, public.yaml), complete: key ->
            a section such as `plan` and `training`, or a single value such as `name` and `seed`.
        datasets: datasets.yaml.
        missing: the data sets that `without` leaves out -> its entry that does.
        all_experiments: experiments.yaml with its sources, expanded, and all localisers; by name.
        experiments: those that need no missing data set, of sources reduced to what is there.
        weak_models: section weak of experiments.yaml: what is trained on image-level labels.
        localisers: likewise: what is scored.
        artefacts: artefacts.yaml.
        source_titles: source -> its name in the tables, "none" included.
        splits: splits.json.
        folder: config/.
    """

    sections: dict
    datasets: dict[str, dict]
    missing: dict[str, str]
    all_experiments: dict[str, Experiment]
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
        wanted = self.sections["phantom"]["cases"][dataset]
        if isinstance(wanted, list):
            return wanted
        return first_cases(published, wanted) if published else [f"scan_{i + 1:03d}" for i in range(wanted)]

    def archived_apart(self, dataset: str) -> list[str] | None:
        """Return a data set's cases where each lies in an archive of its own; else its archives tell."""
        entry = self.datasets[dataset]
        apart = any("{case}" in entry[kind]["archive"] for kind in ARCHIVED if kind in entry)
        return self.case_names(dataset) if apart else None

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
        users = [name for name in self.sections["phantom"]["cases"] if self._uses_host(name, host)]
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
        phantom = self.sections["phantom"]
        return phantom is not None and dataset in phantom["cases"]

    def origin(self, host: str, archive: str) -> Origin:
        """Return where data/raw/<host>/<archive> comes from, with all that must lie in it."""
        members = {}
        for name, dataset in self.datasets.items():
            for kind in filter(dataset.get, KINDS):
                if dataset[kind]["archive"] == f"{host}/{archive}":
                    members |= dict.fromkeys(patterns(dataset[kind]), self._own_names(name))
        return replace(read_origin(self.datasets, host, archive, self.folder), members=members)

    def _own_names(self, dataset: str) -> list[str] | None:
        """Return a data set's cases as its archives call them, where they are known beforehand."""
        if "case_name" not in self.datasets[dataset]:
            return None
        prefix, suffix = self.datasets[dataset]["case_name"].split("{case}")
        names = self.case_names(dataset) or []
        return [case.removeprefix(prefix).removesuffix(suffix) for case in names] or None

    def remarks(self, artefact: dict) -> list[str]:
        """Return what must be said below a table or figure: what is not run; patients who train and test."""
        series = self.series(artefact)
        shown = titles_needing(artefact, self.missing) if "datasets" in artefact else rows_needing(series)
        leaks = self._leak_remarks(series) if "rows" in artefact else []
        return [*describe_left_out(shown, self.sections["name"]), *leaks]

    def _leak_remarks(self, series: list[Series]) -> list[str]:
        trained = {name for one in series if one.runs for name in self.all_experiments[one.experiment].train}
        leaks = set()
        for name in trained if self.sections["splits"] == "published" else ():
            if published := self.splits.get(self.datasets[name].get("split")):
                patients = {case: patient_of(self.datasets[name], case) for case in self.case_names(name)}
                leaks |= set(find_leaks(published_folds(published, set(patients)), patients))
        return [describe_leaks(sorted(leaks, key=str))] if leaks else []

    def series(self, artefact: dict) -> list[Series]:
        """Return the scores behind a table or figure, in the paper's words and order."""
        return [
            self._series(row, experiment, panel)
            for row, experiments in named(shown_rows(artefact), self.all_experiments).items()
            for experiment in experiments
            for panel in panels(artefact)
            if panel in self._places(experiment)
        ]

    def _series(self, row: str, experiment: Experiment, panel: tuple[str, str]) -> Series:
        run = (self.experiments | self.localisers).get(experiment.name)
        tested = self.missing.keys() & {self._places(experiment)[panel]}
        needed = {
            self.missing[name] for name in left_out(experiment, self.all_experiments, self.missing) | tested
        }
        return Series(
            row,
            self.source_titles[experiment.source],
            *panel,
            experiment.name,
            folds=experiment.folds,
            runs=run is not None and panel in self._places(run),
            left_out=", ".join(sorted(needed)),
        )

    def _places(self, experiment: Experiment) -> dict[tuple[str, str], str]:
        """Return (region, split) -> the data set that it is scored on."""
        places = experiment.places(self.datasets)
        return {TRAINING: ""} | {panel: dataset for panel, (dataset, _) in places.items()}

    def predictions(self, artefact: dict) -> dict[str, dict[str, dict]]:
        """Return what a visual artefact shows: column -> region -> experiment, data set and class."""
        shown = {column: {} for column in artefact["columns"]}
        for one in (one for one in self.series(artefact) if one.runs):
            places = self.experiments[one.experiment].places(self.datasets)
            dataset, number = places[one.region, one.split]
            shown[one.row][one.region] = {"experiment": one.experiment, "dataset": dataset, "class": number}
        return shown
