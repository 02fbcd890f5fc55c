"""The folder of an ingested data set, and the rows of its table."""

import csv
from dataclasses import replace
from pathlib import Path

from covidseg.cases.case_folder import CaseFolder, CaseRow, cases_in, read_case_rows
from covidseg.files import write_csv

ROW = CaseRow(
    case="a",
    patient="p",
    shape=(30, 512, 500),
    spacing_mm=(5.0, 0.70123, 0.7),
    missing_slices=2,
    hu_min=-1024,
    hu_max=3071,
    voxels={"infection": 12, "left_lung": 0},
    slices={"infection": 3},
    lesions={"infection": 2},
    corrections=("scan turned", "labels exchanged"),
    warnings=("label 0.3 mm away",),
    sha256="0f",
    voxel_sha256="1f",
)


def test_files_lie_by_kind_and_case():
    folder = CaseFolder.of("msd")
    assert folder.image("a") == Path("results/cases/msd/images/a.nii.gz")
    assert folder.label("a") == Path("results/cases/msd/labels/a.nii.gz")
    assert folder.table == Path("results/cases/msd/cases.csv")


def test_the_cases_of_a_folder_are_sorted(tmp_path):
    for name in ("b.nii.gz", "a.1.nii.gz", "notes.txt", ".1a2b3c4d.c.nii.gz"):
        (tmp_path / name).touch()
    assert cases_in(tmp_path) == ["a.1", "b"]


def test_a_row_s_cells():
    assert ROW.to_csv() == {
        "case": "a",
        "patient": "p",
        "shape": "30x512x500",
        "spacing_mm": "5x0.70123x0.7",
        "missing_slices": 2,
        "hu_min": -1024,
        "hu_max": 3071,
        "voxels_infection": 12,
        "voxels_left_lung": 0,
        "slices_infection": 3,
        "lesions_infection": 2,
        "corrections": "scan turned; labels exchanged",
        "warnings": "label 0.3 mm away",
        "sha256": "0f",
        "voxel_sha256": "1f",
    }


def test_a_sentence_with_a_semicolon_stays_one_sentence():
    row = replace(ROW, warnings=("two planes; those nearest were united", "label 0.3 mm away"))
    cells = {column: str(cell) for column, cell in row.to_csv().items()}
    assert CaseRow.from_csv(cells).warnings == (
        "two planes, those nearest were united",
        "label 0.3 mm away",
    )


def test_rows_are_read_as_they_were_written(tmp_path):
    plain = CaseRow(
        case="b",
        patient="q",
        shape=(1, 2, 3),
        spacing_mm=(1.0, 2.0, 3.0),
        missing_slices=0,
        hu_min=0.0,
        hu_max=0.5,
        voxels={"infection": 0, "left_lung": 7},
        slices={"infection": 0},
        lesions={"infection": 0},
        corrections=(),
        warnings=(),
        sha256="1e",
        voxel_sha256="2e",
    )
    write_csv(tmp_path / "cases.csv", [ROW.to_csv(), plain.to_csv()])
    assert read_case_rows(tmp_path / "cases.csv") == [ROW, plain]
    with open(tmp_path / "cases.csv", newline="") as file:
        assert [row["hu_min"] for row in csv.DictReader(file)] == ["-1024", "0.0"]
