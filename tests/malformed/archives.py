"""Archives: every packing, and archives that are cut, lie, write elsewhere or unpack to an absurd size."""

import bz2
import gzip
import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from covidseg.archives.archive import Archive
from covidseg.archives.download import download
from covidseg.archives.origins import Origin
from covidseg.errors import InputError
from malformed.campaign import Input, refused, right

CONTENT = {"a/one.txt": b"one" * 500, "a/two.txt": bytes(range(256)) * 12}
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
Members = dict[str, bytes]


def zipped(members: Members | None = None, **how: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", **how) as archive:
        warnings.simplefilter("ignore")  # of doubled names
        for name, content in (CONTENT if members is None else members).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(
    members: Members | None = None, mode: str = "w", entries: tuple[tarfile.TarInfo, ...] = (), **how: Any
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, **how) as archive:
        for name, content in (CONTENT if members is None else members).items():
            one = tarfile.TarInfo(name)
            one.size = len(content)
            archive.addfile(one, io.BytesIO(content))
        for one in entries:
            archive.addfile(one)
    return buffer.getvalue()


def patched(content: bytes, *changes: tuple[bytes, int, bytes]) -> bytes:
    """Return a zip with bytes of its first local or central header replaced: (signature, offset, bytes)."""
    found = bytearray(content)
    for signature, offset, value in changes:
        place = content.index(signature) + offset
        found[place : place + len(value)] = value
    return bytes(found)


def read(content: bytes, name: str = "x.zip") -> Callable[[Path], Members]:
    """Return a function that writes an archive and reads all files in it."""

    def run(folder: Path) -> Members:
        (folder / name).write_bytes(content)
        return members_of(folder / name)

    return run


def members_of(path: Path) -> Members:
    with Archive(path) as archive:
        return {name: archive.read(name) for name in archive.names}


def holds(found: Members, expected: Members = CONTENT) -> None:
    assert found == expected, sorted(found)


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from packings()
    yield from names()
    yield from damaged()
    yield from lies()
    yield from bombs()
    yield from folders()
    yield from fetched()


def packings() -> Iterator[Input]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield right(f"zip, method {method}", read(zipped(compression=method)), holds)
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        yield right(f"tar, {mode}", read(tarred(mode=mode), "x.tar"), holds)
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield right(f"tar, format {form}", read(tarred(format=form), "x.tar"), holds)
    yield right("a zip named .tar.gz", read(zipped(), "x.tar.gz"), holds)
    yield right("a tar.gz named .zip", read(tarred(mode="w:gz")), holds)
    yield right(
        "a tar.gz in two parts",
        read(gzip.compress(tarred()[:700]) + gzip.compress(tarred()[700:]), "x.tar.gz"),
        holds,
    )
    yield right("a zip after a program that unpacks it", read(b"MZ" + bytes(5000) + zipped()), holds)
    commented = io.BytesIO(zipped())
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"downloaded on a Friday"
    yield right("a zip with a comment", read(commented.getvalue()), holds)
    wide = io.BytesIO()
    with zipfile.ZipFile(wide, "w") as archive:
        for name, content in CONTENT.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    yield right("a zip of 64 bits", read(wide.getvalue()), holds)
    yield right("zeros after a tar", read(tarred() + bytes(20_480), "x.tar"), holds)
    for name in ("a.nii.gz", "a.nii", "a.csv"):
        yield right(
            f"a single file {name}", read(b"content", name), partial(holds, expected={name: b"content"})
        )
    yield right("an empty zip", read(zipped({})), partial(holds, expected={}))
    yield right("an empty tar", read(tarred({}), "x.tar"), partial(holds, expected={}))
    yield right("an empty file in a zip", read(zipped({"a": b""})), partial(holds, expected={"a": b""}))


def names() -> Iterator[Input]:
    for pack, kind in ((zipped, "zip"), (tarred, "tar")):
        for name in (
            "../up.txt",
            "a/../../up.txt",
            "/etc/up.txt",
            "C:\\up.txt",
            "..\\up.txt",
            "\\\\host\\share\\up.txt",
        ):
            yield refused(
                f"{kind}: {name}",
                read(pack({"fine": b"1", name: b"2"}), f"x.{kind}"),
                f"x.{kind}: entry",
                "up.txt",
                "outside",
            )
        for name in (
            "x" * 240,
            "d/" * 60 + "x",
            "ü/ß.txt",
            "a b/c'd\".txt",
            "a..b/c..d",
            "~/x",
            "-rf",
            "con.txt",
        ):
            yield right(
                f"{kind}: {name[:12]} of {len(name)}",
                read(pack({name: b"1"}), f"x.{kind}"),
                partial(holds, expected={name: b"1"}),
            )
        forks = pack({"a/._one.txt": b"fork", "__MACOSX/a/._two.txt": b"fork", **CONTENT})
        yield right(f"{kind}: forks of macOS", read(forks, f"x.{kind}"), holds)
    dotted = tarred(
        {f"./{name}": content for name, content in CONTENT.items()},
        entries=(directory("."), directory("./a")),
    )
    yield right("tar of the folder itself", read(dotted, "x.tar"), holds)
    yield right(
        "zip of the folder itself",
        read(zipped({f"./{name}": content for name, content in CONTENT.items()})),
        holds,
    )
    yield right(
        "names with backslashes",
        read(zipped({"a\\one.txt": b"1"})),
        partial(holds, expected={"a/one.txt": b"1"}),
    )
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
        one = tarfile.TarInfo("a/link")
        one.type, one.linkname = kind, "/etc/passwd"
        yield refused(
            f"tar: an entry of type {kind!r}", read(tarred(entries=(one,)), "x.tar"), "x.tar", "'a/link'"
        )
    link = zipfile.ZipInfo("a/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield refused("zip: a link", read(buffer.getvalue()), "x.zip", "'a/link'")
    same = tarfile.TarInfo("a/one.txt")
    yield refused(
        "tar: a name twice", read(tarred(entries=(same,)), "x.tar"), "x.tar", "'a/one.txt'", "2 times"
    )
    twice = zipped({"a/one.txt": b"1", "a/oNe.txt": b"2"}).replace(b"oNe", b"one")
    yield refused("zip: a name twice", read(twice), "x.zip", "'a/one.txt'", "2 times")
    yield refused(
        "tar: a name with ./ and without",
        read(tarred({"a": b"1", "./a": b"2"}), "x.tar"),
        "x.tar",
        "'a'",
        "2 times",
    )
    capitals = {"A/one.txt": b"1", "a/one.txt": b"2"}
    yield right("names that differ in capitals", read(zipped(capitals)), partial(holds, expected=capitals))
    yield refused(
        "a line feed in a name, and links",
        read(tarred({"a\nb": b"1"}, entries=(symlink("c\nd"),)), "x.tar"),
        "x.tar",
    )


def directory(name: str) -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.type = tarfile.DIRTYPE
    return one


def symlink(name: str) -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.type, one.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return one


def damaged() -> Iterator[Input]:
    wholes = {
        "x.zip": zipped(),
        "x.tar": tarred(),
        "x.tar.gz": tarred(mode="w:gz"),
        "x.tar.bz2": tarred(mode="w:bz2"),
        "x.tar.xz": tarred(mode="w:xz"),
    }
    for name, whole in wholes.items():
        for share in (0.02, 0.3) if name == "x.tar" else (0.02, 0.3, 0.7, 0.97):  # a tar ends in many zeros
            yield refused(
                f"{name}, cut after {share:.0%}", read(whole[: int(share * len(whole))], name), name
            )
        if not name.endswith((".zip", ".tar")):
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 0xFF
            yield refused(f"{name}, one byte changed", read(bytes(flipped), name), name)
    yield refused(
        "tar cut between two files", read(tarred()[: 512 + 1536], "x.tar"), "x.tar", "end-of-archive"
    )
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = bytearray(zipped(compression=method))
        content[content.index(CENTRAL) - 40] ^= 0x55
        yield refused(f"zip, method {method}, one byte changed", read(bytes(content)), "x.zip", "a/two.txt")
    header = bytearray(tarred())
    header[148:154] = b"777777"
    yield refused("tar with a wrong checksum of its first header", read(bytes(header), "x.tar"), "x.tar")
    yield right("a tar of nothing but zeros", read(bytes(2048), "x.tar"), partial(holds, expected={}))
    others = {
        "HTML": b"<html><body>Sign in</body></html>" * 30, "empty": b"", "7z": b"7z\xbc\xaf\x27\x1c" + bytes(300),
        "RAR": b"Rar!\x1a\x07\x01\x00" + bytes(300), "gzip of a text": gzip.compress(b"no tar" * 200), "bzip2 of a text": bz2.compress(b"no tar" * 200),
        "a part of a zip": b"PK\x07\x08" + zipped()[:500], "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    }  # fmt: skip
    for name, content in others.items():
        yield refused(f"file: {name}", read(content), "x.zip")
    yield refused("no file", lambda folder: members_of(folder / "x.zip"), "x.zip")


def lies() -> Iterator[Input]:
    plain = zipped(compression=zipfile.ZIP_DEFLATED)
    for method, name in ((9, "Deflate64"), (6, ""), (93, "Zstandard"), (95, "xz"), (98, "PPMd"), (4711, "")):
        code = struct.pack("<H", method)
        other = patched(plain, (LOCAL, 8, code), (CENTRAL, 10, code))
        yield refused(f"zip, method {method}", read(other), "x.zip", "a/one.txt", name or str(method))
    secret = patched(plain, (LOCAL, 6, b"\1\0"), (CENTRAL, 8, b"\1\0"))
    yield refused("zip with a password", read(secret), "x.zip", "a/one.txt", "password")
    aes = patched(
        plain, (LOCAL, 6, b"\1\0"), (CENTRAL, 8, b"\1\0"), (LOCAL, 8, b"\x63\0"), (CENTRAL, 10, b"\x63\0")
    )
    yield refused("zip with a password (AES)", read(aes), "x.zip", "a/one.txt")
    for offset, what in ((16, "CRC"), (20, "packed size"), (24, "size"), (42, "place")):
        # A packed size that is too large is harmless or refused, as the release of Python has it.
        for value in (7,) if offset == 20 else (7, 0x7FFFFFF0, 0xFFFFFFFF):
            lying = read(patched(plain, (CENTRAL, offset, struct.pack("<I", value))))
            yield refused(f"zip, {what} {value}", lying, "x.zip")
    yield refused("zip, another local name", read(patched(plain, (LOCAL, 30, b"b"))), "x.zip", "a/one.txt")
    yield refused(
        "zip of a later version",
        read(patched(plain, (CENTRAL, 6, b"\xff\0"), (LOCAL, 4, b"\xff\0"))),
        "x.zip",
    )
    end = plain.index(b"PK\x05\x06")
    for offset, what in ((12, "size of the directory"), (16, "place of the directory")):
        content = plain[: end + offset] + b"\xfe\xff" + plain[end + offset + 2 :]
        yield refused(f"zip, {what} wrong", read(content), "x.zip")
    tar = bytearray(tarred())
    for value in (b"-0000000144\0", b"zzzzzzzzzzz\0", b"\xff" * 12, b"77777777777\0"):
        tar[124:136] = value
        tar[148:156] = b" " * 8
        tar[148:156] = f"{sum(tar[:512]):06o}\0 ".encode()
        yield refused(f"tar, size {value[:11]!r}", read(bytes(tar), "x.tar"), "x.tar")


def bombs() -> Iterator[Input]:
    block = gzip.compress(bytes(1 << 26), 1)
    one = tarfile.TarInfo("ct.nii")
    one.size = 4 << 30
    header = one.tobuf()
    yield refused(
        "tar.gz of 4 GiB of zeros in 18 MB",
        read(gzip.compress(header) + block * 64, "x.tar.gz"),
        "x.tar.gz",
        "'ct.nii'",
        str(4 << 30),
    )
    sparse = tarfile.TarInfo("ct.nii")
    sparse.size, sparse.pax_headers = (
        0,
        {
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
            "GNU.sparse.size": str(1 << 40),
            "GNU.sparse.map": "0,0",
            "GNU.sparse.name": "ct.nii",
        },
    )
    yield refused(
        "tar with a sparse file of a terabyte", read(tarred(entries=(sparse,)), "x.tar"), "x.tar", "'ct.nii'"
    )
    large = patched(
        zipped({"ct.nii": b"0" * 100}),
        *((mark, offset, struct.pack("<I", 0xFFFFFFF0)) for mark, offset in ((CENTRAL, 24), (LOCAL, 22))),
    )
    yield refused("zip of 100 bytes that unpacks to 4 GiB", read(large), "x.zip", "'ct.nii'", str(0xFFFFFFF0))
    empty = {"mask.nii": bytes(30_000_000)}
    yield right(
        "an empty mask that packs well",
        read(zipped(empty, compression=zipfile.ZIP_DEFLATED)),
        partial(holds, expected=empty),
    )


def folders() -> Iterator[Input]:
    def folder_of(change: Callable[[Path], Any]) -> Callable[[Path], Members]:
        def run(folder: Path) -> Members:
            for name, content in CONTENT.items():
                (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / "data" / name).write_bytes(content)
            change(folder / "data")
            return members_of(folder / "data")

        return run

    def linked(data: Path) -> None:
        (data / "a").rename(data.parent / "elsewhere")
        (data / "a").symlink_to(data.parent / "elsewhere")

    def linked_file(data: Path) -> None:
        (data / "a" / "one.txt").rename(data.parent / "one.txt")
        (data / "a" / "one.txt").symlink_to(data.parent / "one.txt")

    yield right("a folder", folder_of(lambda _: None), holds)
    yield right("a folder with a link to a folder", folder_of(linked), holds)
    yield right("a folder with a link to a file", folder_of(linked_file), holds)
    yield right("an empty folder in a folder", folder_of(lambda data: (data / "b").mkdir()), holds)

    def told(found: dict[str, str]) -> None:
        assert found == {"gone.txt": "broken link to nowhere"}

    yield right("a link to nothing", broken_link, told)
    looped = folder_of(lambda data: (data / "a" / "loop").symlink_to(data))
    yield right("a link to the folder above", looped, holds)
    yield right("a pipe in a folder", folder_of(lambda data: os.mkfifo(data / "a" / "pipe")), holds)


def broken_link(folder: Path) -> dict[str, str]:
    (folder / "gone.txt").symlink_to("nowhere")
    with Archive(folder) as archive:
        return archive.left_out


def fetched() -> Iterator[Input]:
    """Archives behind a file: address, which are fetched before they are read."""

    def run(
        folder: Path, make: Callable[[Path], Any], checksums: dict[str, object], address: str = ""
    ) -> Members:
        make(folder / "own")
        origin = Origin([address or (folder / "own").as_uri()], checksums)
        target = folder / "data" / "raw" / "own" / "x.zip"
        try:
            download(
                origin, target, partial=folder / "data" / "partial", tables=folder, lock=folder / "lock.json"
            )
        except InputError:
            assert not target.exists(), "half-fetched"
            raise
        return members_of(target)

    def folder_with(path: Path, members: Members = CONTENT) -> None:
        for name, content in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)

    yield right("fetched: a folder", partial(run, make=folder_with, checksums={}), holds)
    yield right(
        "fetched: a zip", partial(run, make=lambda path: path.write_bytes(zipped()), checksums={}), holds
    )
    yield refused(
        "fetched: nothing there", partial(run, make=lambda _: None, checksums={}), "own", "not there"
    )
    empty = partial(run, make=Path.mkdir, checksums={})
    yield right("fetched: an empty folder", empty, partial(holds, expected={}))
    for name, checksums in (
        ("sha256", {"sha256": "0" * 64}),
        ("md5", {"md5": "0" * 32}),
        ("bytes", {"bytes": 3}),
        ("git_blob", {"git_blob": "0" * 40}),
    ):
        other = partial(run, make=lambda path: path.write_bytes(zipped()), checksums=checksums)
        yield refused(f"fetched: another {name}", other, "x.zip", name)
