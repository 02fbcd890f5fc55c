"""From a description of an origin to a verified archive under its name, against a real server."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import threading
import zipfile

import pytest

from conftest import ROOT, refused_in_one_line
from covidseg.archives.by_hand import find_by_hand
from covidseg.archives.checksums import checksum, verify
from covidseg.archives.download import download
from covidseg.archives.origins import Origin, read_origin
from covidseg.errors import InputError
from faulty_host import status


def zipped(size):
    """Random bytes in a zip of this size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", os.urandom(size - 100))
    return buffer.getvalue()


CONTENT = zipped(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
NAME = "/x.zip"


@pytest.fixture
def host(host):
    host.files[NAME] = CONTENT
    return host


def fetch(folder, *addresses, record=None, **checksums):
    path = folder / "raw" / "set" / "x.zip"
    origin = Origin([*addresses], checksums, record, "https://example.org", {"{case}.txt": ["a", "b"]})
    download(origin, path, partial=folder / "partial", tables=folder, lock=folder / "downloads.lock.json")
    return path


def assert_nothing_left(folder):
    assert [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"] == []


def blob_of(content):
    """What git itself says."""
    if not shutil.which("git"):
        pytest.skip("needs the program git")
    done = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("names", [("sha256",), ("md5",), ("git_blob",), ("sha256", "md5"), ("bytes", "md5")])
def test_a_whole_download_appears_under_its_name(tmp_path, host, names):
    known = {"sha256": SHA256, "md5": MD5, "bytes": len(CONTENT)}
    path = fetch(
        tmp_path, host.address + NAME, **{name: known.get(name) or blob_of(CONTENT) for name in names}
    )
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    assert list((tmp_path / "partial" / "set").iterdir()) == []
    assert not (tmp_path / "downloads.lock.json").exists(), "the configuration knows it"


def test_a_git_blob_is_git_s(tmp_path):
    for content in (b"", b"x\n", CONTENT):
        (tmp_path / "x").write_bytes(content)
        assert checksum(tmp_path / "x", "git_blob") == blob_of(content)


@pytest.mark.parametrize(
    "wrong", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"sha256": SHA256, "git_blob": "0" * 40}, {"bytes": 5}]
)
def test_a_wrong_checksum_leaves_nothing_and_a_later_start_completes(tmp_path, host, wrong):
    with pytest.raises(
        InputError, match=r"x\.zip: (sha256|md5|git_blob|bytes) of http.* is .*, expected [05]"
    ):
        fetch(tmp_path, host.address + NAME, **wrong)
    assert_nothing_left(tmp_path)
    assert fetch(tmp_path, host.address + NAME, sha256=SHA256).read_bytes() == CONTENT


def test_a_cut_download_leaves_no_archive_and_a_later_start_goes_on(tmp_path, host):
    host.faults[NAME] = [lambda handler: host.serve(handler, keep=100_000), *[status(500)] * 10]
    with pytest.raises(InputError, match="100000 bytes are kept"):
        fetch(tmp_path, host.address + NAME, sha256=SHA256)
    assert not (tmp_path / "raw").exists()
    host.faults.clear()
    assert fetch(tmp_path, host.address + NAME, sha256=SHA256).read_bytes() == CONTENT
    assert host.asked[-1] == (NAME, "bytes=100000-")


def test_an_old_file_survives_a_failed_download(tmp_path, host):
    path = tmp_path / "raw" / "set" / "x.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        fetch(tmp_path, host.address + NAME, sha256="0" * 64)
    assert path.read_bytes() == b"old"


