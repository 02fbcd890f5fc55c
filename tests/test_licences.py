"""What a user is told before anything is fetched."""

import shutil

import pytest

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
        "  Scans: CC BY 4.0. Cite One et al. 2020. https://example.org",
        "  Scans: CC BY 4.0. Cite none given in datasets.yaml. https://example.org",
    ]


def test_a_disk_that_cannot_hold_all_is_refused(disk, tmp_path):
    disk(49)
    with pytest.raises(InputError, match="50 GB of archives are to be fetched, 49 GB are free; free some"):
        describe_licences(DATASETS, tmp_path)


def test_phantoms_are_not_taken_for_the_real_data():
    table = licence_table(DATASETS, ["two"])
    assert table.used.tolist() == ["real", "phantom, nothing of it was fetched"]
    assert table.citation.tolist() == ["One et al. 2020", "none given in datasets.yaml"]


def test_every_data_set_that_is_fetched_has_licence_citation_and_size(config):
    for name, entry in config.datasets.items():
        if entry["archives"]:
            assert {"licence", "citation", "gigabytes"} <= entry.keys(), name
