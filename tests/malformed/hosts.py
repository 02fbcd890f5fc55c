"""What web hosts answer in place of an archive, a Zenodo record, a list of a bucket or a slice."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pydicom

from covidseg.archives import dicom_hosts, http
from covidseg.archives.archive import Archive
from covidseg.archives.download import download
from covidseg.archives.origins import Origin
from covidseg.errors import InputError
from faulty_host import Host, status
from malformed.archives import holds, zipped
from malformed.campaign import Input, refused, right
from malformed.dicom import FILES

ZIP = zipped()
UID = pydicom.dcmread(io.BytesIO(FILES["1-001.dcm"])).SeriesInstanceUID
LIST, SERIES = "/bucket/?list-type=2&prefix=uuid/", f"/v1/getImage?SeriesInstanceUID={UID}"
Files = dict[str, bytes]


def fetched(
    files: Files, origin: Callable[[str], Origin], faults: tuple[int, ...] = ()
) -> Callable[[Path], Files]:
    """Return a function that serves files, fetches an archive and reads it.

    Args:
        files: path at the host -> content.
        origin: address of the host -> origin of the archive.
        faults: statuses of the first answers.
    """

    def run(folder: Path) -> Files:
        host, before = Host(), (dicom_hosts.IDC, dicom_hosts.TCIA, http.FIRST_PAUSE)
        host.files = files
        host.faults = {path: [status(code) for code in faults] for path in files}
        dicom_hosts.IDC, dicom_hosts.TCIA, http.FIRST_PAUSE = (
            f"{host.address}/{{bucket}}",
            f"{host.address}/v1",
            0.001,
        )
        target = folder / "data" / "raw" / "own" / "x.zip"
        (folder / "series.csv").write_text(
            f"case,series,bucket,folder,slices\np,{UID},bucket,uuid,{len(FILES)}\n"
        )
        try:
            download(
                origin(host.address),
                target,
                partial=folder / "partial",
                tables=folder,
                lock=folder / "lock.json",
            )
        except InputError:
            assert not target.exists(), "half-fetched"
            raise
        finally:
            host.close()
            dicom_hosts.IDC, dicom_hosts.TCIA, http.FIRST_PAUSE = before
        with Archive(target) as archive:
            return {name: archive.read(name) for name in archive.names}

    return run


def of_web(address: str, **checksums: object) -> Origin:
    return Origin([f"{address}/x.zip"], checksums)


def of_record(address: str) -> Origin:
    return Origin([f"{address}/x.zip"], {}, f"{address}/record")


def of_series(address: str, scheme: str) -> Origin:
    return Origin([f"{scheme}:series.csv#p"], {})


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from archives()
    yield from records()
    yield from buckets()


def archives() -> Iterator[Input]:
    yield right("a zip", fetched({"/x.zip": ZIP}, of_web), holds)
    yield right("busy at first", fetched({"/x.zip": ZIP}, of_web, (503, 429)), holds)
    for code in (401, 403, 404, 410, 451):
        yield refused(f"status {code}", fetched({"/x.zip": ZIP}, of_web, (code,) * 9), "/x.zip", str(code))
    for name, content in (
        ("a page of HTML", b"<!DOCTYPE html><html><title>Sign in</title></html>" * 9), ("an error in JSON", b'{"message": "Not found", "status": 404}'),
        ("an error in XML", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), ("nothing", b""), ("a cut zip", ZIP[:-40]), ("a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
    ):  # fmt: skip
        yield refused(f"in place of a zip: {name}", fetched({"/x.zip": content}, of_web), "/x.zip")
    other = partial(of_web, sha256="0" * 64)
    yield refused(
        "another checksum",
        fetched({"/x.zip": ZIP}, other),
        "/x.zip",
        "sha256",
        hashlib.sha256(ZIP).hexdigest(),
    )


def records() -> Iterator[Input]:
    entry = {"key": "x.zip", "size": len(ZIP), "checksum": f"md5:{hashlib.md5(ZIP).hexdigest()}"}
    texts = {
        "as it is": json.dumps({"files": [{"key": "y.zip"}, entry]}),
        "with further keys": json.dumps({"files": [entry | {"links": {}}], "id": 7}),
    }
    for name, text in texts.items():
        yield right(f"record: {name}", fetched({"/x.zip": ZIP, "/record": text.encode()}, of_record), holds)
    wrong = {
        "empty": "", "HTML": "<html></html>", "a list": "[]", "nothing": "null", "a number": "5", "cut": texts["as it is"][:-9], "without files": "{}", "files null": '{"files": null}',
        "files of another kind": '{"files": {"x.zip": 1}}', "without keys": '{"files": [{}]}', "of another file": '{"files": [{"key": "y.zip"}]}',
        "without checksum": json.dumps({"files": [{"key": "x.zip", "size": 1}]}), "checksum null": json.dumps({"files": [entry | {"checksum": None}]}),
        "another size": json.dumps({"files": [entry | {"size": 3}]}), "another checksum": json.dumps({"files": [entry | {"checksum": "md5:0"}]}), "a size of text": json.dumps({"files": [entry | {"size": "big"}]}),
    }  # fmt: skip
    for name, text in wrong.items():
        place = "/x.zip" if name in ("another size", "another checksum", "a size of text") else "/record"
        yield refused(f"record: {name}", fetched({"/x.zip": ZIP, "/record": text.encode()}, of_record), place)


def buckets() -> Iterator[Input]:
    def listing(change: Callable[[str], str] = str, files: Files = FILES) -> Files:
        entries = "".join(
            f"<Contents><Key>uuid/{name}</Key><Size>{len(content)}</Size><ETag>&quot;{hashlib.md5(content).hexdigest()}&quot;</ETag></Contents>"
            for name, content in files.items()
        )
        page = (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{entries}</ListBucketResult>'
        )
        return {LIST: change(page).encode()} | {
            f"/bucket/uuid/{name}": content for name, content in files.items()
        }

    idc, tcia = partial(of_series, scheme="idc"), partial(of_series, scheme="tcia")

    def is_series(found: Files) -> None:
        assert sorted(found.values()) == sorted(FILES.values())

    yield right("bucket: as it is", fetched(listing(), idc), is_series)
    yield right("TCIA: as it is", fetched({SERIES: zipped(FILES | {"LICENSE": b"terms"})}, tcia), is_series)
    for name, change in (
        ("cut", lambda page: page[:-30]), ("empty", lambda _: ""), ("HTML", lambda _: "<html><body>Error<br></body></html>"), ("an error", lambda _: "<Error><Code>SlowDown</Code></Error>"),
        ("a file less", lambda page: page.replace(page[page.index("<Contents>") : page.index("</Contents>") + 11], "", 1)), ("a size of text", lambda page: page.replace("<Size>", "<Size>x", 1)),
        ("a wrong size", lambda page: page.replace("<Size>", "<Size>1", 1)), ("a wrong MD5", lambda page: page.replace("&quot;", "&quot;0", 1)), ("without sizes", lambda page: page.replace("Size>", "Sise>")),
        ("a path upwards", lambda page: page.replace("uuid/1-001.dcm", "uuid/../../../up.dcm")), ("billion laughs", lambda page: f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{"".join(f"<!ENTITY {b} {chr(34)}{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(38)}{a};{chr(34)}>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))}]><x>&i;</x>'),
    ):  # fmt: skip
        yield refused(f"bucket: {name}", fetched(listing(change), idc), "/bucket")
    slice_ = pydicom.dcmread(io.BytesIO(FILES["1-003.dcm"]))
    del slice_.SeriesInstanceUID
    buffer = io.BytesIO()
    slice_.save_as(buffer)
    others = {
        "a text": b"no slice",
        "cut": FILES["1-003.dcm"][:300],
        "without SeriesInstanceUID": buffer.getvalue(),
        "another slice": FILES["1-004.dcm"],
        "of another series": FILES["1-003.dcm"].replace(UID.encode(), UID.encode()[:-1] + b"0"),
    }
    for name, content in others.items():
        yield refused(
            f"bucket: a slice that is {name}",
            fetched(listing(files=FILES | {"1-003.dcm": content}), idc),
            "/bucket",
            "p",
        )
    for name, content in (
        ("HTML", b"<html></html>" * 9),
        ("nothing", b""),
        ("an empty zip", zipped({})),
        ("a cut zip", zipped(FILES)[:-50]),
        ("a zip of a text", zipped({"a.dcm": b"x"})),
        ("a slice less", zipped(dict(list(FILES.items())[1:]))),
    ):
        yield refused(f"TCIA: {name}", fetched({SERIES: content}, tcia), "/v1/getImage")
