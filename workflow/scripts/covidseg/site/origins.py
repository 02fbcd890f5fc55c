"""Where the numbers of a row come from: predictions, trainings, models, and scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.reading import read_json
from covidseg.site.networks import NetworkPart, parts_of


@dataclass(frozen=True)
class Model:
    """What the page says of a model, from the model.json of fold 0.

    Attributes:
        parts: of the network.
        pretrained: name of the model that the training starts from, or "".
    """

    parts: list[NetworkPart]
    pretrained: str


@dataclass(frozen=True)
class Origin:
    """Where the scores of an experiment come from.

    Attributes:
        experiment: its key.
        model: name of its models; empty if the predictions were made elsewhere.
        folds: numbers of the folds.
        predictions: number of segmented scans, or of slices.
        datasets: that are segmented.
        scores: number of scores in the experiment's file.
        pretrained: name of the model that the training starts from, or "".
    """

    experiment: str
    model: str
    folds: list[str]
    predictions: int
    datasets: list[str]
    scores: int
    pretrained: str


def read_models(paths: list[Path]) -> dict[str, Model]:
    """Return name -> model, from results/models/<name>/fold0/model.json."""
    return {path.parts[-3]: _model(read_json(path)) for path in paths}


def _model(description: dict[str, Any]) -> Model:
    pretrained = description["lineage"].get("pretrained") or {}
    return Model(parts_of(description.get("parameters", {})), pretrained.get("experiment", ""))


def origin_of(experiment: str, model: str, own: pd.DataFrame, pretrained: str) -> Origin:
    """Return where the scores of an experiment come from.

    Args:
        experiment: its key.
        model: name of its models; empty if the predictions were made elsewhere.
        own: the experiment's rows of scores.csv.
        pretrained: name of the model that the training starts from, or "".
    """
    cases = own[own["patient"].notna() & (own["patient"] != "")]
    return Origin(
        experiment,
        model,
        sorted(own["fold"].unique()),
        len(cases[["fold", "dataset", "case"]].drop_duplicates()),
        cases["dataset"].unique().tolist(),
        len(own),
        pretrained,
    )
