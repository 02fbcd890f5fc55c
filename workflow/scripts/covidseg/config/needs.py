"""What a table or figure of each kind needs: the files it reads, and the settings that decide its content."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.artefacts import named
from covidseg.config.claims import claim_inputs, claim_parameters, claim_remarks, claimed_series
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment
from covidseg.config.looks import look, looks
from covidseg.config.remarks import remarks_on_claims

Inputs = dict[str, str | list[str]]


def series(config: Configuration, artefact: ArtefactEntry) -> list[tuple[Any, ...]]:
    """Return the fields of each Series. Snakemake reruns the job if a field changes."""
    return [astuple(one) for one in config.series(artefact)]


def drawn(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the scores to select, and what decides how each model looks."""
    return {"series": series(config, artefact), "looks": looks(config, artefact)}


def scores(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the table of all scores."""
    return {"scores": "results/scores.csv"}


def resampled_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the scores and, of localisers, the numbers of pixels, which a bootstrap sample adds up."""
    run = dict.fromkeys(one.experiment for one in config.series(artefact) if one.runs)
    pixels = [f"results/curves/{name}.npz" for name in run if name in config.localisers]
    return scores(config, artefact) | {"pixels": pixels}


def table_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return what a bootstrap of scores reads, and the published numbers."""
    return resampled_inputs(config, artefact) | {"published": "config/published.csv"}


def resampled_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the scores to select, and the settings of the bootstrap."""
    evaluation = config.sections["evaluation"]
    return {
        "series": series(config, artefact),
        "bootstrap": evaluation["bootstrap"],
        "confidence": evaluation["confidence"],
        "seed": config.sections["seed"],
        "threshold_range": config.sections["weak"]["threshold_range"],
    }


def ranking_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return what a bootstrap needs, and what decides how each model looks."""
    return resampled_parameters(config, artefact) | {"looks": looks(config, artefact)}


def table_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return what a bootstrap needs, and whether the data are phantoms."""
    phantom = config.sections["phantom"] is not None
    return resampled_parameters(config, artefact) | {"phantom": phantom}


def volumes_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return what a table needs, and what counts as a lesion."""
    return table_parameters(config, artefact) | {"lesions": config.sections["evaluation"]["lesions"]}


def claims_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return what a table reads, and what the claims of the paper are judged by."""
    return table_inputs(config, artefact) | claim_inputs(config, artefact["claims"])


def claims_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return what a table needs, and the paper's claims."""
    claims = claim_parameters(config, artefact["claims"])
    remarks = claim_remarks(claims, config.sections["name"])
    remarks += remarks_on_claims(config, claimed_series(claims))
    return {"claims": claims, "remarks": remarks, **table_parameters(config, artefact)}


def visual_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the scores, and the scans, labels and predictions of the cases to choose from."""
    columns = config.predictions(artefact).values()
    experiments = dict.fromkeys(place["experiment"] for places in columns for place in places.values())
    cases = CaseFolder.of(artefact["truth"])
    return {
        "scores": "results/scores.csv",
        "cases": str(cases.table),
        "images": str(cases.images),
        "labels": str(cases.labels),
        "predictions": [f"results/predictions/{name}/fold{artefact['fold']}" for name in experiments],
    }


def visual_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return where each column finds its segmentations, and how the scans are shown."""
    return {
        "shown": config.predictions(artefact),
        "dataset": _parts(config, artefact["truth"], "regions", "intensity"),
        "window": config.sections["plan"]["window"],
    }


def relations_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the relation matrices and the log of a training."""
    model = f"results/models/{artefact['experiment']}/fold{artefact['fold']}"
    return {"relations": f"{model}/relations.safetensors", "log": f"{model}/log.csv"}


def _models_shown(config: Configuration, artefact: ArtefactEntry) -> dict[str, str]:
    """Return the experiments of an artefact that are run -> the folder of the experiment's models."""
    found = config.experiments | config.localisers
    return {one.experiment: found[one.experiment].model for one in config.series(artefact) if one.runs}


def parameters_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the descriptions of the models in the rows, of fold 0 if the entry names no fold."""
    models, fold = dict.fromkeys(_models_shown(config, artefact).values()), artefact.get("fold", 0)
    return {"descriptions": [f"results/models/{model}/fold{fold}/model.json" for model in models]}


def parameters_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the rows, and the folder of the models of each."""
    return {"series": series(config, artefact), "models": _models_shown(config, artefact)}


def _datasets_shown(config: Configuration, artefact: ArtefactEntry) -> list[str]:
    """Return the data sets that an artefact shows or describes, without the missing data sets."""
    return [name for group in artefact["datasets"].values() for name in group if name not in config.missing]


def examples_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the scans and the labels of the data sets shown."""
    folders = [CaseFolder.of(name) for name in _datasets_shown(config, artefact)]
    return {
        "cases": [str(folder.table) for folder in folders],
        "images": [str(folder.images) for folder in folders],
        "labels": [str(folder.labels) for folder in folders],
    }


def examples_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return how the scans and the labels of the data sets are shown."""
    names = _datasets_shown(config, artefact)
    return {
        "datasets": {name: _parts(config, name, "regions", "intensity") for name in names},
        "window": config.sections["plan"]["window"],
    }


def datasets_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the tables of cases of the data sets described."""
    return {"cases": [str(CaseFolder.of(name).table) for name in _datasets_shown(config, artefact)]}


def datasets_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the labelled regions of the data sets, and which data sets are missing."""
    names = _datasets_shown(config, artefact)
    return {"datasets": {name: _parts(config, name, "regions") for name in names}, "missing": config.missing}


def curves(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the curves of the localisers over the thresholds."""
    return {"curves": [f"results/curves/{name}.csv" for name in artefact["localisers"].values()]}


def localisation_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the curves, and the slices, masks and heat maps of a split."""
    names = list(artefact["localisers"].values())
    slices = config.localisers[names[0]].places(config.datasets)["lesion", artefact["split"]][0]
    return curves(config, artefact) | {
        "images": f"results/slices/{slices}/images",
        "masks": f"results/slices/{slices}/masks",
        "heatmaps": [f"results/heatmaps/{name}/{slices}" for name in names],
        # Slices that are cut from volumes have a size in mm.
        "cases": [] if "slices" in config.datasets[slices] else [str(CaseFolder.of(slices).table)],
    }


def localisation_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the threshold of a segmented pixel, and what decides how each localiser looks."""
    return {"threshold": config.weak_variant["threshold"], "looks": looks(config, artefact)}


def thresholds_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the range of thresholds, and what decides how each localiser looks."""
    return {"limits": config.sections["weak"]["threshold_range"], "looks": looks(config, artefact)}


def _parts(config: Configuration, name: str, *keys: str) -> dict[str, Any]:
    entry: Mapping[str, Any] = config.datasets[name]
    return {key: entry[key] for key in keys}


def network_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the description of a model."""
    model = (config.experiments | config.localisers)[artefact["experiment"]].model
    return {"model": f"results/models/{model}/fold{artefact['fold']}/model.json"}


def network_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the size of a slice for a system that learns from slices; model.json has the size of a patch."""
    size = config.sections["weak"]["size"]
    return {"size": [size, size]} if artefact["experiment"] in config.localisers else {}


def architecture_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the size of a slice, and what decides how the model looks."""
    return network_parameters(config, artefact) | {"look": look(config, artefact["experiment"])}


def strategies_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the printed row -> the folder of its models, and what decides how the row looks."""
    models = _models_shown(config, artefact)
    shown = {one.row: one.experiment for one in config.series(artefact) if one.runs}
    return {
        "models": {row: models[experiment] for row, experiment in shown.items()},
        "looks": {row: look(config, experiment) for row, experiment in shown.items()},
    }


def settings_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the splits of the data sets."""
    return {"splits": [f"results/splits/{name}.json" for name in _datasets_shown(config, artefact)]}


def settings_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the printed row -> the data sets and folds of its experiments, and whether data are phantoms."""
    rows = named(artefact["rows"], config.all_experiments)
    experiments = {row: [_setting(config, one) for one in found] for row, found in rows.items()}
    return {"experiments": experiments, "phantom": config.sections["phantom"] is not None}


def _setting(config: Configuration, experiment: Experiment) -> dict[str, Any]:
    keys = ("name", "train", "evaluate", "folds")
    runs = experiment.name in config.experiments
    return {key: getattr(experiment, key) for key in keys} | {"runs": runs}
