"""Describe a release by an RO-Crate: the files, and the run that made them.

The crate follows RO-Crate 1.1 and the profile Workflow Run Crate (https://w3id.org/ro/wfrun/workflow/0.5) as
far as the profile fits: one action stands for the whole run.
"""

import mimetypes
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Dataset, Entity
from rocrate.rocrate import ROCrate

from covidseg.archives.checksums import ALGORITHMS
from covidseg.config.strict_yaml import read_yaml
from covidseg.files import digest
from covidseg.runs.licence_terms import licence_address
from covidseg.runs.released import Released, Run
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.release import SUMS
from covidseg.site.citations import Citation

VERSION = "1.1"
RUN_TERMS = "https://w3id.org/ro/terms/workflow-run/context"  # sha256 and md5 are among these terms
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
TYPES = {".safetensors": "application/octet-stream", ".md": "text/markdown", ".yaml": "application/yaml"}
WORKFLOW, CONFIGURATION = "run/Snakefile", "run/configuration.json"


def write_crate(folder: Path, run: Run) -> None:
    """Write ro-crate-metadata.json of a release that has all its other files but SHA256SUMS."""
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(RUN_TERMS)
    workflow = _add_workflow(crate, folder, run)
    files = {name: _add_file(crate, folder, name) for name in _names(folder) if name != WORKFLOW}
    crate.add_file(
        dest_path=SUMS, properties={"name": "Checksums of all files", "encodingFormat": "text/plain"}
    )
    results = [_add_model(crate, model, files) for model in run.models]
    files["README.md"]["about"] = crate.root_dataset
    configuration = files[CONFIGURATION]
    configuration["name"] = f"Configuration {run.config.sections['name']}"
    configuration["exampleOfWork"] = workflow["input"]
    data = [_add_data(crate, name, run) for name in _datasets(run)]
    action = crate.add_action(
        workflow,
        "#run",
        object=[configuration, *data],
        result=[*results, files["scores.csv"]],
        properties={
            "name": f"Run of covidseg with the configuration {run.config.sections['name']}",
            "description": f"Commit: {run.provenance['commit']['id']} ({run.provenance['commit']['remark']})",
            "endTime": run.provenance["written"],
        },
    )
    _describe_root(crate, run, action)
    crate.metadata.write(folder)


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _facts(path: Path) -> dict[str, Any]:
    """Return size, checksum and type of a file."""
    size, checksum = str(path.stat().st_size), digest(path)
    return {"contentSize": size, "sha256": checksum, "encodingFormat": _media_type(path)}


def _media_type(path: Path) -> str:
    return TYPES.get(path.suffix) or mimetypes.guess_type(path)[0] or "text/plain"


def _add_file(crate: ROCrate, folder: Path, name: str) -> Entity:
    return crate.add_file(folder / name, name, properties={"name": name, **_facts(folder / name)})


