"""What a user is told before anything is fetched."""

import runpy
import shutil
from types import SimpleNamespace

import pytest

from conftest import ROOT
from covidseg.archives import licences
from covidseg.archives.licences import describe_licences, licence_table
from covidseg.errors import InputError

ENTRY = {"title": "Scans", "homepage": "https://example.org", "licence": "CC BY 4.0"}
DATASETS = {"one": ENTRY | {"citation": "One et al. 2020", "gigabytes": 30}, "two": ENTRY | {"gigabytes": 20}}


@pytest.fixture
def disk(monkeypatch):
    """Sets the free gigabytes."""

    def free(gigabytes):
        usage = shutil._ntuple_diskusage(0, 0, gigabytes * 10**9)
        monkeypatch.setattr(licences.shutil, "disk_usage", lambda _: usage)

    return free


def test_every_data_set_is_told_of_with_its_licence(disk, tmp_path):
    disk(60)
    first, *lines = describe_licences(DATASETS, tmp_path).splitlines()
    assert first == "To be fetched, about 50 GB (60 GB are free), under these licences:"
    assert lines == [
        "  Scans: CC BY 4.0. Citation: One et al. 2020. https://example.org",
        "  Scans: CC BY 4.0. Citation: none given. https://example.org",
    ]


def test_archives_of_unknown_size_are_not_counted_as_nothing(disk, tmp_path):
    disk(60)
    told = describe_licences(DATASETS | {"three": ENTRY}, tmp_path)
    assert told.startswith("To be fetched, at least 50 GB (60 GB are free)")


@pytest.mark.filterwarnings("error")
def test_a_data_set_of_unknown_size_gets_a_dash_in_the_table(tmp_path):
    params = SimpleNamespace(datasets=DATASETS | {"three": ENTRY}, phantom=[], config_name="phantom")
    output = tmp_path / "paper" / "licences.csv"
    output.parent.mkdir()
    job = SimpleNamespace(log=[tmp_path / "log"], params=params, output=[output])
    runpy.run_path(str(ROOT / "workflow/scripts/licences.py"), {"snakemake": job}, "__main__")
    row = output.with_suffix(".md").read_text().splitlines()[-1]
    assert [cell.strip() for cell in row.split("|")][1::5] == ["three", "–"]


def test_a_disk_that_cannot_hold_all_is_refused(disk, tmp_path):
    disk(49)
    with pytest.raises(InputError, match="50 GB of archives are to be fetched, 49 GB are free; free some"):
        describe_licences(DATASETS, tmp_path)


def test_phantoms_are_not_taken_for_the_real_data():
    table = licence_table(DATASETS, ["two"])
    assert table.used.tolist() == ["real", "phantom, nothing of it was fetched"]
    assert table.citation.tolist() == ["One et al. 2020", "none given"]


def test_every_data_set_that_is_fetched_has_licence_citation_and_size(config):
    for name, entry in config.datasets.items():
        if entry["archives"]:
            assert {"licence", "citation", "gigabytes"} <= entry.keys(), name
