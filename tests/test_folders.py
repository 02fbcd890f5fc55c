"""A folder on the user's own machine: what is listed, packed and left out, and how a change is noticed."""

import os
import shutil
import socket
import zipfile
from pathlib import Path

import pytest

from conftest import refused_in_one_line
from covidseg.archives import folders, packing
from covidseg.archives.archive import Archive
from covidseg.archives.folders import list_folder, state_of
from covidseg.archives.origins import Origin, local_path
from covidseg.archives.packing import copy_or_pack


@pytest.fixture
def scans(tmp_path):
    """Two patients; a third is a link to a folder elsewhere, and the mask of a fourth is a link to a file."""
    folder, elsewhere = tmp_path / "scans", tmp_path / "elsewhere"
    for place in (folder / "p1", folder / "p2", elsewhere / "p3", folder / "p4"):
        place.mkdir(parents=True)
        (place / "ct.nii").write_text(f"scan of {place.name}")
    (folder / "p3").symlink_to(elsewhere / "p3")
    (elsewhere / "mask.nii").write_text("mask of p4")
    (folder / "p4" / "mask.nii").symlink_to("../../elsewhere/mask.nii")
    return folder


TAKEN = {
    "p1/ct.nii": "scan of p1",
    "p2/ct.nii": "scan of p2",
    "p3/ct.nii": "scan of p3",
    "p4/ct.nii": "scan of p4",
    "p4/mask.nii": "mask of p4",
}


def contents(path):
    with Archive(path) as archive:
        return {name: archive.read(name).decode() for name in archive.names}


def test_links_to_patients_and_to_files_are_followed(scans, tmp_path):
    assert contents(scans) == TAKEN
    copy_or_pack(scans, tmp_path / "x.zip")
    assert contents(tmp_path / "x.zip") == TAKEN
    shutil.copytree(scans, tmp_path / "copy")  # with files in place of links
    copy_or_pack(tmp_path / "copy", tmp_path / "y.zip")
    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()


def add_oddities(scans):
    (scans / "p5").symlink_to("/nowhere/p5")
    (scans / "p6").symlink_to("p6")
    (scans / "p1" / "up").symlink_to("..")
    os.mkfifo(scans / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(scans / "socket"))
    (scans / ".cache").mkdir()
    (scans / ".cache" / "ct.nii").touch()
    (scans / "Thumbs.db").touch()
    (scans / "p1" / "._ct.nii").touch()
    (scans / os.fsdecode(b"gr\xf6\xdfe.nii")).touch()
    (scans / "two\nlines.nii").touch()


ODD = {
    ".cache": "hidden",
    "Thumbs.db": "made by a file manager",
    "gr\\udcf6\\udcdfe.nii": "its name is not UTF-8 or has a control character",
    "p1/._ct.nii": "resource fork of macOS",
    "p1/up": "link to .., a folder in which it lies itself",
    "p5": "broken link to /nowhere/p5",
    "p6": "broken link to p6",
    "pipe": "no file, but a pipe, a socket or a device",
    "socket": "no file, but a pipe, a socket or a device",
    "two\\nlines.nii": "its name is not UTF-8 or has a control character",
}


def test_what_is_no_file_is_left_out_and_told(scans, tmp_path, caplog):
    add_oddities(scans)
    files, left_out = list_folder(scans)
    assert list(files) == list(TAKEN)
    assert left_out == ODD
    copy_or_pack(scans, tmp_path / "x.zip")
    assert contents(tmp_path / "x.zip") == TAKEN
    assert f"{scans}/p5: left out: broken link to /nowhere/p5" in caplog.text
    for path in (scans, tmp_path / "x.zip"):
        with Archive(path) as archive:
            assert archive.left_out == ODD


def test_two_links_to_one_folder_are_two_patients(scans):
    (scans / "p5").symlink_to("p1")
    assert contents(scans) == TAKEN | {"p5/ct.nii": "scan of p1"}


def test_links_in_a_circle_end(tmp_path):
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / one).mkdir()
        (tmp_path / one / "ct.nii").touch()
        (tmp_path / one / other).symlink_to(tmp_path / other)
    files, left_out = list_folder(tmp_path)
    assert list(files) == ["a/b/ct.nii", "a/ct.nii", "b/a/ct.nii", "b/ct.nii"]
    assert list(left_out) == ["a/b/a", "b/a/b"]


def edit(scans):
    (scans / "p1" / "ct.nii").write_text("scan of P1")


def edit_behind_a_link(scans):
    (scans.parent / "elsewhere" / "mask.nii").write_text("other mask")


def add_a_patient(scans):
    (scans / "p9").mkdir()
    (scans / "p9" / "ct.nii").write_text("scan")


def remove_a_patient(scans):
    shutil.rmtree(scans / "p2")


def rename_a_patient(scans):
    (scans / "p2").rename(scans / "p8")


