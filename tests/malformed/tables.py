"""Tables that people edit: registries, checksums, series, cases, scores; and the JSON of first downloads."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from covidseg.archives.checksums import verify_or_record
from covidseg.archives.dicom_hosts import Series, read_series_row
from covidseg.archives.origins import Origin, read_origin
from covidseg.cases.case_folder import CaseRow, read_case_rows
from covidseg.evaluation.score_table import COLUMNS, collect
from covidseg.volumes import nifti_bytes
from malformed.campaign import Input, refused, right
from malformed.cases import Ingested, entry, ingested, label, pack, scan

Content = str | bytes


def write(path: Path, content: Content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from registries()
    yield from checksums()
    yield from series()
    yield from cases()
    yield from scores()
    yield from first_downloads()


def every_table(
    table: str, read: Callable[[Content], Callable[[Path], Any]], name: str, check: Callable[[Any], None]
) -> Iterator[Input]:
    """Yield what can be odd in every table, whose first line has the columns."""
    head, row, *_ = table.splitlines()
    for odd, content in (
        ("as it is", table), ("a byte order mark", "\ufeff" + table), ("line ends of Windows", table.replace("\n", "\r\n")),
        ("empty lines at the end", table + "\n\n"), ("all cells in quotes", "\n".join('"' + line.replace(",", '","') + '"' for line in table.splitlines()) + "\n"),
    ):  # fmt: skip
        yield right(f"{name}: {odd}", read(content), check)
    for odd, content in (
        ("empty", ""), ("HTML", "<html><body>404</body></html>"), ("semicolons", table.replace(",", ";")), ("tabs", table.replace(",", "\t")),
        ("UTF-16", table.encode("utf-16")), ("not UTF-8", table.encode() + b"J\xfcrgen,,,,,,,\n"), ("a zero byte", table + "\0\n"), ("without its first line", row + "\n"),
        ("a cell of a megabyte", f"{head}\n{'x' * 1_000_000}{row}\n"), ("a row that is cut", f"{head}\n{row[: row.rindex(',')]}\n"), ("a quote that does not end", f'{head}\n"{row}\n'),
    ):  # fmt: skip
        yield refused(f"{name}: {odd}", read(content), name)


def registries() -> Iterator[Input]:
    registry: Any = {"archive": "own/registry.csv", "case": "study", "mask": "mask"}

    def read(content: Content) -> Callable[[Path], Ingested]:
        def run(folder: Path) -> Ingested:
            own = folder / "raw" / "own"
            pack(own / "images.zip", {"a.nii.gz": nifti_bytes(scan())})
            pack(own / "labels.zip", {"a.nii.gz": nifti_bytes(label())})
            write(own / "registry.csv", content)
            return ingested(folder, entry(registry=registry))

        return run

    def check(found: Ingested) -> None:
        assert list(found.rows) == ["a"]

    yield from every_table("study,age,mask\na,50,m.nii\nb,60,\n", read, "registry.csv", check)
    yield right("registry.csv: a case twice", read("study,mask\na,m.nii\na,m.nii\n"), check)
    yield refused(
        "registry.csv: another column", read("study_id,mask\na,m.nii\n"), "registry.csv", "study", "registry"
    )
    yield refused(
        "registry.csv: a case that is not there", read("study,mask\na,m\nc,m\n"), "registry.csv", "c", "cases"
    )


def checksums() -> Iterator[Input]:
    datasets: Any = {
        "own": {
            "archives": {"{case}.zip": {"address": "https://host/{case}.zip", "checksums": "own.csv"}},
            "homepage": "h",
        }
    }

    def read(content: Content) -> Callable[[Path], Origin]:
        return lambda folder: read_origin(datasets, "own", "a.zip", write(folder / "own.csv", content).parent)

    def check(found: Origin) -> None:
        assert found.checksums["sha256"] == "f" * 64, found
        assert found.addresses == ["https://host/a.zip"]

    yield from every_table(f"archive,sha256\na.zip,{'f' * 64}\nb.zip,{'0' * 64}\n", read, "own.csv", check)
    yield refused(
        "own.csv: no row of the archive", read(f"archive,sha256\nb.zip,{'f' * 64}\n"), "own.csv", "a.zip"
    )
    yield right("own.csv: sizes too", read(f"archive,sha256,bytes\na.zip,{'f' * 64},\n"), check)
    for size in ("many", "-3", "1.5"):
        table = f"archive,sha256,bytes\na.zip,{'f' * 64},{size}\n"
        yield refused(f"own.csv: a size of {size}", read(table), "own.csv", "a.zip", size)
    yield refused("own.csv: an unknown checksum", read("archive,sha512\na.zip,fff\n"), "own.csv", "sha512")
    yield refused(
        "own.csv: not there",
        lambda folder: read_origin(datasets, "own", "a.zip", folder),
        "own.csv",
        "cannot be read",
    )


def series() -> Iterator[Input]:
    def read(content: Content) -> Callable[[Path], Series]:
        return lambda folder: read_series_row(write(folder / "series.csv", content), "a")

    def check(found: Series) -> None:
        assert found == Series("a", "1.2.3", "bucket", "f", 12), found

    yield from every_table(
        "case,series,bucket,folder,slices\na,1.2.3,bucket,f,12\nb,1.2.4,bucket,g,13\n",
        read,
        "series.csv",
        check,
    )
    for slices in ("", "many", "-3", "12.5", "1e3"):
        yield refused(
            f"series.csv: {slices!r} slices",
            read(f"case,series,bucket,folder,slices\na,1.2.3,b,f,{slices}\n"),
            "series.csv",
            "a",
            "slices",
        )
    yield refused(
        "series.csv: no row of the case",
        read("case,series,bucket,folder,slices\nb,1.2.3,b,f,12\n"),
        "series.csv",
        "a",
    )
    yield refused(
        "series.csv: not there", lambda folder: read_series_row(folder / "series.csv", "a"), "series.csv"
    )


def case_table(**cells: str) -> str:
    columns = {
        "case": "a", "patient": "p", "shape": "4x6x8", "missing_slices": "0", "spacing_mm": "3x1.5x1", "hu_min": "-1000", "hu_max": "399", "voxels_infection": "1",
        "slices_infection": "1", "lesions_infection": "1", "corrections": "", "warnings": "", "sha256": "0f", "voxel_sha256": "1f",
    } | cells  # fmt: skip
    return f"{','.join(columns)}\n{','.join(columns.values())}\n"


def cases() -> Iterator[Input]:
    def read(content: Content) -> Callable[[Path], list[CaseRow]]:
        return lambda folder: read_case_rows(write(folder / "cases.csv", content))

    def check(found: list[CaseRow]) -> None:
        (row,) = found
        assert (row.case, row.shape, row.spacing_mm, row.voxels) == (
            "a",
            (4, 6, 8),
            (3.0, 1.5, 1.0),
            {"infection": 1},
        )

    yield from every_table(case_table(), read, "cases.csv", check)
    for column, value in (
        ("shape", "4x6"), ("shape", "4x6x8.5"), ("shape", ""), ("spacing_mm", "3x1,5x1"), ("spacing_mm", "3*1.5*1"), ("hu_min", "low"), ("hu_max", ""),
        ("voxels_infection", "1.5"), ("voxels_infection", ""), ("missing_slices", "none"),
    ):  # fmt: skip
        yield refused(
            f"cases.csv: {column} {value!r}",
            read(case_table(**{column: f'"{value}"'})),
            "cases.csv",
            "delete",
        )
    yield refused("cases.csv: not there", lambda folder: read_case_rows(folder / "cases.csv"), "cases.csv")


def scores() -> Iterator[Input]:
    head, row = ",".join(COLUMNS), ",".join("x" for _ in COLUMNS)

    def read(*contents: Content) -> Callable[[Path], str]:
        def run(folder: Path) -> str:
            paths = [write(folder / f"{place}.csv", content) for place, content in enumerate(contents)]
            collect(paths, folder / "scores.csv")
            return (folder / "scores.csv").read_text()

        return run

    def check(found: str) -> None:
        assert found == f"{head}\n{row}\n{row}\n"

    yield right("scores of two models", read(f"{head}\n{row}\n", f"{head}\n{row}\n"), check)
    yield right("scores of a model without cases", read(f"{head}\n{row}\n{row}\n", f"{head}\n"), check)
    for name, content in (
        ("empty", ""),
        ("other columns", f"case,DSC\n{row}\n"),
        ("not UTF-8", b"\xff\xfe"),
        ("HTML", "<html></html>"),
    ):
        yield refused(f"scores: {name}", read(f"{head}\n{row}\n", content), "1.csv")


def first_downloads() -> Iterator[Input]:
    found = {"sha256": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73", "bytes": 7}

    def read(lock: Content | None) -> Callable[[Path], Any]:
        def run(folder: Path) -> Any:
            archive, path = write(folder / "x.zip", b"content"), folder / "downloads.lock.json"
            if lock is not None:
                write(path, lock)
            verify_or_record(archive, path, Path("data/raw/own/x.zip"), "https://host/x.zip")
            return json.loads(path.read_text())

        return run

    def check(recorded: Any, others: tuple[str, ...] = ()) -> None:
        assert set(recorded) == {"own/x.zip", *others}
        assert {key: recorded["own/x.zip"][key] for key in found} == found

    row = found | {"origin": "https://host/x.zip", "date": "2020-04-20"}
    yield right("downloads.lock.json: not there", read(None), check)
    yield right("downloads.lock.json: as it is", read(json.dumps({"own/x.zip": row})), check)
    yield right(
        "downloads.lock.json: of another archive",
        read(json.dumps({"own/y.zip": row})),
        partial(check, others=("own/y.zip",)),
    )
    for name, content in (
        ("empty", ""), ("cut", json.dumps({"own/x.zip": row})[:-9]), ("a list", "[]"), ("a conflict of git", '<<<<<<< HEAD\n{"own/x.zip": 1}\n=======\n{}\n>>>>>>> b\n'),
        ("a row without checksum", json.dumps({"own/x.zip": {"bytes": 7}})), ("a row that is a number", json.dumps({"own/x.zip": 7})), ("UTF-16", "{}".encode("utf-16")),
    ):  # fmt: skip
        yield refused(f"downloads.lock.json: {name}", read(content), "downloads.lock.json")
    yield refused(
        "downloads.lock.json: another checksum",
        read(json.dumps({"own/x.zip": row | {"sha256": "0"}})),
        "x.zip",
        "sha256",
        "downloads.lock.json",
    )
