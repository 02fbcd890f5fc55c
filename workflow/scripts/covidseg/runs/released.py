"""What a release says of a model: its folds, the data that it has learned from, and its scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.config.methods import Method, methods
from covidseg.errors import InputError
from covidseg.evaluation.statistics import Resampling, mean_sample, sample_interval
from covidseg.site.citations import Citation
from covidseg.training.description import Lineage, ModelDescription
from covidseg.training.weights import read_description

Role = Literal["training", "training, as the source", "pre-training"]
UNKNOWN = "unknown: trained elsewhere"  # licence
KEYS = ["dataset", "split", "region", "metric"]


@dataclass(frozen=True, kw_only=True)
class Released:
    """A model to release.

    Attributes:
        method: how the model was trained, and from what.
        folds: model.json of each fold; none is empty.
        uses: (data set, role) -> number of its cases that the model has learned from.
        elsewhere: models that the training started from and that were trained elsewhere: their data and
            licences are not known here.
        scores: one row per data set, split, region and metric; columns as in scores.csv of a release.
    """

    method: Method
    folds: list[ModelDescription]
    uses: dict[tuple[str, Role], int]
    elsewhere: list[str]
    scores: pd.DataFrame

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.method["experiment"]

    @property
    def datasets(self) -> list[str]:
        """The data sets that the model has learned from."""
        return list(dict.fromkeys(dataset for dataset, _ in self.uses))


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a release says of the run.

    Attributes:
        config: the checked configuration.
        models: the released models.
        provenance: content of provenance.json.
        papers: key -> each paper whose method a model follows.
        project: CITATION.cff of covidseg.
        terms: what the licences of the data ask of all models together, in sentences.
    """

    config: Configuration
    models: list[Released]
    provenance: Mapping[str, Any]
    papers: dict[str, Citation]
    project: Path
    terms: list[str]


def read_released(name: str, config: Configuration, models: Path, scores: pd.DataFrame) -> Released:
    """Read a model of all folds.

    Args:
        name: name of the experiment.
        config: the checked configuration.
        models: folder of the experiments.
        scores: table of the scores of every case, among them those of the model.

    Raises:
        InputError: a fold, or a model that the training started from, is not there or damaged.
    """
    folds = [
        read_description(models / name / f"fold{fold}" / "model.safetensors", ModelDescription)
        for fold in range(config.experiments[name].folds)
    ]
    method = next(one for one in methods(config) if one["experiment"] == name)
    evaluated = [one.name for one in config.experiments.values() if one.model == name]
    evaluation = config.sections["evaluation"]
    resampling = Resampling(evaluation["bootstrap"], evaluation["confidence"], config.sections["seed"])
    rows = scores[scores["experiment"].isin(evaluated)]
    lineages = [fold.lineage for fold in folds]
    ancestors = _ancestors(lineages, models)
    return Released(
        method=method,
        folds=folds,
        uses=_uses(lineages, ancestors.values()),
        elsewhere=[name for name, one in ancestors.items() if not _cases(one)],
        scores=score_table(rows, resampling).assign(experiment=name),
    )


def score_table(scores: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Return mean scores with intervals, as the tables of the papers print them.

    Args:
        scores: rows of scores.csv, of one model.
        resampling: how the patients are resampled.

    Returns:
        One row per data set, split, region and metric. `value` is the mean over the cases of all folds, with
        the interval from `low` to `high`; the volumes are in mL, all others are fractions.
    """
    found = []
    for key, rows in scores[scores["metric"] != "time"].groupby(KEYS, sort=False):
        mean, low, high, patients = sample_interval(mean_sample(rows), resampling)
        found.append((*key, mean, low, high, patients, rows["case"].nunique()))
    return pd.DataFrame(found, columns=[*KEYS, "value", "low", "high", "patients", "cases"])


def _cases(lineage: Lineage) -> list[str]:
    return [*lineage["training_cases"], *lineage["source_cases"]]


def _uses(lineages: Iterable[Lineage], ancestors: Iterable[Lineage]) -> dict[tuple[str, Role], int]:
    """Return the number of cases per data set and role; a case that several folds have counts once."""
    cases: dict[tuple[str, Role], set[str]] = {}

    def note(role: Role, names: list[str]) -> None:
        for name in names:
            cases.setdefault((name.partition("/")[0], role), set()).add(name)

    for lineage in lineages:
        note("training", lineage["training_cases"])
        note("training, as the source", lineage["source_cases"])
    for ancestor in ancestors:
        note("pre-training", _cases(ancestor))
    return {key: len(names) for key, names in cases.items()}


def _ancestors(lineages: Iterable[Lineage], models: Path) -> dict[str, Lineage]:
    """Return name -> lineage, of all models that trainings started from, directly or through others."""
    found: dict[str, Lineage] = {}
    waiting = list(lineages)
    while waiting:
        lineage = waiting.pop()
        if (start := lineage["pretrained"]) and start["experiment"] not in found:
            description = _ancestor(start["experiment"], start["weights_sha256"], models)
            found[start["experiment"]] = description.lineage
            waiting.append(description.lineage)
    return found


def _ancestor(name: str, checksum: str, models: Path) -> ModelDescription:
    weights = models / name / "fold0" / "model.safetensors"
    description = read_description(weights, ModelDescription)
    if description.weights_sha256 != checksum:
        raise InputError(f"{weights}: not the model that a training started from; run `snakemake trained`")
    return description


def licences_of(released: Released, config: Configuration, *, phantom: bool) -> Mapping[str, str]:
    """Return title -> licence, of the data sets that a model has learned from.

    Args:
        released: the model.
        config: the checked configuration.
        phantom: whether to return the licences of phantoms' real models, or those of real data.
    """
    names = [name for name in released.datasets if config.is_phantom(name) == phantom]
    found = {config.datasets[name]["title"]: config.datasets[name]["licence"] for name in names}
    return found | ({} if phantom else {f"the data of {name}": UNKNOWN for name in released.elsewhere})
