"""Reads and checks the whole configuration before any job starts."""

from pathlib import Path
from typing import Any, cast

from covidseg.archives.dataset import Datasets
from covidseg.archives.origins import check_datasets
from covidseg.cases.splits import PublishedFolds
from covidseg.config import in_use
from covidseg.config.artefacts import check_artefacts
from covidseg.config.case_checks import check_cases, check_origins, check_phantoms, check_tolerances
from covidseg.config.case_lists import read_chosen_cases, read_split_files
from covidseg.config.checks import check_former, check_left_out
from covidseg.config.claims import check_claims
from covidseg.config.configuration import Configuration
from covidseg.config.dataset_checks import check_entries
from covidseg.config.experiments import Experiment, expand_experiments
from covidseg.config.kinds import with_kinds
from covidseg.config.local import Places, add_local, local_files, sheet_path
from covidseg.config.published import check_published
from covidseg.config.rehearsal import rehearsed
from covidseg.config.schemas import check_schema, read_schema
from covidseg.config.sections import check_lungs, check_sections, extend
from covidseg.config.sheets import ExperimentSheet, Sections
from covidseg.config.strict_yaml import read_yaml
from covidseg.config.weak_models import WEAK_SOURCE, Localiser, WeakModel, read_localisers, read_weak_models
from covidseg.config.without import missing_datasets, reduce_experiments
from covidseg.errors import Faults, told_together
from covidseg.reading import read_json

SHEETS = ("datasets", "experiments", "artefacts", "claims", "splits")
Sheets = dict[str, Any]  # name of a sheet -> its content


def sheets_folder(root: Path) -> Path:
    """Return the folder with the sheets: config/ in the working directory, or that of the checkout `root`."""
    own = Path("config")
    return own if (own / "datasets.yaml").is_file() else root / own


def load_configuration(
    sections: dict[str, Any], name: str, folder: Path, *, local: bool = True
) -> Configuration:
    """Check the chosen configuration together with the sheets in `folder`, and return both.

    Args:
        sections: the sections of the chosen configuration, command-line overrides included.
        name: name of the configuration in error messages.
        folder: the folder config/, which has the sheets, their schemas, and a user's own additions in local/.
        local: whether the user's own additions count.

    Raises:
        InputError: a value is not allowed; the message names the file, the key, the value and the allowed
            values.
    """
    complete = complete_sections(sections, name, folder)
    faults = Faults()
    sheets, places = read_sheets(folder, faults, local=local)
    with places.named():
        faults.refuse()
        return check_together(complete, name, sheets, folder)


def complete_sections(sections: dict[str, Any], name: str, folder: Path) -> Sections:
    """Return the sections with those that the configuration extends.

    The arguments and the error are those of `load_configuration`.
    """
    extended = extend(sections, Path(name))
    check_former(extended, name)
    check_schema(extended, name, read_schema(folder / "schemas" / "config.schema.yaml"))
    return cast("Sections", extended)


def read_sheets(folder: Path, faults: Faults, *, local: bool = True) -> tuple[Sheets, Places]:
    """Return the sheets with a user's own additions, and where the additions are written.

    Args:
        folder: the folder config/.
        faults: where the faults are gathered: unreadable files, and what breaks a schema. A sheet that cannot
            be read is not returned.
        local: whether the user's own additions count.
    """
    sheets: Sheets = {}
    for sheet in SHEETS:
        with faults.gathered():
            path = sheet_path(folder, sheet)
            sheets[sheet] = read_json(path, "restore the file") if sheet == "splits" else read_yaml(path)
    _check_sheets(sheets, folder, faults)
    places = Places(folder)
    with faults.gathered():
        if local and local_files(folder) and not faults.found:
            places = add_local(sheets, folder, faults)
            _check_sheets(sheets, folder, faults)
    return sheets, places


