"""A CT series from hosts of single DICOM files, served by a local server in their own forms."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pydicom
import pytest

from conftest import ROOT, make_volume, refused_in_one_line
from covidseg.archives import dicom_hosts, http
from covidseg.archives.dicom_hosts import read_series_row
from covidseg.archives.download import download
from covidseg.archives.origins import Origin
from covidseg.archives.phantom.dicom import series_files
from covidseg.cases.readers import list_cases, load_case
from covidseg.errors import InputError
from faulty_host import status

DATASET = {
    "images": {"archive": "nsclc/{case}.zip", "member": "*.dcm", "format": "dicom"},
    "labels": {"archive": "nsclc/{case}.zip", "member": "*.dcm", "format": "dicom"},
    "case_name": "{case}",
}


@pytest.fixture
def host(host, monkeypatch):
    monkeypatch.setattr(dicom_hosts, "IDC", f"{host.address}/{{bucket}}")
    monkeypatch.setattr(dicom_hosts, "TCIA", f"{host.address}/v1")
    return host


@pytest.fixture
def scan():
    values = np.random.default_rng(0).integers(-1024, 1500, (7, 6, 5), dtype=np.int16)
    return make_volume(values, spacing=(5.0, 2.0, 2.0))


def publish(host, files, case="P1", listed=None):
    """Serve a series as both hosts do; returns the row of the table of series."""
    uid = pydicom.dcmread(io.BytesIO(next(iter(files.values()))), stop_before_pixels=True).SeriesInstanceUID
    entries = ""
    for number, content in enumerate(files.values()):
        key = f"uuid/{number}.dcm"
        host.files[f"/bucket/{key}"] = content
        entries += (
            f"<Contents><Key>{key}</Key><Size>{len(content)}</Size>"
            f"<ETag>&quot;{hashlib.md5(content).hexdigest()}&quot;</ETag></Contents>"
        )
    page = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{entries}</ListBucketResult>'
    host.files["/bucket/?list-type=2&prefix=uuid/"] = page.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("LICENSE", "terms")
    host.files[f"/v1/getImage?SeriesInstanceUID={uid}"] = buffer.getvalue()
    return f"case,series,bucket,folder,slices,megabytes\n{case},{uid},bucket,uuid,{listed or len(files)},1\n"


def fetch(folder, table, *schemes, case="P1"):
    (folder / "series.csv").write_text(table)
    path = folder / "raw" / "nsclc" / f"{case}.zip"
    origin = Origin([f"{scheme}:series.csv#{case}" for scheme in schemes], {})
    download(origin, path, partial=folder / "partial", tables=folder, lock=folder / "lock.json")
    return path


@pytest.mark.parametrize("schemes", [("idc",), ("tcia",)])
def test_a_series_comes_as_one_archive_that_ingest_reads(host, scan, tmp_path, schemes):
    path = fetch(tmp_path, publish(host, dict(series_files(scan, patient="P1"))), *schemes)
    assert list_cases(DATASET, tmp_path / "raw", ["P1"], left_out={}).cases == ["P1"]
    volume, _, _ = load_case(DATASET, tmp_path / "raw", "P1")
    np.testing.assert_array_equal(volume.array, scan.array)
    assert list((tmp_path / "partial" / "nsclc").iterdir()) == []
    assert path.stat().st_size > 0


def test_both_hosts_give_the_same_bytes(host, scan, tmp_path):
    table = publish(host, dict(series_files(scan, patient="P1")))
    first = fetch(tmp_path, table, "idc").read_bytes()
    assert fetch(tmp_path, table, "tcia").read_bytes() == first


def test_the_other_host_serves_where_one_is_down(host, scan, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "TRIES", 2)
    table = publish(host, dict(series_files(scan, patient="P1")))
    host.faults["/bucket/?list-type=2&prefix=uuid/"] = [status(503)] * 2
    assert fetch(tmp_path, table, "idc", "tcia").exists()


def test_files_that_came_are_not_fetched_again(host, scan, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "TRIES", 1)
    table = publish(host, dict(series_files(scan, patient="P1")))
    host.faults["/bucket/uuid/4.dcm"] = [status(500)]
    with pytest.raises(InputError, match=r"uuid/4\.dcm: HTTP status 500"):
        fetch(tmp_path, table, "idc")
    host.asked.clear()
    fetch(tmp_path, table, "idc")
    assert [path for path, _ in host.asked if path.endswith(".dcm")] == [
        f"/bucket/uuid/{i}.dcm" for i in (4, 5, 6)
    ]


def test_a_damaged_file_is_refused_by_its_md5(host, scan, tmp_path):
    table = publish(host, dict(series_files(scan, patient="P1")))
    host.files["/bucket/uuid/2.dcm"] = host.files["/bucket/uuid/2.dcm"][:-1] + b"x"
    with pytest.raises(InputError, match=r"2\.dcm: md5 of .* expected"):
        fetch(tmp_path, table, "idc")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    ("scheme", "match"),
    [("idc", "lists 7 files of P1, expected 8"), ("tcia", "7 slices of P1 came, expected 8")],
)
def test_a_series_that_is_not_whole_is_refused(host, scan, tmp_path, scheme, match):
    with pytest.raises(InputError, match=match):
        fetch(tmp_path, publish(host, dict(series_files(scan, patient="P1")), listed=8), scheme)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("scheme", ["idc", "tcia"])
def test_another_series_is_refused(host, scan, tmp_path, scheme):
    files = dict(series_files(scan, patient="P1")) | dict(list(series_files(scan, patient="P2"))[:1])
    table = publish(host, dict(reversed(files.items())))
    with pytest.raises(InputError, match=r"is of series .*, expected"):
        fetch(tmp_path, table, scheme)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><title>Down for maintenance<", "the host has sent a web page"),
        (b"", "the host has sent an empty file"),
        (b"PK\3\4 and no more", "no zip and no tar, but a zip that is cut off"),
    ],
)
def test_what_comes_in_place_of_a_series_is_named_by_its_address(host, scan, tmp_path, content, reason):
    table = publish(host, dict(series_files(scan, patient="P1")))
    (address,) = (path for path in host.files if "getImage" in path)
    host.files[address] = content
    with refused_in_one_line(rf"/getImage\?SeriesInstanceUID=[\d.]+: {reason}") as raised:
        fetch(tmp_path, table, "tcia")
    assert "partial" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [b"<html><p>Down for maintenance", b"<x xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Contents/></x>"],
)
def test_what_comes_in_place_of_a_list_is_named_by_its_address(host, scan, tmp_path, content):
    table = publish(host, dict(series_files(scan, patient="P1")))
    host.files["/bucket/?list-type=2&prefix=uuid/"] = content
    with refused_in_one_line(r"/bucket/\?list-type=2&prefix=uuid/: the host has sent no list of files"):
        fetch(tmp_path, table, "idc")


def test_a_case_without_row_is_named(tmp_path):
    (tmp_path / "series.csv").write_text("case,series,bucket,folder,slices,megabytes\n")
    with pytest.raises(InputError, match=r"series\.csv: no series of case P9; add its row"):
        read_series_row(tmp_path / "series.csv", "P9")


def test_every_patient_of_the_splits_has_a_row(config):
    cases = {
        case
        for name in ("nsclc", "nsclc-lung")
        for fold in config.splits[config.datasets[name]["split"]]
        for part in ("train", "val")
        for case in fold[part]
    }
    assert len(cases) == 402
    rows = [read_series_row(ROOT / "config" / "nsclc_series.csv", case) for case in sorted(cases)]
    assert all(row.series and row.folder and row.slices >= 75 for row in rows)


@pytest.mark.slow
def test_the_real_series_is_the_one_of_the_table(real_data, host, tmp_path):
    """LUNG1-001 through both hosts' forms, to the same bytes and to a volume."""
    row = read_series_row(ROOT / "config" / "nsclc_series.csv", "LUNG1-001")
    with tarfile.open(real_data / "LUNG1-001_dicom.tar.xz") as archive:
        files = {
            entry.name.rpartition("/")[2]: archive.extractfile(entry).read()
            for entry in archive
            if "/image/" in entry.name and entry.name.endswith(".dcm")
        }
    table = publish(host, files, case="LUNG1-001")
    assert read_series_row_of(table) == (row.series, row.slices)
    path = fetch(tmp_path, table, "idc", case="LUNG1-001")
    first = path.read_bytes()
    volume, _, _ = load_case(DATASET, tmp_path / "raw", "LUNG1-001")
    assert volume.array.shape == (134, 512, 512)
    assert volume.geometry.spacing == pytest.approx((3.0, 0.977, 0.977), abs=1e-3)
    assert (volume.array.min(), volume.array.max()) == (-1024, 3034)
    assert fetch(tmp_path, table, "tcia", case="LUNG1-001").read_bytes() == first


def read_series_row_of(table):
    cells = table.splitlines()[1].split(",")
    return cells[1], int(cells[4])
