"""The registry of the kinds of tables and figures.

A kind is one module in `paper/` and one entry in `KINDS`. An artefact in `config/artefacts.yaml` names its
kind. The entry in `KINDS` lists the keys of an artefact of the kind, the files that the artefact reads, the
parameters that decide its content, and the files that it writes. The schema, the inputs of the rule, and the
library modules whose change reruns the rule all follow from the entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from covidseg.config import needs
from covidseg.config.configuration import Configuration
from covidseg.config.entries import ArtefactEntry

PAGES = (".csv", ".md", ".tex", ".html")
PICTURES = (".svg", ".pdf", ".png")


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
    inputs: Callable[[Configuration, ArtefactEntry], needs.Inputs]
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
        inputs=needs.table_inputs,
        parameters=needs.table_parameters,
        suffixes=(*PAGES, "_intervals.csv", "_tests.csv", "_ranks.csv"),
        optional=("folds", "best", "elsewhere", "patch"),
        keeps_rows=True,
    ),
    "violin": Kind(
        "violin",
        rule="violin",
        keys={"rows": _ref("models"), "panels": _ref("panels"), "metrics": _ref("case_metrics")},
        inputs=needs.scores,
        parameters=needs.drawn,
        suffixes=(*PICTURES, ".csv"),
    ),
    "ranking": Kind(
        "ranking_figure",
        rule="ranking",
        keys={"rows": _ref("models"), "panels": _ref("panels"), "metrics": _ref("metrics")},
        inputs=needs.resampled_inputs,
        parameters=needs.ranking_parameters,
        suffixes=(*PICTURES, ".csv"),
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
        inputs=needs.visual_inputs,
        parameters=needs.visual_parameters,
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
        inputs=needs.relations_inputs,
        parameters=lambda config, artefact: {},
        suffixes=(*PICTURES, ".csv"),
    ),
    "examples": Kind(
        "examples_figure",
        rule="examples",
        keys={"datasets": _ref("datasets")},
        inputs=needs.examples_inputs,
        parameters=needs.examples_parameters,
        memory_mb=8000,
    ),
    "datasets": Kind(
        "datasets_table",
        rule="describe",
        keys={"datasets": _ref("datasets"), "printed": _ref("printed")},
        inputs=needs.datasets_inputs,
        parameters=needs.datasets_parameters,
        suffixes=PAGES,
        optional=("printed",),
        keeps_rows=True,
    ),
    "sizes": Kind(
        "sizes_figure",
        rule="sizes",
        keys={"datasets": _ref("datasets"), "cases": _ref("some")},
        inputs=needs.examples_inputs,
        parameters=needs.examples_parameters,
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
                "additionalProperties": _ref("split"),
            },
            "printed": _ref("printed"),
        },
        inputs=needs.settings_inputs,
        parameters=needs.settings_parameters,
        suffixes=PAGES,
        optional=("printed",),
        keeps_rows=True,
    ),
    "layers": Kind(
        "layers_table",
        rule="layers",
        keys={"experiment": {"type": "string"}, "fold": _ref("count")},
        inputs=needs.network_inputs,
        parameters=needs.network_parameters,
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
        inputs=needs.network_inputs,
        parameters=needs.architecture_parameters,
    ),
    "strategies": Kind(
        "strategies_figure",
        rule="strategies",
        keys={"rows": _ref("models"), "fold": _ref("count")},
        inputs=needs.parameters_inputs,
        parameters=needs.strategies_parameters,
    ),
    "parameters": Kind(
        "parameters_table",
        rule="count",
        keys={"rows": _ref("models")},
        inputs=needs.parameters_inputs,
        parameters=needs.parameters_parameters,
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
        inputs=needs.localisation_inputs,
        parameters=needs.localisation_parameters,
        suffixes=(*PICTURES, ".csv"),
        memory_mb=4000,
    ),
    "thresholds": Kind(
        "thresholds_figure",
        rule="thresholds",
        keys={"localisers": _ref("localisers"), "split": _ref("split")},
        inputs=needs.curves,
        parameters=needs.thresholds_parameters,
        suffixes=(*PICTURES, ".csv"),
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
        inputs=needs.scores,
        parameters=needs.volumes_parameters,
        suffixes=(*PAGES, "_intervals.csv", "_tests.csv"),
        keeps_rows=True,
    ),
    "bland_altman": Kind(
        "bland_altman",
        rule="bland_altman",
        keys={"rows": _ref("models"), "panels": _ref("panels")},
        inputs=needs.scores,
        parameters=needs.drawn,
        suffixes=(*PICTURES, ".csv"),
    ),
    "claims": Kind(
        "claims_table",
        rule="claims",
        keys={"claims": {"type": "string"}},
        inputs=needs.claims_inputs,
        parameters=needs.claims_parameters,
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
