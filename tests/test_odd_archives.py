"""Archives as real programs pack them, odd ones and other kinds of files: read, or refused in one line."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import shutil
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest

from conftest import refused_in_one_line
from covidseg.archives.archive import Archive
from covidseg.archives.zips import write_zip
from covidseg.errors import InputError


def read_all(path):
    with Archive(path) as archive:
        return {name: archive.read(name) for name in archive.names}


def zip_of(path, *names, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def tar_of(path, *names, mode="w", **options):
    with tarfile.open(path, mode, **options) as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(name.encode())
            archive.addfile(entry, io.BytesIO(name.encode()))
    return path


def patched(path, start, places):
    """Change bytes (place -> value) of every record of a zip that begins with `start`."""
    content = bytearray(path.read_bytes())
    record = content.find(start)
    assert record >= 0
    while record >= 0:
        for place, value in places.items():
            content[record + place] = value
        record = content.find(start, record + 4)
    path.write_bytes(content)
    return path


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@pytest.mark.parametrize(
    ("options", "program"), [("-czf", "gzip"), ("-cJf", "xz"), ("-cjf", "bzip2"), ("-cf", "tar")]
)
def test_tar_of_a_folders_content_has_a_point_as_its_first_entry(tmp_path, options, program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    (tmp_path / "scans" / "a").mkdir(parents=True)
    (tmp_path / "scans" / "a" / "ct.nii").write_bytes(b"ct")
    subprocess.run(["tar", "-C", tmp_path / "scans", options, tmp_path / "x.tar", "."], check=True)
    with tarfile.open(tmp_path / "x.tar") as archive:
        assert archive.getnames() == [".", "./a", "./a/ct.nii"]
    assert read_all(tmp_path / "x.tar") == {"a/ct.nii": b"ct"}


LONG = "/".join(["folder" * 10] * 5) + "/ct.nii"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_long_names_and_names_with_accents_in_a_tar(tmp_path, form, mode):
    path = tar_of(tmp_path / "x.tar", LONG, "größe/Å.nii", mode=mode, format=form)
    assert list(read_all(path)) == [LONG, "größe/Å.nii"]


def test_names_in_latin_1_in_a_tar(tmp_path):
    path = tar_of(tmp_path / "x.tar", "größe.nii", format=tarfile.GNU_FORMAT, encoding="latin-1")
    assert list(read_all(path)) == ["größe.nii"]


def test_a_hard_link_in_a_tar_is_the_file_that_it_leads_to(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.nii").write_bytes(b"ct")
    (tmp_path / "scans" / "b.nii").hardlink_to(tmp_path / "scans" / "a.nii")
    subprocess.run(
        ["tar", "-C", tmp_path / "scans", "--sort=name", "-cf", tmp_path / "x.tar", "."], check=True
    )
    assert read_all(tmp_path / "x.tar") == {"a.nii": b"ct", "b.nii": b"ct"}


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_a_sparse_file_in_a_tar_has_its_noughts(tmp_path, form):
    sparse = tmp_path / "ct.nii"
    with open(sparse, "wb") as file:
        file.write(b"head")
        file.seek(1 << 20)
        file.write(b"tail")
    command = ["tar", "-C", tmp_path, "--sparse", f"--format={form}", "-cf", tmp_path / "x.tar", "ct.nii"]
    subprocess.run(command, check=True)
    assert (tmp_path / "x.tar").stat().st_size < 1 << 19
    assert read_all(tmp_path / "x.tar") == {"ct.nii": sparse.read_bytes()}


def test_a_damaged_header_in_a_tar_is_not_taken_for_its_end(tmp_path):
    path = tar_of(tmp_path / "x.tar", "a.nii", "b.nii", "c.nii")
    content = bytearray(path.read_bytes())
    content[1024 + 100] ^= 1  # in the header of b.nii
    path.write_bytes(content)
    with refused_in_one_line(r"x\.tar: truncated or not an archive \(a header is damaged: bad checksum\)"):
        Archive(path)


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_compared_with_its_checksum(tmp_path, mode):
    """Stored as it is, a changed byte in a scan unpacks without a word; and the end of the file may be cut."""
    path = tmp_path / "x.tar"
    with tarfile.open(path, f"w:{mode}", **({"compresslevel": 1} if mode != "xz" else {})) as archive:
        entry = tarfile.TarInfo("ct.nii")
        entry.size = 100_000
        archive.addfile(entry, io.BytesIO(os.urandom(100_000)))
    whole = path.read_bytes()
    for content in (whole[:-4], whole[:50_000] + bytes([whole[50_000] ^ 1]) + whole[50_001:]):
        path.write_bytes(content)
        with refused_in_one_line(r"x\.tar: truncated or not an archive"):
            Archive(path)
    path.write_bytes(whole)
    assert len(read_all(path)["ct.nii"]) == 100_000


def test_an_old_tar_without_a_magic_number_is_read(tmp_path):
    path = tar_of(tmp_path / "x.tar", "a.nii", format=tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[257:265] = bytes(8)
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)
    assert read_all(path) == {"a.nii": b"a.nii"}


@pytest.mark.parametrize("name", ["x.tar", "x.zip"])
def test_a_zip_in_a_tar_does_not_make_the_tar_a_zip(tmp_path, name):
    inner = zip_of(tmp_path / "inner.zip", "a.nii").read_bytes()
    with tarfile.open(tmp_path / name, "w") as archive:
        entry = tarfile.TarInfo("inner.zip")
        entry.size = len(inner)
        archive.addfile(entry, io.BytesIO(inner))
    assert zipfile.is_zipfile(tmp_path / name)
    assert read_all(tmp_path / name) == {"inner.zip": inner}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_is_read_by_every_method_of_python(tmp_path, method):
    path = zip_of(tmp_path / "x.zip", "a/ct.nii", "b/ct.nii", method=method)
    assert read_all(path) == {"a/ct.nii": b"a/ct.nii", "b/ct.nii": b"b/ct.nii"}


def test_backslashes_of_windows_separate_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("scans\\", b"")
        archive.writestr("scans\\a\\ct.nii", b"ct")
    assert read_all(tmp_path / "x.zip") == {"scans/a/ct.nii": b"ct"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_without_the_flag_of_utf_8(tmp_path, encoding):
    """Programs on macOS and Linux write UTF-8 without saying so; DOS has a code page of its own."""
    stored = "größe.nii".encode(encoding)
    path = zip_of(tmp_path / "x.zip", "x" * len(stored))
    path.write_bytes(path.read_bytes().replace(b"x" * len(stored), stored, 1))
    content = path.read_bytes()
    place = content.index(CENTRAL)
    path.write_bytes(content[:place] + content[place:].replace(b"x" * len(stored), stored, 1))
    assert list(read_all(path)) == ["größe.nii"]


def test_composed_and_decomposed_letters_are_the_same(tmp_path):
    path = zip_of(tmp_path / "x.zip", "gro\u0308\u00dfe.nii")
    assert list(read_all(path)) == ["größe.nii"]
    path = zip_of(tmp_path / "y.zip", "ö.nii", "o\u0308.nii")
    with refused_in_one_line(r"y\.zip: entry 'ö\.nii' is there 2 times; remove one of them"):
        Archive(path)


@pytest.mark.parametrize("before", [0, 5000])
@pytest.mark.parametrize("after", [0, 5000])
def test_a_zip_with_bytes_before_or_behind_is_read(tmp_path, before, after):
    path = zip_of(tmp_path / "x.zip", "a.nii")
    path.write_bytes(b"MZ"[:before] + bytes(max(before - 2, 0)) + path.read_bytes() + bytes(after))
    assert read_all(path) == {"a.nii": b"a.nii"}


def test_an_empty_archive_has_no_names(tmp_path):
    assert read_all(zip_of(tmp_path / "x.zip")) == {}
    assert read_all(tar_of(tmp_path / "x.tar")) == {}
    assert read_all(tar_of(tmp_path / "x.tar.gz", mode="w:gz")) == {}
    (tmp_path / "folder").mkdir()
    assert read_all(tmp_path / "folder") == {}


JUNK = ["a/._ct.nii", "a/.DS_Store", "Thumbs.db", "__MACOSX/a/._ct.nii", ".git/config", "a/.hidden/ct.nii"]


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_what_is_left_out_is_told(tmp_path, pack):
    with Archive(pack(tmp_path / "x", "a/ct.nii", *JUNK)) as archive:
        assert archive.names == ["a/ct.nii"]
        reasons = [archive.left_out[name] for name in JUNK]
    assert reasons == [
        "resource fork of macOS",
        "made by a file manager",
        "made by a file manager",
        "resource fork of macOS",
        "hidden",
        "hidden",
    ]


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (9, "Deflate64"),
        (93, "Zstandard"),
        (95, "xz"),
        (97, "WavPack"),
        (98, "PPMd"),
        (99, "AES"),
        (77, "method 77"),
    ],
)
def test_other_methods_are_named(tmp_path, method, name):
    path = patched(zip_of(tmp_path / "x.zip", "a/ct.nii"), CENTRAL, {10: method})
    with refused_in_one_line(
        rf"x\.zip: entry 'a/ct\.nii' is compressed by {name}, which is not read here; unpack the archive"
    ):
        Archive(path)


@pytest.mark.parametrize(("megabytes", "fits"), [(32, True), (16, False)])
def test_a_large_file_of_a_zip_is_a_bomb_from_a_hundred_to_one(tmp_path, megabytes, fits):
    """By the header, a file unpacks to 2048 MB, 64 or 128 times as much as it has."""
    sizes = (megabytes << 20).to_bytes(4, "little") + (1 << 31).to_bytes(4, "little")
    path = patched(zip_of(tmp_path / "x.zip", "a/ct.nii"), CENTRAL, dict(enumerate(sizes, start=20)))
    if fits:
        assert Archive(path).names == ["a/ct.nii"]
        return
    with refused_in_one_line(r"x\.zip: entry 'a/ct\.nii' of 16777216 bytes unpacks to 2147483648: no scan"):
        Archive(path)


def test_an_encrypted_zip_is_named(tmp_path):
    path = patched(zip_of(tmp_path / "x.zip", "a/ct.nii"), CENTRAL, {8: 1})
    with refused_in_one_line(r"x\.zip: entry 'a/ct\.nii' is encrypted; unpack it with its password"):
        Archive(path)


def test_a_zip_of_a_later_version_is_refused(tmp_path):
    path = patched(zip_of(tmp_path / "x.zip", "a/ct.nii"), CENTRAL, {6: 99})
    with refused_in_one_line(r"x\.zip: truncated or not an archive \(zip file version 9\.9\)"):
        Archive(path)


def test_the_last_part_of_a_zip_in_several_parts_is_named(tmp_path):
    path = patched(zip_of(tmp_path / "x.zip", "a/ct.nii"), END, {4: 2})
    with refused_in_one_line(r"x\.zip: the last part of a zip in several parts; join the parts"):
        Archive(path)


FOREIGN = {
    "a 7z archive; unpack it": b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive; unpack it": b"Rar!\x1a\x07\x01\0",
    "compressed with Zstandard; unpack it": b"\x28\xb5\x2f\xfd\x04\0",
    "the first part of a zip in several parts; join": b"PK\7\x08PK\3\4",
    "a zip that is cut off before its end": b"PK\3\4" + bytes(500),
    "a PDF file": b"%PDF-1.4\n",
    "a single DICOM file; give the folder": bytes(128) + b"DICM" + bytes(100),
    "a single NIfTI file; let the archive's name": bytes(344) + b"n+1\0" + bytes(300),
    "a web page, for example one that asks for a login; put": b"\xef\xbb\xbf\r\n <!DOCTYPE html><html>Log in</html>",
    "a message in XML; put": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "a message in JSON; put": b'{\n "error": "not allowed"}',
    "a pointer of Git LFS; put": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n",
    "an empty file; put": b"",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_kinds_of_files_are_named(tmp_path, kind):
    (tmp_path / "x.zip").write_bytes(FOREIGN[kind])
    with refused_in_one_line(rf"x\.zip: no (zip and no tar|archive), but {kind}"):
        Archive(tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["scan.nii.gz", "registry.csv"])
def test_a_page_is_no_scan_and_no_table(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>Log in</html>")
    with refused_in_one_line("no archive, but a web page"):
        Archive(tmp_path / name)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("content", [b"no tar", b"", bytes(300), os.urandom(2000)])
def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path, pack, content):
    (tmp_path / "x.tar.gz").write_bytes(pack(content))
    with refused_in_one_line(r"x\.tar\.gz: truncated or not an archive \("):
        Archive(tmp_path / "x.tar.gz")


def test_a_pipe_is_no_archive_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    with refused_in_one_line(r"x\.zip: no such file"):
        Archive(tmp_path / "x.zip")


def large_tar(path, size, name="ct.nii", kind=tarfile.REGTYPE):
    """A tar.gz of one entry of noughts."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):  # the rest is never read
            file.write(bytes(1 << 20))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.REGTYPE, r"entry 'ct\.nii' unpacks to 68719476736 bytes, the archive has \d+: no scan"),
        (tarfile.XHDTYPE, r"a header is damaged: extension of 68719476736 bytes"),
        (tarfile.GNUTYPE_LONGNAME, r"a header is damaged: extension of 68719476736 bytes"),
    ],
)
def test_a_bomb_in_a_tar_is_refused_and_takes_no_memory(tmp_path, kind, reason):
    large_tar(tmp_path / "x.tar.gz", 1 << 36, kind=kind)
    tracemalloc.start()
    try:
        with refused_in_one_line(reason):
            Archive(tmp_path / "x.tar.gz")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_an_empty_mask_that_packs_well_in_a_tar_is_no_bomb(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("mask.nii")
        entry.size = 3_000_000
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    assert (tmp_path / "x.tar.gz").stat().st_size < 5000
    assert read_all(tmp_path / "x.tar.gz") == {"mask.nii": bytes(3_000_000)}


FUZZED = {"x.zip": None, "x.tar": "w", "x.tar.gz": "w:gz", "x.tar.xz": "w:xz"}


def damaged(path, draw):
    """Pack three files, and change up to four bytes; the checksums of a tar's headers are made right again."""
    names = ["a/ct.nii", LONG, "größe/ct.nii"]
    if path.suffix == ".zip":
        zip_of(path, *names, method=zipfile.ZIP_DEFLATED)
    else:
        form = draw.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
        tar_of(path, *names, mode=FUZZED[path.name], format=form)
    content = bytearray(path.read_bytes())
    used = len(content.rstrip(b"\0"))
    for _ in range(draw.randint(1, 4)):
        content[draw.randrange(used)] = draw.randrange(256)
    for place in range(0, used, 512) if path.suffix == ".tar" else ():
        if content[place + 257 :].startswith(b"ustar"):
            content[place + 148 : place + 156] = b" " * 8
            content[place + 148 : place + 156] = b"%06o\0 " % sum(content[place : place + 512])
    path.write_bytes(content)


@pytest.mark.parametrize("name", FUZZED)
def test_no_damage_ends_in_a_traceback(tmp_path, name):
    """Everything is read, or one line names the archive."""
    for seed in range(60):
        damaged(tmp_path / name, random.Random(seed))
        refused = ""
        try:
            read_all(tmp_path / name)
        except InputError as error:
            refused = str(error)
        assert not refused or (str(tmp_path / name) in refused and "\n" not in refused), seed


def test_a_zip_notes_as_many_reasons_as_its_comment_can_hold(tmp_path):
    """In the order given; tried one by one from the end, so many would take minutes."""
    reasons = {f"case_{number:06}": "no label" for number in range(20_000)}
    write_zip(tmp_path / "x.zip", [], reasons)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        noted = json.loads(archive.comment)["left_out"]
        assert 0 <= (1 << 16) - 1 - len(archive.comment) < len('"case_000000": "no label", ')
    assert list(noted) == list(reasons)[: len(noted)]
    write_zip(tmp_path / "y.zip", [], {"a": "long " * (1 << 14)})
    with zipfile.ZipFile(tmp_path / "y.zip") as archive:
        assert archive.comment == b""


def test_what_a_packed_folder_left_out_is_remembered_as_far_as_the_comment_goes(tmp_path):
    write_zip(tmp_path / "x.zip", [("a", b"1")], {"p7": "broken link to /away"})
    with Archive(tmp_path / "x.zip") as archive:
        assert archive.left_out == {"p7": "broken link to /away"}
    many = {f"patient_{number}": "broken link" for number in range(5000)}
    write_zip(tmp_path / "y.zip", [("a", b"1")], many)
    with Archive(tmp_path / "y.zip") as archive:
        assert 1000 < len(archive.left_out) < 5000
        assert archive.left_out.items() <= many.items()


@pytest.mark.parametrize(
    "comment", [b"6eeefb3db66113e0", b"[1]", b'{"left_out": 3}', b"\xff\xfe", b"{}", b"7"]
)
def test_a_comment_of_another_program_says_nothing(tmp_path, comment):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = comment
    with Archive(tmp_path / "x.zip") as archive:
        assert (archive.names, archive.left_out) == (["a"], {})


def test_what_was_left_out_may_fill_the_whole_comment(tmp_path):
    """The comment of a zip has at most 65535 bytes."""
    around = len(json.dumps({"left_out": {"": "hidden"}}))
    for letters, kept in ((65535 - around, True), (65536 - around, False)):
        write_zip(tmp_path / "x.zip", [("a", b"1")], {"b" * letters: "hidden"})
        with Archive(tmp_path / "x.zip") as archive:
            assert archive.left_out == ({"b" * letters: "hidden"} if kept else {})


def test_a_packed_folder_has_the_date_of_no_clock(tmp_path):
    write_zip(tmp_path / "x.zip", [("a", b"1")])
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.getinfo("a").date_time == (2020, 4, 20, 0, 0, 0)


def test_an_extension_of_more_than_a_megabyte_is_no_name(tmp_path):
    large_tar(tmp_path / "x.tar.gz", (1 << 20) + 1, kind=tarfile.GNUTYPE_LONGNAME)
    with refused_in_one_line(r"a header is damaged: extension of 1048577 bytes"):
        Archive(tmp_path / "x.tar.gz")
