"""The registry of the kinds of tables and figures.

A kind is one module in `paper/` and one entry in `KINDS`. An artefact in `config/artefacts.yaml` names its
kind. The entry in `KINDS` lists the keys of an artefact of the kind, the files that the artefact reads, the
parameters that decide its content, and the files that it writes. The schema, the inputs of the rule, and the
library modules whose change reruns the rule all follow from the entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from covidseg.cases.case_folder import CaseFolder
from covidseg.config.artefacts import named
from covidseg.config.claims import claim_inputs, claim_parameters, claim_remarks
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry
from covidseg.config.experiments import Experiment

Inputs = dict[str, str | list[str]]
PAGES = (".csv", ".md", ".tex", ".html")
PICTURES = (".svg", ".png")


@dataclass(frozen=True)
class Kind:
    """A kind of table or figure.

    Attributes:
        module: name of the kind's module in `paper/`. The module defines `make(artefact)`.
        rule: name of the rule that makes artefacts of the kind.
        keys: key of an artefact's entry, beside `kind` and `title` -> JSON schema of the value. A "$ref"
            points into artefacts.schema.yaml.
        inputs: function that returns name -> paths of the files that an artefact reads.
        parameters: function that returns name -> value of all other settings that decide an artefact.
        suffixes: suffixes of the files that make up an artefact, with `page` among them.
        optional: the keys in `keys` that an entry may leave out.
        keeps_rows: whether an artefact keeps, and marks, rows that the configuration does not run.
        memory_mb: memory that a job asks for, in MB.
    """

    module: str
    rule: str
    keys: dict[str, dict[str, Any]]
    inputs: Callable[[Configuration, ArtefactEntry], Inputs]
    parameters: Callable[[Configuration, ArtefactEntry], dict[str, Any]]
    suffixes: tuple[str, ...] = PICTURES
    optional: tuple[str, ...] = ()
    keeps_rows: bool = False
    memory_mb: int = 2000

    @property
    def page(self) -> str:
        """Suffix of the artefact's file that Snakemake's report shows."""
        return ".html" if ".html" in self.suffixes else ".svg"


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _series(config: Configuration, artefact: ArtefactEntry) -> list[tuple[Any, ...]]:
    """Return the fields of each Series. Snakemake reruns the job if a field changes."""
    return [astuple(one) for one in config.series(artefact)]


def _scores(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return {"scores": "results/scores.csv"}


def _resampled_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    """Return the scores and, of localisers, the numbers of pixels, which a bootstrap sample adds up."""
    run = dict.fromkeys(one.experiment for one in config.series(artefact) if one.runs)
    pixels = [f"results/curves/{name}.npz" for name in run if name in config.localisers]
    return _scores(config, artefact) | {"pixels": pixels}


def _table_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return _resampled_inputs(config, artefact) | {"published": "config/published.csv"}


def _resampled_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    evaluation = config.sections["evaluation"]
    return {
        "series": _series(config, artefact),
        "bootstrap": evaluation["bootstrap"],
        "confidence": evaluation["confidence"],
        "seed": config.sections["seed"],
        "threshold_range": config.sections["weak"]["threshold_range"],
    }


def _table_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    phantom = config.sections["phantom"] is not None
    return _resampled_parameters(config, artefact) | {"phantom": phantom}


def _volumes_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    return _table_parameters(config, artefact) | {"lesions": config.sections["evaluation"]["lesions"]}


def _claims_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return _table_inputs(config, artefact) | claim_inputs(config, artefact["claims"])


def _claims_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    claims = claim_parameters(config, artefact["claims"])
    remarks = claim_remarks(claims, config.sections["name"])
    return {"claims": claims, "remarks": remarks, **_table_parameters(config, artefact)}


def _visual_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
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


def _visual_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    return {
        "shown": config.predictions(artefact),
        "dataset": _parts(config, artefact["truth"], "regions", "intensity"),
        "window": config.sections["plan"]["window"],
    }


def _relations_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    model = f"results/models/{artefact['experiment']}/fold{artefact['fold']}"
    return {"relations": f"{model}/relations.safetensors", "log": f"{model}/log.csv"}


def _models_shown(config: Configuration, artefact: ArtefactEntry) -> dict[str, str]:
    """Return the experiments of an artefact that are run -> the folder of the experiment's models."""
    found = config.experiments | config.localisers
    return {one.experiment: found[one.experiment].model for one in config.series(artefact) if one.runs}


def _parameters_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    models = dict.fromkeys(_models_shown(config, artefact).values())
    return {"descriptions": [f"results/models/{model}/fold0/model.json" for model in models]}


def _parameters_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    return {"series": _series(config, artefact), "models": _models_shown(config, artefact)}


def _datasets_shown(config: Configuration, artefact: ArtefactEntry) -> list[str]:
    """Return the data sets that an artefact shows or describes, without the missing data sets."""
    return [name for group in artefact["datasets"].values() for name in group if name not in config.missing]


