"""A real patient through the whole chain: LUNG1-001 of NSCLC-Radiomics, CT and contours in DICOM."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from conftest import describe
from covidseg.cases.arrays import open_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.orientation import MASKS_HEADER, scan_under_masks
from covidseg.cases.preprocessing import preprocess
from covidseg.cases.readers import load_case
from covidseg.evaluation.lesion_metrics import LESION_METRICS
from covidseg.evaluation.metrics import METRICS
from covidseg.evaluation.prediction import predict_cases
from covidseg.evaluation.scoring import score_cases
from covidseg.training.train import train
from covidseg.volumes import Geometry, read_volume
from training_program import make_run

pytestmark = pytest.mark.slow

ARCHIVE = "LUNG1-001_dicom.tar.xz"
CASE = "LUNG1-001"
SPACING = (6.0, 3.0, 3.0)


def dataset(roi, region="lesion"):
    return {
        "images": {"archive": ARCHIVE, "member": "{case}/image/*.dcm", "format": "dicom"},
        "labels": {
            "archive": ARCHIVE, "member": "{case}/mask_rtstruct/*.dcm", "format": "rtstruct", "roi": roi,
            "map": {0: 0, 1: 1},
        },
        "case_name": "{case}",
        "patient": ".*",
        "regions": {1: region},
        "intensity": {"*": "hounsfield"},
    }  # fmt: skip


@pytest.fixture(scope="module")
def cases(real_data, tmp_path_factory):
    output = tmp_path_factory.mktemp("real") / "cases"
    ingest(dataset("GTV-1"), raw=real_data, names=None, output=CaseFolder(output), workers=1)
    return output


def test_the_scan_is_what_its_data_sheet_says(cases):
    with open(cases / "cases.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["case"], row["shape"], row["hu_min"], row["hu_max"]) == (CASE, "134x512x512", "-1024", "3034")
    assert [float(s) for s in row["spacing_mm"].split("x")] == pytest.approx([3.0, 0.977, 0.977], abs=5e-4)
    label = read_volume(cases / "labels" / f"{CASE}.nii.gz")
    millilitres = label.array.sum() * np.prod(label.geometry.spacing) / 1000
    assert millilitres == pytest.approx(156, abs=1)
    assert int(row["voxels_lesion"]) == label.array.sum()


def test_left_is_left(real_data):
    """In patient space x grows to the left: the left lung's centre lies left of the right lung's."""
    centres = {}
    for side in ("Left", "Right"):
        _, lung, _ = load_case(dataset(f"Lung-{side}"), real_data, CASE)
        middle = np.argwhere(lung.array).mean(0)[::-1]
        centres[side] = (lung.geometry.affine @ [*middle, 1])[0]
    assert centres["Left"] > centres["Right"] + 100


def test_preprocess_train_predict_and_score(cases, tmp_path):
    preprocess(
        dataset("GTV-1"),
        cases=CaseFolder(cases),
        target_spacing=SPACING,
        window=(-1250, 250),
        output=tmp_path / "nsclc",
        workers=1,
    )
    folder = tmp_path / "nsclc" / CASE
    case = open_case(folder)
    assert case.image.shape == (67, 167, 167)
    voxels = np.count_nonzero(case.label) * np.prod(SPACING) / 1000
    assert voxels == pytest.approx(156, rel=0.02)
    run = make_run([folder], [], epochs=3, iterations=10, learning_rate=0.3, momentum=0.8)
    description = describe(run.architecture, SPACING)
    model = tmp_path / "model.safetensors"
    train(run, model=model, log_table=tmp_path / "log.csv", state=tmp_path / "state", description=description)
    predict_cases(
        model, [folder], output=tmp_path / "predictions", partial=tmp_path / "partial",
        inference={"step": 1.0, "mirror_axes": [], "tiles": 16}, device="cpu", precision="float32", threads=2,
    )  # fmt: skip
    prediction = read_volume(tmp_path / "predictions" / "nsclc" / f"{CASE}.nii.gz")
    image = read_volume(cases / "images" / f"{CASE}.nii.gz")
    assert prediction.geometry.differences(image.geometry) == []
    rows = score_cases(
        tmp_path / "predictions" / "nsclc", cases / "labels",
        regions={1: "lesion"}, classes={1: 1}, tolerance_mm={"lesion": 3},
        lesions={"minimum_ml": 0.1, "overlap": 0.1},
    )  # fmt: skip
    values = {row.metric: row.value for row in rows}
    assert set(values) == {*METRICS, *LESION_METRICS}
    assert values["volume_truth_mL"] == pytest.approx(156, abs=1)
    assert 0 <= values["DSC"] < 1
    assert values["Accuracy"] > 0.5


@pytest.fixture(scope="module")
def scan_and_lungs(real_data):
    """Every third slice, with the lungs as PleThora stores them."""
    image, left, _ = load_case(dataset("Lung-Left"), real_data, CASE)
    _, right, _ = load_case(dataset("Lung-Right"), real_data, CASE)
    lungs = replace(left, array=np.maximum(left.array, 2 * right.array), stored="LAS")
    affine = image.geometry.affine @ np.diag([1, 1, 3, 1])
    thinned = (replace(volume, array=volume.array[::3]) for volume in (image, lungs))
    return [replace(volume, geometry=Geometry(volume.array.shape, affine)) for volume in thinned]


def pressed(volume, thickness, fill):
    """The volume, pressed towards the back of the body (row 400) to a fraction of its thickness."""
    rows = np.rint(400 + (np.arange(volume.array.shape[1]) - 400) / thickness).astype(int)
    array = np.full_like(volume.array, fill)
    there = (rows >= 0) & (rows < len(rows))
    array[:, there] = volume.array[:, rows[there]]
    return replace(volume, array=array)


def shifted(volume, rows, fill):
    array = np.roll(volume.array, rows, 1)
    array[:, slice(rows) if rows > 0 else slice(rows, None)] = fill
    return replace(volume, array=array)


PRESSED = [(pressed, thickness, added) for thickness, added in ((1, 0), (0.75, 0), (0.8, 200), (0.6, 400))]
SHIFTED = [(shifted, rows, added) for rows, added in ((-120, 0), (60, 0), (40, 400))]


@pytest.mark.parametrize(("change", "by", "added"), [*PRESSED, *SHIFTED])
def test_a_slim_or_badly_aerated_patient_is_not_turned_front_to_back(scan_and_lungs, change, by, added):
    """Dark lungs alone would turn most of them: the mirrored lungs lie in the air in front of the chest."""
    image, lungs = (change(volume, by, fill) for volume, fill in zip(scan_and_lungs, (-1000, 0), strict=True))
    image = replace(image, array=np.where(lungs.array, image.array + np.int16(added), image.array))
    right = scan_under_masks(replace(image, stored="LPS"), lungs)
    assert (right.corrections, right.warnings) == ((), ())
    assert right.array is image.array
    wrong = scan_under_masks(replace(image, array=image.array[:, ::-1], stored="LPS"), lungs)
    assert (wrong.corrections, wrong.warnings) == ((MASKS_HEADER,), ())
    np.testing.assert_array_equal(wrong.array, image.array)


def test_a_series_has_no_order_that_a_mask_could_contradict(scan_and_lungs):
    image, lungs = scan_and_lungs
    assert image.stored == ""
    assert scan_under_masks(image, lungs) is image