def test_two_runs_into_one_folder_fetch_once(tmp_path, host):
    host.faults[NAME] = [lambda handler: host.serve(handler, drip=30_000)]
    runs = [threading.Thread(target=fetch, args=(tmp_path, host.address + NAME)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert (tmp_path / "raw" / "set" / "x.zip").read_bytes() == CONTENT
    assert host.asked == [(NAME, None)]


def test_the_first_download_is_recorded_and_a_changed_file_is_refused(tmp_path, host):
    lock = tmp_path / "downloads.lock.json"
    path = fetch(tmp_path, host.address + NAME)
    (recorded,) = json.loads(lock.read_text()).items()
    assert recorded[0] == "set/x.zip"
    assert (recorded[1]["sha256"], recorded[1]["bytes"]) == (SHA256, len(CONTENT))
    path.unlink()
    assert fetch(tmp_path, host.address + NAME).read_bytes() == CONTENT
    path.unlink()
    host.files[NAME] = zipped(200)
    with pytest.raises(
        InputError, match=r"x\.zip: sha256 of .*, was .*: the host changed the file; .*lock\.json"
    ):
        fetch(tmp_path, host.address + NAME)
    assert not path.exists()
    assert json.loads(lock.read_text()) == dict([recorded])


def test_a_record_tells_size_and_md5(tmp_path, host):
    def record(**changes):
        file = {"key": "x.zip", "size": len(CONTENT), "checksum": f"md5:{MD5}"} | changes
        host.files["/api"] = json.dumps({"files": [{"key": "y.zip"}, file]}).encode()
        return f"{host.address}/api"

    address = host.address + NAME
    assert fetch(tmp_path, address, record=record(), sha256=SHA256).read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"md5 of .* expected 0000"):
        fetch(tmp_path, address, record=record(checksum=f"md5:{'0' * 32}"), sha256=SHA256)
    with pytest.raises(InputError, match=r"bytes of .* is 300000, expected 7"):
        fetch(tmp_path, address, record=record(size=7), sha256=SHA256)
    with pytest.raises(InputError, match=r"/api: the record has no file x\.zip; correct the address"):
        fetch(tmp_path, address, record=record(key="z.zip"), sha256=SHA256)


@pytest.mark.parametrize(
    "content", [b"<html>Log in</html>", b"[1]", b'{"files": [{"size": 3}]}', b'{"files": 3}', b""]
)
def test_a_page_in_place_of_a_record_is_named(tmp_path, host, content):
    host.files["/api"] = content
    with refused_in_one_line("/api: the host has sent no Zenodo record"):
        fetch(tmp_path, host.address + NAME, record=f"{host.address}/api")


def test_the_next_address_serves_where_one_does_not(tmp_path, host, caplog):
    path = fetch(tmp_path, f"{host.address}/gone.zip", host.address + NAME, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert (
        f"status 404 Not Found; open the address in a browser, or correct it; trying {host.address}{NAME}"
        in caplog.text
    )


def test_a_file_address_and_a_folder_s(tmp_path):
    file = tmp_path / "file.bin"
    file.write_bytes(CONTENT)
    assert fetch(tmp_path, file.as_uri()).read_bytes() == CONTENT
    assert not (tmp_path / "downloads.lock.json").exists(), "a user's own file may change"
    folder = tmp_path / "own scans"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "two.txt").write_text("2")
    (folder / "one.txt").write_text("1")
    packed = fetch(tmp_path, folder.as_uri())
    with zipfile.ZipFile(packed) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "b/two.txt": b"2",
            "one.txt": b"1",
        }
    first = packed.read_bytes()
    os.utime(folder / "one.txt", (0, 0))
    assert fetch(tmp_path, folder.as_uri()).read_bytes() == first
    with pytest.raises(InputError, match="nowhere: not there; correct the address"):
        fetch(tmp_path, (tmp_path / "nowhere").as_uri())


def pack(path, *names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "content")


def test_what_needs_a_registration_is_asked_for_in_two_lines_and_verified(tmp_path):
    with pytest.raises(InputError) as raised:
        fetch(tmp_path)
    first, second = str(raised.value).splitlines()
    manual = tmp_path / "manual" / "set" / "x.zip"
    assert (
        f"raw/set/x.zip: not public; register at https://example.org, fetch it there and put it at {manual}"
        in first
    )
    assert second == "  it must be a zip, a tar or a folder that holds {case}.txt (2 cases)"
    pack(manual, "a.txt", "c.txt")
    with pytest.raises(
        InputError,
        match=r"manual/set/x\.zip: {case}\.txt is not there for 1 of 2 cases \(b \.\.\.\); it holds 2 files: c\.txt, a\.txt: pack it",
    ):
        fetch(tmp_path)
    manual.write_bytes(b"a page that asks for a password")
    with pytest.raises(InputError, match=r"manual/set/x\.zip: truncated or not an archive"):
        fetch(tmp_path)
    pack(manual, "a.txt", "b.txt")
    path = fetch(tmp_path)
    assert path.read_bytes() == manual.read_bytes()
    assert "set/x.zip" in json.loads((tmp_path / "downloads.lock.json").read_text())
    with pytest.raises(InputError, match="sha256"):
        fetch(tmp_path, sha256="0" * 64)
    assert manual.exists()


