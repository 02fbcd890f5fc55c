"""Reads and checks the whole configuration before any job starts."""

from pathlib import Path
from typing import Any, cast

from covidseg.archives.dataset import Datasets
from covidseg.archives.origins import check_datasets
from covidseg.cases.splits import PublishedFolds
from covidseg.config import in_use
from covidseg.config.artefacts import check_artefacts
from covidseg.config.case_checks import check_cases, check_origins, check_phantoms, check_tolerances
from covidseg.config.checks import check_former, check_left_out
from covidseg.config.claims import check_claims
from covidseg.config.configuration import Configuration
from covidseg.config.dataset_checks import check_entries
from covidseg.config.experiments import Experiment, expand_experiments
from covidseg.config.kinds import with_kinds
from covidseg.config.published import check_published
from covidseg.config.rehearsal import rehearsed
from covidseg.config.schemas import check_schema, read_schema
from covidseg.config.sections import check_lungs, check_sections, extend
from covidseg.config.sheets import ExperimentSheet, Sections
from covidseg.config.strict_yaml import read_yaml
from covidseg.config.weak_models import WEAK_SOURCE, Localiser, WeakModel, read_localisers, read_weak_models
from covidseg.config.without import missing_datasets, reduce_experiments
from covidseg.reading import read_json


def load_configuration(sections: dict[str, Any], name: str, folder: Path) -> Configuration:
    """Check the chosen configuration together with the sheets in `folder`, and return both.

    Args:
        sections: the sections of the chosen configuration, command-line overrides included.
        name: name of the configuration in error messages.
        folder: the folder config/, which has the sheets and their schemas.

    Raises:
        InputError: a value is not allowed; the message names the file, the key, the value and the allowed
            values.
    """
    extended = extend(sections, Path(name))
    check_former(extended, name)
    check_schema(extended, name, read_schema(folder / "schemas" / "config.schema.yaml"))
    return _load(cast("Sections", extended), name, folder)


def _load(sections: Sections, name: str, folder: Path) -> Configuration:
    sheets: dict[str, Any] = {}
    for sheet in ("datasets", "experiments", "artefacts", "claims"):
        path, schema = folder / f"{sheet}.yaml", read_schema(folder / "schemas" / f"{sheet}.schema.yaml")
        sheets[sheet] = read_yaml(path)
        check_schema(sheets[sheet], str(path), with_kinds(schema) if sheet == "artefacts" else schema)
    datasets, splits = sheets["datasets"], _read_splits(folder)
    check_sections(sections, name, datasets)
    check_datasets(datasets, splits, folder / "datasets.yaml")
    check_left_out(datasets, splits, folder / "datasets.yaml")
    check_entries(datasets, folder / "datasets.yaml")
    missing = missing_datasets(sections["without"], datasets)
    experiments, _, localisers = _read_experiments(sheets["experiments"], datasets, sections, folder)
    all_experiments = experiments | localisers
    check_artefacts(sheets["artefacts"], all_experiments, datasets, sections, folder / "artefacts.yaml")
    check_claims(sheets["claims"], sheets["artefacts"], all_experiments, datasets, folder / "claims.yaml")
    reduced = reduce_experiments(sheets["experiments"], missing)
    experiments, weak_models, localisers = _read_experiments(reduced, datasets, sections, folder)
    if part := sections["rehearsal"]:
        experiments, weak_models, localisers = rehearsed(
            part["experiments"],
            experiments,
            weak_models,
            localisers,
            f"{name}: rehearsal.experiments",
        )
    check_lungs(sections["weak"]["lungs"], experiments, all_experiments, datasets, name)
    sources = sheets["experiments"]["sources"]
    titles = {"none": "none", WEAK_SOURCE: "COVID-cell"} | {
        key: value["title"] for key, value in sources.items()
    }
    config = Configuration(
        sections=sections,
        datasets=datasets,
        missing=missing,
        all_experiments=all_experiments,
        experiments=experiments,
        weak_models=weak_models,
        localisers=localisers,
        artefacts=sheets["artefacts"],
        claims=sheets["claims"],
        source_titles=titles,
        nnunet_sources={name: row for name, row in sources.items() if "nnunet" in row},
        splits=splits,
        folder=folder,
    )
    check_tolerances(config, name)
    check_published(sheets["artefacts"], folder)
    check_phantoms(config, name)
    check_cases(config, in_use.datasets(config))
    check_origins(config, in_use.archives(config))
    return config


def _read_splits(folder: Path) -> dict[str, PublishedFolds]:
    splits = read_json(folder / "splits.json", "restore the file")
    check_schema(splits, str(folder / "splits.json"), read_schema(folder / "schemas" / "splits.schema.yaml"))
    return splits


def _read_experiments(
    sheet: ExperimentSheet, datasets: Datasets, sections: Sections, folder: Path
) -> tuple[dict[str, Experiment], dict[str, WeakModel], dict[str, Localiser]]:
    path, weak = folder / "experiments.yaml", sheet["weak"]
    experiments = expand_experiments(sheet, datasets, sections["plan"]["target"], path)
    weak_models = read_weak_models(weak, datasets, path)
    return experiments, weak_models, read_localisers(weak, weak_models, datasets, sections["weak"], path)
