"""Window, z-score, spacing; and arrays from which a patch is read alone."""

import logging

import numpy as np
import pytest

from conftest import make_volume, write_case_table
from covidseg.cases.arrays import open_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.preprocessing import normalise_and_resample, preprocess
from covidseg.cases.target_spacing import target_spacing
from covidseg.errors import InputError
from covidseg.volumes import Geometry, write_volume

WINDOW = (-1250, 250)
SPACING = (3.0, 1.5, 1.0)


def scan(seed=0):
    return np.random.default_rng(seed).integers(-1400, 600, (6, 20, 24), dtype=np.int16)


def test_window_then_z_score_by_hand():
    hu = scan()
    windowed = (np.clip(hu, *WINDOW) + 1250.0) / 1500 * 255
    expected = (windowed - windowed.mean()) / windowed.std()
    found = normalise_and_resample(make_volume(hu), SPACING, window=WINDOW, name="a")
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(float), expected, atol=2e-3)


def test_a_scan_published_windowed_gives_the_same_as_its_original():
    hu = scan()
    published = (np.clip(hu, *WINDOW) + 1250.0) / 1500 * 255
    original = normalise_and_resample(make_volume(hu), SPACING, window=WINDOW, name="a")
    windowed = normalise_and_resample(
        make_volume(published.astype(np.float32)), SPACING, window=None, name="w"
    )
    np.testing.assert_allclose(original.astype(float), windowed.astype(float), atol=2e-3)


def test_a_scan_without_contrast_is_refused():
    with pytest.raises(InputError, match="x: all voxels are equal"):
        normalise_and_resample(
            make_volume(np.full((3, 4, 5), -2000, np.int16)), SPACING, window=WINDOW, name="x"
        )


@pytest.fixture
def cases(tmp_path):
    for name, seed in (("a", 0), ("w", 1)):
        label = np.zeros((6, 20, 24), np.uint8)
        label[2:4, 5:12, 6:14] = 1
        image = scan(seed) if name == "a" else np.clip(scan(seed), 0, 255)
        write_volume(tmp_path / "cases" / "images" / f"{name}.nii.gz", make_volume(image))
        write_volume(tmp_path / "cases" / "labels" / f"{name}.nii.gz", make_volume(label))
    return tmp_path / "cases"


def test_a_data_set_is_written_to_be_read_in_part(cases, tmp_path, caplog):
    dataset = {"intensity": {"w": "windowed", "*": "hounsfield"}, "regions": {1: "lesion"}}
    with caplog.at_level(logging.INFO):
        preprocess(
            dataset,
            cases=CaseFolder(cases),
            target_spacing=(1.5, 3.0, 2.0),
            window=WINDOW,
            output=tmp_path / "out",
            workers=2,
        )
    assert caplog.text.count("preprocessed") == 2
    case = open_case(tmp_path / "out" / "a")
    assert isinstance(case.image, np.memmap)
    assert isinstance(case.label, np.memmap)
    assert case.image.shape == case.label.shape == (12, 10, 12)
    assert case.image.dtype == np.float16
    assert Geometry.from_json(case.description.geometry).shape == (6, 20, 24)
    assert case.description.spacing_mm == [1.5, 3.0, 2.0]
    assert len(case.foreground) == np.count_nonzero(case.label)
    for value, *voxel in case.foreground[:: len(case.foreground) // 7]:
        assert case.label[tuple(voxel)] == value == 1


def test_a_failing_case_leaves_no_folder(cases, tmp_path):
    write_volume(cases / "images" / "b.nii.gz", make_volume(np.full((3, 4, 5), 9999, np.int16)))
    write_volume(cases / "labels" / "b.nii.gz", make_volume(np.zeros((3, 4, 5), np.uint8)))
    with pytest.raises(InputError, match=r"b\.nii\.gz: all voxels"):
        preprocess(
            {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}, cases=CaseFolder(cases), target_spacing=SPACING, window=WINDOW,
            output=tmp_path / "out", workers=2,
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


def sheet(tmp_path, rows):
    cells = [{"case": f"c{i}", "shape": shape, "spacing_mm": mm} for i, (shape, mm) in enumerate(rows)]
    return write_case_table(tmp_path / "cases.csv", cells)


def test_target_spacing_is_the_median(tmp_path):
    path = sheet(tmp_path, [("200x512x512", f"{z}x{y}x{y}") for z, y in ((1, 0.6), (1.5, 0.8), (2, 0.7))])
    assert target_spacing(path) == pytest.approx((1.5, 0.7, 0.7))


def test_a_coarse_and_short_axis_takes_the_tenth_percentile(tmp_path):
    """Ten scans of 1 to 10 mm: 5.5 is over 3 x 0.7 and 40 slices are under 512 / 3, so 1.9, not 5.5."""
    path = sheet(tmp_path, [("40x512x512", f"{z}x0.7x0.7") for z in range(1, 11)])
    assert target_spacing(path) == pytest.approx((1.9, 0.7, 0.7))


def test_a_coarse_axis_with_many_slices_keeps_the_median(tmp_path):
    path = sheet(tmp_path, [("400x512x512", f"{z}x0.7x0.7") for z in range(1, 11)])
    assert target_spacing(path) == pytest.approx((5.5, 0.7, 0.7))


def test_the_percentile_stays_above_the_other_spacings(tmp_path):
    path = sheet(tmp_path, [("40x512x512", f"{z}x0.7x0.7") for z in [0.5] * 2 + [5] * 8])
    assert target_spacing(path) == pytest.approx((0.70001, 0.7, 0.7))
