"""What provenance.json says of commit, data and packages."""

import json
import os
import subprocess
from dataclasses import replace

import pytest
import yaml

from conftest import NEEDS_GIT, ROOT
from covidseg.config.loading import load_configuration
from covidseg.runs.provenance import commit_of, data_checksums, package_versions, write_provenance


def git(folder, *words):
    who = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    done = subprocess.run(
        ["git", "-C", folder, *words], check=True, capture_output=True, text=True, env=os.environ | who
    )
    return done.stdout.strip()


@NEEDS_GIT
def test_the_commit_and_what_changed_since(tmp_path):
    assert commit_of(tmp_path)["id"] is None
    assert "not a git repository" in commit_of(tmp_path)["remark"]
    git(tmp_path, "init", "-q")
    (tmp_path / "Snakefile").write_text("rule all:\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    assert commit_of(tmp_path) == {"id": git(tmp_path, "rev-parse", "HEAD"), "remark": "clean"}
    (tmp_path / "Snakefile").write_text("rule all: # edited\n")
    assert commit_of(tmp_path)["remark"] == "changed since: Snakefile"
    (tmp_path / "copy").mkdir()
    found = commit_of(tmp_path / "copy")
    assert found["id"] is None
    assert found["remark"].startswith("not a checkout of its own, but a folder in")


def test_without_git_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path) == {"id": None, "remark": "git is not installed"}


@pytest.fixture
def paper():
    path = ROOT / "config" / "paper.yaml"
    return load_configuration(yaml.safe_load(path.read_text()), str(path), ROOT / "config")


def put(raw, archive, text):
    (raw / archive).parent.mkdir(parents=True, exist_ok=True)
    (raw / archive).write_text(text)


def test_what_download_verified_is_not_read_again(paper, tmp_path):
    put(tmp_path, "covid20/Infection_Mask.zip", "not its content")
    found = data_checksums(tmp_path, paper, {})["covid20/Infection_Mask.zip"]
    assert found["sha256"] == "87901c73fdd2230260e61d2dbc57bf56026efc28264006b8ea2bf411453c1694"
    assert found["from"] == "config, verified by download"
    put(tmp_path, "mosmed/study_0255.nii.gz", "")
    found = data_checksums(tmp_path, paper, {})["mosmed/study_0255.nii.gz"]
    assert found["git_blob"] == "1e414afa55a2533ddd3573b4a1309be5adb5425d"


def test_anything_else_is_read_once_and_again_when_it_changes(paper, tmp_path):
    put(tmp_path, "mine/scans.zip", "abc")
    first = data_checksums(tmp_path, paper, {})
    # The SHA-256 of "abc" that FIPS 180-2 gives as an example.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (first["mine/scans.zip"]["sha256"], first["mine/scans.zip"]["from"]) == (abc, "computed")
    kept = {"mine/scans.zip": first["mine/scans.zip"] | {"sha256": "of the last time"}}
    assert data_checksums(tmp_path, paper, kept) == kept
    put(tmp_path, "mine/scans.zip", "abcd")
    assert data_checksums(tmp_path, paper, kept)["mine/scans.zip"]["sha256"] not in (abc, "of the last time")


def test_the_first_downloads_record_is_taken(paper, tmp_path):
    (tmp_path / "config").mkdir()
    record = {"nsclc/LUNG1-001.zip": {"sha256": "recorded", "bytes": 1, "origin": "", "date": ""}}
    (tmp_path / "config" / "downloads.lock.json").write_text(json.dumps(record))
    put(tmp_path / "raw", "nsclc/LUNG1-001.zip", "x")
    found = data_checksums(tmp_path / "raw", replace(paper, folder=tmp_path / "config"), {})
    assert found["nsclc/LUNG1-001.zip"]["sha256"] == "recorded"
    assert found["nsclc/LUNG1-001.zip"]["from"] == "downloads.lock.json"


def test_every_pinned_package_has_its_installed_version(tmp_path):
    (tmp_path / "requirements.txt").write_text("# small\nPyYAML==0.1  # why\nno-such-package==1.0\n")
    assert package_versions(tmp_path / "requirements.txt") == {
        "PyYAML": yaml.__version__,
        "no-such-package": None,
    }


def test_a_damaged_file_of_the_last_run_is_replaced(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "provenance.json").write_text("{")
    write_provenance(tmp_path / "provenance.json", config, root=ROOT)
    found = json.loads((tmp_path / "provenance.json").read_text())
    assert (found["configuration"]["name"], found["data"], found["devices"]) == ("phantom", {}, {})
    assert found["packages"]["torch"] in (tmp_path / "provenance.html").read_text()
