"""The sentences below a table or figure: what is not run or left out, and whose patients leak."""

from collections.abc import Container, Iterable
from itertools import chain

from covidseg.cases.folds import is_published
from covidseg.cases.left_out import describe_cases_left_out
from covidseg.cases.splits import Leak, describe_leaks, find_leaks, patient_of, published_folds
from covidseg.config.artefacts import named, patch_remarks, shown_rows
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.config.without import describe_left_out, learned_from, rows_needing, titles_needing

UNTOUCHED = (
    "architecture",
    "layers",
    "parameters",
    "strategies",
)  # of the networks alone, whatever the cases
SLICES_REMARK = (
    "Slices of the volumes count by patient. The published slices do not tell the patient: the slices of a "
    "scan count as one patient where their names tell the scan, and every other slice counts as one patient."
)


def find_remarks(config: Configuration, artefact: ArtefactEntry) -> list[str]:
    """Return the sentences below a table or figure, in the order in which they are printed."""
    series = config.series(artefact)
    shown = titles_needing(artefact, config.missing) if "datasets" in artefact else rows_needing(series)
    scored = series if "panels" in artefact else []
    learned = [] if artefact["kind"] in UNTOUCHED else series
    localised = any(one.experiment in config.localisers for one in scored)
    return [
        *describe_left_out(shown, config.sections["name"]),
        *_on_cases(config, _touched(config, learned) | _shown(config, artefact)),
        *_leak_remarks(config, scored),
        *patch_remarks(artefact, config.sections),
        *_external_remarks(config, artefact),
        *([SLICES_REMARK] if localised else []),
    ]


def remarks_on_claims(config: Configuration, series: Iterable[Series]) -> list[str]:
    """Return the sentences on left-out cases that decide the scores which claims compare."""
    return _on_cases(config, _touched(config, series))


def _external_remarks(config: Configuration, artefact: ArtefactEntry) -> list[str]:
    """Return a sentence on the rows whose predictions were made elsewhere."""
    found = named(shown_rows(artefact), config.all_experiments)
    rows = "; ".join(row for row, ones in found.items() if any(one.predictions for one in ones))
    if not rows:
        return []
    if artefact["kind"] in UNTOUCHED:
        return [f"Without {rows}: the predictions were made elsewhere, and the network is not known."]
    return [f"Predicted elsewhere, and only scored here: {rows}."]


def _on_cases(config: Configuration, names: Container[str]) -> list[str]:
    """Return a sentence per data set of which datasets.yaml leaves out cases."""
    return [
        describe_cases_left_out(
            name, cases, published=is_published(config.datasets[name].get("split", "test"))
        )
        for name in config.datasets
        if name in names and (cases := config.left_out(name))
    ]


def _touched(config: Configuration, series: Iterable[Series]) -> set[str]:
    """Return the data sets that decide the scores: models learn from these or are tested on these."""
    found, lungs = set(), config.sections["weak"]["lungs"]
    for one in (one for one in series if one.runs):
        experiment = (config.experiments | config.localisers)[one.experiment]
        found |= learned_from(experiment, config.experiments)
        found.add(config.places(experiment)[one.region, one.split])
        if one.experiment in config.localisers and lungs in config.experiments:
            found |= learned_from(config.experiments[lungs], config.experiments)
    return found


def _shown(config: Configuration, artefact: ArtefactEntry) -> set[str]:
    """Return the data sets that an artefact shows or chooses cases from, without the missing data sets."""
    groups = [*artefact.get("datasets", {}).values(), [artefact["truth"]] if "truth" in artefact else []]
    return set(chain(*groups)) - config.missing.keys()


def _leak_remarks(config: Configuration, series: list[Series]) -> list[str]:
    trained = {name for one in series if one.runs for name in config.all_experiments[one.experiment].train}
    leaks: set[Leak] = set()
    leaking: list[str] = []
    for name in trained if config.sections["splits"] == "published" else ():
        if published := config.published_split(name):
            names = config.case_names(name) or []
            patients = {case: patient_of(config.datasets[name], case) for case in names}
            if found := find_leaks(published_folds(published, set(patients)), patients):
                leaks |= set(found)
                leaking.append(name)
    all_published = all(is_published(config.datasets[name]["split"]) for name in leaking)
    return [describe_leaks(sorted(leaks, key=str), published=all_published)] if leaks else []
