"""The pipeline's own way from a host to cases: a local server with archives as the real hosts pack them."""

import hashlib
import json

import pytest
import yaml

from covidseg.archives.phantom.hosts import write_archive
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from faulty_host import Host
from toy_workflow import change_yaml, jobs_of, papers_checkout, snakemake

CASES = {
    "covid20": ["coronacases_001", "radiopaedia_7_85703_0"],
    "msd": ["lung_001", "lung_003"],
    "structseg": ["1", "12"],
    "nsclc": ["LUNG1-001", "LUNG1-002"],
    "mosmed": ["study_0255", "study_0256"],
}
BY_HAND = "structseg"
OWN = ("--configfile", "config/own.yaml")
TARGETS = [f"results/cases/{name}/cases.csv" for name in CASES]


def write_archives(config, folder):
    """Every archive that the data sets above need, below `folder`."""
    for host, cases in CASES.items():
        (folder / host).mkdir(parents=True)
        names = {path.format(case=case) for path in paths_of(config.datasets[host]) for case in cases}
        own = [f"train_{case}" for case in cases] if host == BY_HAND else cases
        for name in names:
            write_archive(folder / name, host, name.split("/")[1], cases=own, cohort=own, seed=3)


def paths_of(dataset):
    return {dataset[kind]["archive"] for kind in ("images", "labels", "lungs", "registry") if kind in dataset}


@pytest.fixture
def checkout(config, tmp_path):
    """A checkout that fetches from a local host, the archives there, and the host."""
    archives, folder, host = tmp_path / "archives", tmp_path / "checkout", Host()
    write_archives(config, archives)
    for file in archives.rglob("*.*"):
        host.files[f"/{file.relative_to(archives)}"] = file.read_bytes()
    folder.mkdir()
    papers_checkout(folder)

    def datasets(content):
        for name, cases in CASES.items():
            content[name] |= {
                "split": "random",
                "cases": [f"train_{c}" for c in cases] if name == BY_HAND else cases,
            }
            content[name].pop("record", None)
            for archive, entry in content[name]["archives"].items():
                served = host.files.get(f"/{name}/{archive}")
                address = entry["address"] and f"{host.address}/{name}/{archive}"
                known = {"sha256": hashlib.sha256(served).hexdigest()} if "sha256" in entry and served else {}
                content[name]["archives"][archive] = {"address": address, **known}
        for entry in content.values():
            entry["gigabytes"] = 0.001  # the free disk is compared first

    change_yaml(folder / "config" / "datasets.yaml", datasets)
    own = {"extends": "config.yaml", "name": "own", "phantom": None}
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(own))
    yield folder, archives, host
    host.close()


@pytest.mark.slow
def test_from_hosts_to_cases(checkout, config, tmp_path):
    folder, archives, host = checkout
    code, output = snakemake(folder, *TARGETS, *OWN, check=False)
    assert code != 0
    assert "own.yaml: accept_licences: false; read the licences" in output
    assert host.asked == []

    output = snakemake(folder, "licences", *OWN)
    assert "To be fetched" not in output, "this target fetches nothing"
    listed = (folder / "results" / "paper" / "licences.md").read_text()
    assert "CC BY-NC-ND 3.0" in listed
    assert "doi:10.5281/zenodo.3757476" in listed

    change_yaml(folder / "config" / "own.yaml", lambda content: content.update(accept_licences=True))
    code, output = snakemake(folder, *TARGETS, *OWN, "--keep-going", check=False)
    assert code != 0
    assert (
        output.count("MosMedData COVID19_1110, the 50 studies with masks: CC BY-NC-ND 3.0. Citation: Morozov")
        == 1
    )
    assert "data/raw/structseg/Lung_GTV.zip: not public; register at https://structseg2019" in output
    assert "it must be a zip, a tar or a folder that holds Lung_GTV/{case}/data.nii.gz (2 cases)" in output
    assert not (folder / "results" / "cases" / "structseg").exists()

    manual = folder / "data" / "manual" / "structseg"
    manual.mkdir(parents=True)
    for file in (archives / "structseg").iterdir():
        (manual / file.name).write_bytes(file.read_bytes())
    snakemake(folder, *TARGETS, *OWN)
    assert len(host.asked) == len({path for path, _ in host.asked}), "nothing is fetched twice"

    for name, cases in CASES.items():
        own = [f"train_{case}" for case in cases] if name == BY_HAND else cases
        direct = tmp_path / "direct" / name
        ingest(config.datasets[name], raw=archives, names=own, output=CaseFolder(direct), workers=1)
        for file in (
            "cases.csv",
            *(f"{kind}/{case}.nii.gz" for kind in ("images", "labels") for case in own),
        ):
            fetched = folder / "results" / "cases" / name / file
            assert fetched.read_bytes() == (direct / file).read_bytes(), fetched

    recorded = json.loads((folder / "config" / "downloads.lock.json").read_text())
    assert {"mosmed/dataset_registry.csv", "nsclc/LUNG1-001.zip", "structseg/Lung_GTV.zip"} <= recorded.keys()
    assert not {"msd/Task06_Lung.tar", "covid20/Infection_Mask.zip"} & recorded.keys()
    assert list((folder / "data" / "partial").rglob("*.*")) == []

    with open(folder / "workflow" / "scripts" / "covidseg" / "archives" / "http.py", "a") as file:
        file.write("\nEDITED = True\n")
    assert jobs_of(snakemake(folder, *TARGETS, *OWN, "-n")) == {}, "a line of code fetches nothing anew"
