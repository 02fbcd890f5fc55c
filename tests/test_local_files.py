"""A user's own scans at a file: address: each change of a file packs and ingests the data set anew, and no other."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import make_volume
from covidseg.volumes import write_volume
from toy_workflow import change_yaml, jobs_of, papers_checkout, snakemake

OWN = ("--configfile", "config/own.yaml")
TARGETS = [f"results/cases/{name}/cases.csv" for name in ("hospital", "clinic")]
ANEW = {"download": 1, "ingest": 1}

pytestmark = pytest.mark.slow


def write_patient(folder, voxels):
    scan, mask = np.full((2, 4, 4), -900, np.int16), np.zeros((2, 4, 4), np.uint8)
    mask.flat[:voxels] = 1
    write_volume(folder / "ct.nii.gz", make_volume(scan))
    write_volume(folder / "lesion.nii.gz", make_volume(mask))


def describe(name, address):
    members = {kind: f"{{case}}/{file}.nii.gz" for kind, file in (("images", "ct"), ("labels", "lesion"))}
    entry = {
        kind: {"archive": f"{name}/scans.zip", "member": member, "format": "nifti"}
        for kind, member in members.items()
    }
    entry["labels"]["map"] = {0: 0, 1: 1}
    return entry | {
        "title": name,
        "homepage": "https://example.org",
        "licence": "none",
        "archives": {"scans.zip": {"address": address}},
        "case_name": "{case}",
        "patient": ".*",
        "regions": {1: "lesion"},
        "intensity": {"*": "hounsfield"},
        "split": "random",
    }


@pytest.fixture
def checkout(tmp_path):
    """A checkout with two data sets of two patients each, which are ingested; and the folder of the first."""
    folder = papers_checkout_in(tmp_path / "checkout")
    for name in ("hospital", "clinic"):
        for number in (1, 2):
            write_patient(tmp_path / name / f"p{number}", voxels=number)
    shutil.make_archive(tmp_path / "clinic", "zip", tmp_path / "clinic")
    change_yaml(
        folder / "config" / "datasets.yaml",
        lambda content: content.update(
            hospital=describe("hospital", f"file:{tmp_path / 'hospital'}"),
            clinic=describe("clinic", f"file:{tmp_path / 'clinic.zip'}"),
        ),
    )
    own = {"extends": "config.yaml", "name": "own", "phantom": None}
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(own))
    snakemake(folder, *TARGETS, *OWN)
    return folder, tmp_path / "hospital"


def papers_checkout_in(folder):
    folder.mkdir()
    return papers_checkout(folder)


def due(checkout):
    return jobs_of(snakemake(checkout, *TARGETS, *OWN, "-n"))


def voxels(checkout, name="hospital"):
    table = pd.read_csv(checkout / "results" / "cases" / name / "cases.csv")
    return dict(zip(table["case"], table["voxels_lesion"], strict=True))


def test_every_change_of_a_users_files_is_noticed(checkout):
    checkout, hospital = checkout
    assert voxels(checkout) == voxels(checkout, "clinic") == {"p1": 1, "p2": 2}
    assert due(checkout) == {}

    write_patient(hospital / "p2", voxels=5)  # an edited mask
    (checkout / "data" / "raw" / "hospital" / "scans.zip").unlink()
    assert due(checkout) == ANEW
    snakemake(checkout, *TARGETS, *OWN)
    assert voxels(checkout) == {"p1": 1, "p2": 5}
    assert due(checkout) == {}

    write_patient(hospital.parent / "elsewhere" / "p3", voxels=7)  # an added patient, by a link
    (hospital / "p3").symlink_to(hospital.parent / "elsewhere" / "p3")
    snakemake(checkout, *TARGETS, *OWN)
    assert voxels(checkout) == {"p1": 1, "p2": 5, "p3": 7}

    os.utime(hospital.parent / "clinic.zip")  # another file of the same name
    assert due(checkout) == ANEW

    hospital.rename(hospital.with_name("away"))
    code, output = snakemake(checkout, *TARGETS, *OWN, check=False)
    assert code != 0
    assert f"{hospital}: No such file or directory; correct the address in datasets.yaml" in output
    assert (checkout / "data" / "raw" / "hospital" / "scans.zip").exists(), "what is packed stays"
    assert voxels(checkout) == {"p1": 1, "p2": 5, "p3": 7}