def _check_sheets(sheets: Sheets, folder: Path, faults: Faults) -> None:
    for sheet, content in sheets.items():
        schema = read_schema(folder / "schemas" / f"{sheet}.schema.yaml")
        with faults.gathered():
            path = str(sheet_path(folder, sheet))
            check_schema(content, path, with_kinds(schema) if sheet == "artefacts" else schema)


def check_together(sections: Sections, name: str, sheets: Sheets, folder: Path) -> Configuration:
    """Check what no schema can, and return the configuration.

    Args:
        sections: the complete sections of the chosen configuration.
        name: name of the configuration in error messages.
        sheets: name of a sheet -> its content.
        folder: the folder config/.

    Raises:
        InputErrors: values are not allowed; each message names the sheet, also for a user's own additions.
            Checks that do not depend on each other are all done.
    """
    datasets = sheets["datasets"]
    splits = _read_splits(sections, name, sheets, folder)
    sheet = sheets["experiments"]
    experiments, _, localisers = _read_experiments(sheet, datasets, sections, folder)
    everything = experiments | localisers
    with told_together() as faults:
        with faults.gathered():
            check_artefacts(sheets["artefacts"], everything, datasets, sections, folder / "artefacts.yaml")
        with faults.gathered():
            check_claims(sheets["claims"], sheets["artefacts"], everything, datasets, folder / "claims.yaml")
        with faults.gathered():
            check_published(sheets["artefacts"], folder)
    missing = missing_datasets(sections["without"], datasets)
    used = _read_experiments(reduce_experiments(sheet, missing), datasets, sections, folder)
    if part := sections["rehearsal"]:
        used = rehearsed(part["experiments"], *used, f"{name}: rehearsal.experiments")
    experiments, weak_models, localisers = used
    check_lungs(sections["weak"]["lungs"], experiments, everything, datasets, name)
    sources = sheet["sources"]
    titles = {"none": "none", WEAK_SOURCE: "COVID-cell"} | {
        key: value["title"] for key, value in sources.items()
    }
    config = Configuration(
        sections=sections,
        datasets=datasets,
        missing=missing,
        all_experiments=everything,
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
    _check_names(config, name)
    return config


def _read_splits(sections: Sections, name: str, sheets: Sheets, folder: Path) -> dict[str, PublishedFolds]:
    """Check the sections and the data sets, and return the splits, with those of users' own files."""
    datasets, path = sheets["datasets"], folder / "datasets.yaml"
    read_chosen_cases(datasets, folder)
    splits = sheets["splits"] | read_split_files(datasets, folder, sheets["splits"])
    with told_together() as faults:
        with faults.gathered():
            check_sections(sections, name, datasets)
        with faults.gathered():
            check_datasets(datasets, splits, path)
        with faults.gathered():
            check_left_out(datasets, splits, path)
        with faults.gathered():
            check_entries(datasets, path)
    return splits


def _check_names(config: Configuration, name: str) -> None:
    """Check what needs the names of cases, regions and files that the configuration uses."""
    with told_together() as faults:
        with faults.gathered():
            check_tolerances(config, name)
        with faults.gathered():
            check_phantoms(config, name)
        with faults.gathered():
            check_cases(config, in_use.datasets(config))
    check_origins(config, in_use.archives(config))  # an archive per case needs the cases' names


def _read_experiments(
    sheet: ExperimentSheet, datasets: Datasets, sections: Sections, folder: Path
) -> tuple[dict[str, Experiment], dict[str, WeakModel], dict[str, Localiser]]:
    path, weak = folder / "experiments.yaml", sheet["weak"]
    experiments: dict[str, Experiment] = {}
    with told_together() as faults:
        with faults.gathered():
            experiments = expand_experiments(sheet, datasets, sections["plan"]["target"], path)
        with faults.gathered():
            weak_models = read_weak_models(weak, datasets, path)
            localisers = read_localisers(weak, weak_models, datasets, sections["weak"], path)
    return experiments, weak_models, localisers
