"""Archives that are whole, cut, or made to write elsewhere."""

import io
import os
import re
import stat
import tarfile
import warnings
import zipfile

import pytest

from covidseg.archives.archive import Archive
from covidseg.errors import InputError

CONTENT = {"a/one.txt": b"one" * 500, "a/two.txt": os.urandom(3000)}


def make_zip(path, members=CONTENT):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def make_tar(path, members=CONTENT, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


MAKERS = {
    "x.zip": make_zip,
    "x.tar": make_tar,
    "x.tar.gz": lambda path: make_tar(path, mode="w:gz"),
    "x.tar.xz": lambda path: make_tar(path, mode="w:xz"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_members_are_read(tmp_path, name):
    MAKERS[name](tmp_path / name)
    with Archive(tmp_path / name) as archive:
        assert {member: archive.read(member) for member in archive.names} == CONTENT


def test_a_folder_is_read_as_an_archive(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.txt").write_bytes(b"one")
    with Archive(tmp_path) as archive:
        assert archive.names == ["a/one.txt"]
        assert archive.read("a/one.txt") == b"one"


def test_resource_forks_are_left_out(tmp_path):
    make_tar(tmp_path / "x.tar", {"a/._one.txt": b"fork", "a/one.txt": b"one"})
    with Archive(tmp_path / "x.tar") as archive:
        assert archive.names == ["a/one.txt"]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_a_cut_archive_is_refused_by_name(tmp_path, name, share):
    path = tmp_path / name
    MAKERS[name](path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=f"{name}: "):
        read_all(path)


def test_a_tar_cut_exactly_between_members_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    make_tar(path)
    path.write_bytes(path.read_bytes()[: 512 + 1536])  # the first member and not a byte more
    with pytest.raises(InputError, match="end-of-archive mark is missing"):
        read_all(path)


def test_a_damaged_member_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    make_zip(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"oneone") + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.zip:a/one\.txt: damaged .*CRC"):
        read_all(path)


def test_a_missing_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.zip: "):
        Archive(tmp_path / "nothing.zip")


@pytest.mark.parametrize(
    "name", ["../escape.txt", "a/../../escape.txt", "/etc/escape.txt", "C:\\x.txt", "..\\x"]
)
@pytest.mark.parametrize("maker", [make_zip, make_tar])
def test_names_that_leave_the_archive_are_refused(tmp_path, maker, name):
    path = tmp_path / "x"
    maker(path, {"fine.txt": b"1", name: b"2"})
    with pytest.raises(InputError, match="points outside the archive"):
        Archive(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("a/link")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(InputError, match="link or a device"):
        Archive(path)


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    entry = zipfile.ZipInfo("a/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="link or a device"):
        Archive(path)


def read_all(path):
    with Archive(path) as archive:
        for name in archive.names:
            archive.read(name)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_a_name_that_is_there_twice_is_refused(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".zip"):
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
            warnings.simplefilter("ignore")
            for content in (b"one", b"two"):
                archive.writestr("x/ct.nii", content)
    else:
        with tarfile.open(path, "w") as archive:
            for content in (b"one", b"two"):
                entry = tarfile.TarInfo("x/ct.nii")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(InputError, match=rf"{re.escape(name)}: entry 'x/ct\.nii' is there 2 times"):
        Archive(path)


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """A thousand to one: two gigabytes of noughts in two megabytes."""
    path = tmp_path / "bomb.zip"
    block = bytes(1 << 24)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("ct.nii", "w", force_zip64=True) as file,
    ):
        for _ in range(128):
            file.write(block)
    assert path.stat().st_size < 3e6
    with pytest.raises(InputError, match=r"bomb\.zip: entry 'ct\.nii' of \d+ bytes unpacks to 2147483648"):
        Archive(path)


def test_an_empty_mask_that_packs_well_is_no_bomb(tmp_path):
    path = tmp_path / "masks.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mask.nii", bytes(30_000_000))
    with Archive(path) as archive:
        assert len(archive.read("mask.nii")) == 30_000_000


@pytest.mark.parametrize("name", ["study_0255.nii.gz", "registry.csv"])
def test_a_single_file_is_its_own_member(tmp_path, name):
    (tmp_path / name).write_bytes(b"content")
    with Archive(tmp_path / name) as archive:
        assert {member: archive.read(member) for member in archive.names} == {name: b"content"}
    with pytest.raises(InputError, match=r"no\.nii\.gz: no such file"):
        Archive(tmp_path / "no.nii.gz")