def test_slices_of_any_number_may_lie_in_folders_of_their_own(tmp_path):
    manual = tmp_path / "manual" / "set" / "x.zip"
    pack(manual, "image/0/12.jpg", "mask/0/12.png")
    members = {"*image/{case}.jpg": None, "*mask/{case}.png": None}
    assert find_by_hand(tmp_path / "raw" / "set" / "x.zip", "https://example.org", members) == manual
    with pytest.raises(
        InputError,
        match=r"x\.zip: no file matches \*lung/{case}\.png; it holds 2 files: (image/0/12\.jpg|mask/0/12\.png)",
    ):
        find_by_hand(tmp_path / "raw" / "set" / "x.zip", "https://example.org", {"*lung/{case}.png": None})


PAGES = {
    "a web page": b"<!DOCTYPE html>\n<title>Please log in</title>",
    "a message in XML": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "a message in JSON": b'{"message": "quota exceeded"}',
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "an empty file": b"",
}


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256}])
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_in_place_of_the_file_is_named_and_not_recorded(tmp_path, host, kind, known):
    host.files["/login"] = PAGES[kind]
    with refused_in_one_line(rf"/login: the host has sent {kind}.*; open the address in a browser"):
        fetch(tmp_path, f"{host.address}/login", **known)
    assert_nothing_left(tmp_path)
    assert not (tmp_path / "downloads.lock.json").exists()
    assert fetch(tmp_path, f"{host.address}/login", host.address + NAME, **known).read_bytes() == CONTENT


def test_a_file_that_the_host_announces_shorter_than_it_is_is_not_recorded(tmp_path, host):
    host.faults[NAME] = [lambda handler: host.serve(handler, length=100_000)]
    with refused_in_one_line(r"set/x\.zip: from http.*/x\.zip: no zip and no tar, but a zip that is cut off"):
        fetch(tmp_path, host.address + NAME)
    assert_nothing_left(tmp_path)
    assert fetch(tmp_path, host.address + NAME).read_bytes() == CONTENT


def test_a_wrong_file_of_the_users_own_is_not_fetched_again(tmp_path):
    (tmp_path / "own.zip").write_bytes(CONTENT)
    with refused_in_one_line(
        r"sha256 of file:.*own\.zip is .*, expected 0+; it is another file: put the right one"
    ):
        fetch(tmp_path, (tmp_path / "own.zip").as_uri(), sha256="0" * 64)


@pytest.mark.parametrize("name", ["study_1.nii", "study_1.nii.gz"])
def test_a_single_scan_by_hand_may_be_packed_or_not(tmp_path, name):
    manual = tmp_path / "manual" / "set" / name
    manual.parent.mkdir(parents=True)
    manual.write_bytes(b"scan")
    path = tmp_path / "raw" / "set" / "study_1.nii.gz"
    assert find_by_hand(path, "https://example.org", {"{case}.nii.gz": ["study_1"]}) == manual


def test_a_full_disk_names_the_file_and_a_later_start_completes(small_disk, tmp_path, host):
    host.files[NAME] = zipped(700_000)
    blocker = small_disk / "blocker"
    blocker.write_bytes(bytes(600_000))
    with pytest.raises(InputError, match=r"x\.zip: needs 0\.00 GB more, the disk has 0\.00 GB; free some"):
        fetch(small_disk, host.address + NAME)
    blocker.unlink()
    assert fetch(small_disk, host.address + NAME).read_bytes() == host.files[NAME]


def test_the_real_masks_have_the_listed_checksums(real_data, config):
    masks = sorted((real_data / "mosmed_masks").glob("*.nii.gz"))
    assert len(masks) == 5
    for mask in masks:
        expected = read_origin(config.datasets, "mosmed", mask.name, ROOT / "config").checksums
        verify(mask, expected, mask, "the mirror")
        assert expected["sha256"]