def _add_workflow(crate: ROCrate, folder: Path, run: Run) -> Entity:
    """Add the main workflow with its language, and the packages of the trainings as what it requires."""
    project, commit = read_yaml(run.project), run.provenance["commit"]["id"]
    versions = {"Python": run.provenance["python"], **run.models[0].folds[0].versions}
    snakemake = run.provenance["packages"].get("snakemake")
    workflow = crate.add_workflow(
        folder / WORKFLOW,
        WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=snakemake,
        properties={
            "name": f"{project['title']} {project['version']}",
            "description": project["abstract"],
            "version": commit or project["version"],
            **_facts(folder / WORKFLOW),
        },
    )
    workflow["license"] = _add(
        crate, f"https://spdx.org/licenses/{project['license']}", "CreativeWork", name=project["license"]
    )
    workflow["creator"] = _one(_authors(crate, project))
    workflow["conformsTo"] = _add(
        crate, BIOSCHEMAS, "CreativeWork", name="ComputationalWorkflow", version="1.0"
    )
    workflow["softwareRequirements"] = [
        _add(crate, f"#package-{name}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in {**versions, "snakemake": snakemake}.items()
    ]
    for slot, name, kind in (("input", "configuration", "File"), ("output", "models", "Dataset")):
        workflow[slot] = crate.add_formal_parameter(name, kind, identifier=f"#{name}", valueRequired=True)
    if "repository-code" in project:
        workflow["codeRepository"] = project["repository-code"]
    return workflow


def _authors(crate: ROCrate, project: Mapping[str, Any]) -> list[Entity]:
    """Add the authors of CITATION.cff: persons, or groups, which have a name alone."""
    authors = []
    for number, author in enumerate(project["authors"], start=1):
        name = author.get("name") or f"{author['given-names']} {author['family-names']}"
        kind = "Organization" if "name" in author else "Person"
        authors.append(_add(crate, author.get("orcid", f"#author-{number}"), kind, name=name))
    return authors


def _add_model(crate: ROCrate, model: Released, files: Mapping[str, Entity]) -> Entity:
    own = [entity for name, entity in files.items() if name.startswith(f"{model.name}/")]
    title = f"{model.method['strategy_title']}, source {model.method['source_title']}"
    folder = crate.add(
        Dataset(
            crate,
            dest_path=model.name,
            properties={"name": model.name, "description": f"{title}. {NOT_CLINICAL}."},
        )
    )
    folder["hasPart"] = own
    folder["exampleOfWork"] = crate.mainEntity["output"]
    folder["isBasedOn"] = _one([{"@id": f"#data-{name}"} for name in model.datasets])
    return folder


def _datasets(run: Run) -> list[str]:
    """Return the data sets that the models have learned from, then those that they were tested on alone."""
    learned = [name for model in run.models for name in model.datasets]
    tested = [name for model in run.models for name in model.scores["dataset"]]
    return list(dict.fromkeys([*learned, *tested]))


def _add_data(crate: ROCrate, name: str, run: Run) -> Entity:
    """Add a data set with its licence, and with the archives of it that are there."""
    entry, generated = run.config.datasets[name], run.config.is_phantom(name)
    archives = [path for path in run.config.archives(name) if path in run.provenance["data"]]
    described = "Generated by covidseg; the named data set was not fetched." if generated else "Real data."
    return _add(
        crate,
        f"#data-{name}",
        "Dataset",
        name=f"Phantom of {entry['title']}" if generated else entry["title"],
        description=f"{described} Cite: {entry.get('citation', 'none given')}",
        url=entry["homepage"],
        license=crate.mainEntity["license"] if generated else _add_licence(crate, name, entry["licence"]),
        hasPart=_one([_add_archive(crate, path, run.provenance["data"][path]) for path in archives]),
    )


def _add_licence(crate: ROCrate, dataset: str, licence: str) -> Entity:
    return _add(crate, licence_address(licence) or f"#licence-{dataset}", "CreativeWork", name=licence)


def _add_archive(crate: ROCrate, path: str, known: Mapping[str, Any]) -> Entity:
    checksums = {kind: known[kind] for kind in ALGORITHMS if kind in known}
    return _add(
        crate,
        f"#archive-{quote(path)}",
        "MediaObject",
        name=path,
        contentSize=str(known["bytes"]),
        encodingFormat=_media_type(Path(path)),
        **checksums,
    )


def _describe_root(crate: ROCrate, run: Run, action: Entity) -> None:
    root, name = crate.root_dataset, run.config.sections["name"]
    phantom = any(run.config.is_phantom(one) for one in _datasets(run))
    kind = (
        "PHANTOM: models of synthetic CT, which find nothing of use in a patient's scan. " if phantom else ""
    )
    root["name"] = f"Models of covidseg: {', '.join(model.name for model in run.models)} ({name})"
    root["description"] = (
        f"{kind}{NOT_CLINICAL}. README.md of each model says what it is and what it may be used for."
    )
    root["datePublished"] = datetime.now(UTC).date().isoformat()
    root["license"] = _add(
        crate, "#terms", "CreativeWork", name="The licences of the data", description=" ".join(run.terms)
    )
    root["author"] = crate.mainEntity["creator"]
    root["citation"] = _one(_papers(crate, run.papers.values()))
    root["keywords"] = "COVID-19, computed tomography, segmentation"
    root["mentions"] = action
    root["conformsTo"] = [
        _add(crate, address, "CreativeWork", name=title, version=address.rpartition("/")[2])
        for address, title in PROFILES.items()
    ]


def _papers(crate: ROCrate, citations: Iterable[Citation]) -> list[Entity]:
    return [
        _add(
            crate,
            paper.url,
            "ScholarlyArticle",
            name=paper.title,
            author=", ".join(paper.authors),
            datePublished=str(paper.year),
        )
        for paper in citations
    ]


def _one(entities: list[Any]) -> Any:  # noqa: ANN401
    """Return a list as RO-Crate wants it: a list of one is that one."""
    return entities[0] if len(entities) == 1 else entities


def _add(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> Entity:  # noqa: ANN401
    """Add an entity that is no file of the crate; one that is there already stays as it is."""
    return crate.get(identifier) or crate.add(
        ContextEntity(crate, identifier, properties={"@type": kind, **properties})
    )