def put_an_older_file(scans):
    os.utime(scans / "p1" / "ct.nii", (0, 0))


CHANGES = [edit, edit_behind_a_link, add_a_patient, remove_a_patient, rename_a_patient, put_an_older_file]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_file_changes_the_state(scans, change):
    before = state_of(scans)
    assert state_of(scans) == before
    change(scans)
    assert state_of(scans) != before


def test_what_is_not_packed_does_not_change_the_state(scans):
    before = state_of(scans)
    add_oddities(scans)
    for folder in (scans, scans / "p1"):
        os.utime(folder)
        (folder / "empty").mkdir()
    assert state_of(scans) == before


def test_the_state_of_a_single_file(tmp_path):
    file = tmp_path / "x.zip"
    file.write_bytes(b"one")
    before = state_of(file)
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert state_of(file) != before
    with refused_in_one_line(
        r"nothing\.zip: No such file or directory; correct the address in datasets\.yaml"
    ):
        state_of(tmp_path / "nothing.zip")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:/data/own scans", "/data/own scans"),
        ("file:///data/own%20scans", "/data/own scans"),
        ("file://localhost/data/x.zip", "/data/x.zip"),
        ("file:/data/x#1.zip", "/data/x#1.zip"),
    ],
)
def test_the_path_of_a_file_address(address, path):
    assert local_path(address) == Path(path)


def test_an_origin_knows_the_state_of_its_local_addresses(scans):
    here, gone = f"file:{scans}", "file:/nowhere/scans"
    assert Origin([here], {}).local_state() == [state_of(scans)]
    assert Origin([gone, here], {}).local_state() == [state_of(scans)]
    assert Origin([here, gone], {}).local_state() == [state_of(scans)]
    assert Origin([gone, "https://example.org/x.zip"], {}).local_state() == []
    assert Origin(["https://example.org/x.zip"], {}).local_state() == []
    assert Origin([], {}).local_state() == []
    with refused_in_one_line(r"/nowhere/scans: No such file or directory; correct the address"):
        Origin([gone, gone], {}).local_state()


@pytest.mark.parametrize("change", [edit, add_a_patient, remove_a_patient])
def test_a_folder_that_changes_while_it_is_packed_is_refused(scans, tmp_path, monkeypatch, change):
    write_zip = packing.write_zip

    def write_and_change(*arguments):
        write_zip(*arguments)
        change(scans)

    monkeypatch.setattr(packing, "write_zip", write_and_change)
    with refused_in_one_line(r"scans: has changed while it was copied; run again when it is complete"):
        copy_or_pack(scans, tmp_path / "out" / "x.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_vanishes_while_its_folder_is_packed_is_named(scans, tmp_path, monkeypatch):
    def list_and_remove(folder):
        listed = list_folder(folder)
        remove_a_patient(folder)
        return listed

    monkeypatch.setattr(packing, "list_folder", list_and_remove)
    with refused_in_one_line(r"scans/p2/ct\.nii: cannot be read \(No such file or directory\)"):
        copy_or_pack(scans, tmp_path / "out" / "x.zip")
    assert list((tmp_path / "out").iterdir()) == []


def refuse(*_):
    raise PermissionError(13, "Permission denied", "/data/p1")


def test_what_may_not_be_read_is_named(scans, tmp_path, monkeypatch):
    """Root may read everything, so that the system's refusal is played."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with refused_in_one_line(r"scans/p1/ct\.nii: cannot be read \(Permission denied\)"):
            copy_or_pack(scans, tmp_path / "x.zip")
    with monkeypatch.context() as patch:
        patch.setattr(packing.shutil, "copyfile", refuse)
        with refused_in_one_line(r"scans/p1/ct\.nii: cannot be read \(Permission denied\)"):
            copy_or_pack(scans / "p1" / "ct.nii", tmp_path / "x.zip")
    monkeypatch.setattr(folders.os, "scandir", refuse)
    with refused_in_one_line(r"/data/p1: cannot be read \(Permission denied\)"):
        copy_or_pack(scans, tmp_path / "x.zip")


def test_a_pipe_is_not_copied(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    with refused_in_one_line(r"x\.zip: neither a file nor a folder; correct the address"):
        copy_or_pack(tmp_path / "x.zip", tmp_path / "y.zip")


def test_a_folder_with_files_of_any_kind_gives_a_zip_that_every_program_reads(scans, tmp_path):
    (scans / "größe #1 (a).nii").write_text("x")
    copy_or_pack(scans, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["größe #1 (a).nii", *TAKEN]


def test_a_link_that_the_system_cannot_follow_is_named(scans):
    """It is not broken: what it leads to is unknown."""
    (scans / "p5").symlink_to("x" * 300)
    with refused_in_one_line(r"scans/p5: cannot be read \(File name too long\)$"):
        list_folder(scans)