def _examples_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    folders = [CaseFolder.of(name) for name in _datasets_shown(config, artefact)]
    return {
        "cases": [str(folder.table) for folder in folders],
        "images": [str(folder.images) for folder in folders],
        "labels": [str(folder.labels) for folder in folders],
    }


def _examples_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    names = _datasets_shown(config, artefact)
    return {
        "datasets": {name: _parts(config, name, "regions", "intensity") for name in names},
        "window": config.sections["plan"]["window"],
    }


def _datasets_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return {"cases": [str(CaseFolder.of(name).table) for name in _datasets_shown(config, artefact)]}


def _datasets_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    names = _datasets_shown(config, artefact)
    return {"datasets": {name: _parts(config, name, "regions") for name in names}, "missing": config.missing}


def _curves(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return {"curves": [f"results/curves/{name}.csv" for name in artefact["localisers"].values()]}


def _localisation_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    names = list(artefact["localisers"].values())
    slices = config.localisers[names[0]].places(config.datasets)["lesion", artefact["split"]][0]
    return _curves(config, artefact) | {
        "images": f"results/slices/{slices}/images",
        "masks": f"results/slices/{slices}/masks",
        "heatmaps": [f"results/heatmaps/{name}/{slices}" for name in names],
    }


def _parts(config: Configuration, name: str, *keys: str) -> dict[str, Any]:
    entry: Mapping[str, Any] = config.datasets[name]
    return {key: entry[key] for key in keys}


def _network_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    model = (config.experiments | config.localisers)[artefact["experiment"]].model
    return {"model": f"results/models/{model}/fold{artefact['fold']}/model.json"}


def _network_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    """Return the size of a slice for a system that learns from slices; model.json has the size of a patch."""
    size = config.sections["weak"]["size"]
    return {"size": [size, size]} if artefact["experiment"] in config.localisers else {}


def _strategies_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    models = _models_shown(config, artefact).values()
    return {"models": [f"results/models/{model}/fold{artefact['fold']}/model.json" for model in models]}


def _strategies_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    models = _models_shown(config, artefact)
    shown = {one.row: one.experiment for one in config.series(artefact) if one.runs}
    return {"models": {row: models[experiment] for row, experiment in shown.items()}}


def _settings_inputs(config: Configuration, artefact: ArtefactEntry) -> Inputs:
    return {"splits": [f"results/splits/{name}.json" for name in _datasets_shown(config, artefact)]}


def _settings_parameters(config: Configuration, artefact: ArtefactEntry) -> dict[str, Any]:
    rows = named(artefact["rows"], config.all_experiments)
    return {"experiments": {row: [_setting(config, one) for one in found] for row, found in rows.items()}}


def _setting(config: Configuration, experiment: Experiment) -> dict[str, Any]:
    keys = ("name", "train", "evaluate", "folds")
    runs = experiment.name in config.experiments
    return {key: getattr(experiment, key) for key in keys} | {"runs": runs}


KINDS = {
    "table": Kind(
        "scores_table",
        rule="table",
        keys={
            "published": {"type": ["string", "array"], "minItems": 1, "items": {"type": "string"}},
            "rows": _ref("models"),
            "panels": _ref("panels"),
            "across": {"enum": ["folds", "panels"]},
            "metrics": _ref("metrics"),
            "unit": {"enum": ["fraction", "percent"]},
            "folds": {"enum": ["each", "average"]},
            "best": {"enum": ["all", "method"]},
            "elsewhere": {"type": "string"},
            "patch": {"type": "array", "minItems": 3, "maxItems": 3, "items": _ref("some")},
        },
        inputs=_table_inputs,
        parameters=_table_parameters,
        suffixes=(*PAGES, "_intervals.csv", "_tests.csv", "_ranks.csv"),
        optional=("folds", "best", "elsewhere", "patch"),
        keeps_rows=True,
    ),
    "violin": Kind(
        "violin",
        rule="violin",
        keys={"rows": _ref("models"), "panels": _ref("panels"), "metrics": _ref("case_metrics")},
        inputs=_scores,
        parameters=lambda config, artefact: {"series": _series(config, artefact)},
    ),
    "ranking": Kind(
        "ranking_figure",
        rule="ranking",
        keys={"rows": _ref("models"), "panels": _ref("panels"), "metrics": _ref("metrics")},
        inputs=_resampled_inputs,
        parameters=_resampled_parameters,
    ),
    "visual": Kind(
        "cases_figure",
        rule="visual",
        keys={
            "columns": _ref("models"),
            "truth": {"type": "string"},
            "regions": _ref("names"),
            "split": _ref("split"),
            "fold": _ref("count"),
            "cases": _ref("some"),
        },
        inputs=_visual_inputs,
        parameters=_visual_parameters,
        memory_mb=4000,
    ),
    "relations": Kind(
        "relations_figure",
        rule="relations",
        keys={
            "experiment": {"type": "string"},
            "fold": _ref("count"),
            "left": _ref("relation"),
            "right": _ref("relation"),
            "curve": {"enum": ["general_difference", "target_difference"]},
        },
        inputs=_relations_inputs,
        parameters=lambda config, artefact: {},
    ),
    "examples": Kind(
        "examples_figure",
        rule="examples",
        keys={"datasets": _ref("datasets")},
        inputs=_examples_inputs,
        parameters=_examples_parameters,
        memory_mb=8000,
    ),
    "datasets": Kind(
        "datasets_table",
        rule="describe",
        keys={"datasets": _ref("datasets"), "printed": _ref("printed")},
        inputs=_datasets_inputs,
        parameters=_datasets_parameters,
        suffixes=PAGES,
        optional=("printed",),
        keeps_rows=True,
    ),
    "sizes": Kind(
        "sizes_figure",
        rule="sizes",
        keys={"datasets": _ref("datasets"), "cases": _ref("some")},
        inputs=_examples_inputs,
        parameters=_examples_parameters,
        memory_mb=4000,
    ),
    "settings": Kind(
        "settings_table",
        rule="settings",
        keys={
            "rows": _ref("models"),
            "datasets": _ref("datasets"),
            "parts": {
                "type": "object",
                "additionalProperties": {"anyOf": [{"const": "train"}, _ref("split")]},
            },
            "printed": _ref("printed"),
        },
        inputs=_settings_inputs,
        parameters=_settings_parameters,
        suffixes=PAGES,
        optional=("printed",),
        keeps_rows=True,
    ),
    "layers": Kind(
        "layers_table",
        rule="layers",
        keys={"experiment": {"type": "string"}, "fold": _ref("count")},
        inputs=_network_inputs,
        parameters=_network_parameters,
        suffixes=PAGES,
    ),
    "architecture": Kind(
        "architecture_figure",
        rule="architecture",
        keys={
            "experiment": {"type": "string"},
            "fold": _ref("count"),
            "names": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        inputs=_network_inputs,
        parameters=_network_parameters,
    ),
    "strategies": Kind(
        "strategies_figure",
        rule="strategies",
        keys={"rows": _ref("models"), "fold": _ref("count")},
        inputs=_strategies_inputs,
        parameters=_strategies_parameters,
    ),
    "parameters": Kind(
        "parameters_table",
        rule="count",
        keys={"rows": _ref("models")},
        inputs=_parameters_inputs,
        parameters=_parameters_parameters,
        suffixes=PAGES,
        keeps_rows=True,
    ),
    "localisation": Kind(
        "localisation_figure",
        rule="localisation",
        keys={
            "localisers": _ref("localisers"),
            "segmented": _ref("names"),
            "split": _ref("split"),
            "cases": _ref("some"),
        },
        inputs=_localisation_inputs,
        parameters=lambda config, artefact: {"threshold": config.weak_variant["threshold"]},
        memory_mb=4000,
    ),
    "thresholds": Kind(
        "thresholds_figure",
        rule="thresholds",
        keys={"localisers": _ref("localisers"), "split": _ref("split")},
        inputs=_curves,
        parameters=lambda config, artefact: {"limits": config.sections["weak"]["threshold_range"]},
    ),
    "volumes": Kind(
        "volumes_table",
        rule="volumes",
        keys={
            "rows": _ref("models"),
            "panels": _ref("panels"),
            "metrics": _ref("lesion_metrics"),
            "unit": {"enum": ["fraction", "percent"]},
        },
        inputs=_scores,
        parameters=_volumes_parameters,
        suffixes=(*PAGES, "_intervals.csv", "_tests.csv"),
        keeps_rows=True,
    ),
    "bland_altman": Kind(
        "bland_altman",
        rule="bland_altman",
        keys={"rows": _ref("models"), "panels": _ref("panels")},
        inputs=_scores,
        parameters=lambda config, artefact: {"series": _series(config, artefact)},
        suffixes=(*PICTURES, ".csv"),
    ),
    "claims": Kind(
        "claims_table",
        rule="claims",
        keys={"claims": {"type": "string"}},
        inputs=_claims_inputs,
        parameters=_claims_parameters,
        suffixes=PAGES,
        keeps_rows=True,
    ),
}


def with_kinds(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of artefacts.yaml with the kinds in `KINDS` added."""
    kinds = {
        name: {
            "additionalProperties": False,
            "required": ["kind", "title", *(key for key in kind.keys if key not in kind.optional)],
            "properties": {"kind": True, "title": {"type": "string"}} | kind.keys,
        }
        for name, kind in KINDS.items()
    }
    artefact = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(KINDS)}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": name}}}, "then": keys} for name, keys in kinds.items()
        ],
    }
    return schema | {"$defs": schema["$defs"] | {"artefact": artefact}}
