"""Crop, spacing, z-score; and arrays from which a patch is read alone."""

import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import resize

from conftest import ROOT, make_volume, write_case_table
from covidseg.cases.arrays import ArrayDescription, open_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.cropping import nonzero_box
from covidseg.cases.preprocessing import preprocess, resample_and_normalise
from covidseg.cases.target_spacing import target_spacing
from covidseg.errors import InputError
from covidseg.volumes import Geometry, read_volume, write_volume

WINDOW = (-1250, 250)
SPACING = (3.0, 1.5, 1.0)


def scan(seed=0):
    return np.random.default_rng(seed).integers(-1400, 600, (6, 20, 24), dtype=np.int16)


def to_grey(hu):
    """The window mapped to 0..255, in NumPy."""
    return (np.clip(hu.astype(np.float64), *WINDOW) + 1250) / 1500 * 255


def nnunet(grey, spacing, target):
    """Steps of nnU-Net v1 after the crop: resize with scikit-image, a coarse z apart, then the z-score."""
    shape = [round(n * s / t) for n, s, t in zip(grey.shape, spacing, target, strict=True)]
    how = {"order": 3, "mode": "edge", "anti_aliasing": False}
    if max(spacing) / min(spacing) > 3:
        planes = np.stack([resize(plane, shape[1:], **how) for plane in grey])
        depth = len(grey)
        resized = planes[np.floor((np.arange(shape[0]) + 0.5) * depth / shape[0]).astype(int)]
    else:
        resized = resize(grey, shape, **how)
    return (resized - resized.mean()) / (resized.std() + 1e-8)


@pytest.mark.parametrize(
    ("spacing", "target"),
    [(SPACING, SPACING), ((2.0, 1.5, 1.0), (1.3, 1.1, 1.7)), ((5.0, 1.5, 1.0), (2.0, 1.1, 1.3))],
)
def test_crop_resample_and_z_score_as_nnunet_does(spacing, target):
    """A scan with a border of -3024 and of -1250 HU, which are both 0 after the window."""
    inner = (slice(1, 6), slice(3, 19), slice(0, 23))
    hu = np.full((8, 20, 24), -3024, np.int16)
    hu[:, 2:], hu[inner] = -1250, np.maximum(scan()[:5, :16, :23], -1300)
    hu[2:5, 8:12, 9:13] = -2000  # a hole in the middle changes nothing
    box = nonzero_box(hu, WINDOW, name="a")
    assert box == inner
    found = resample_and_normalise(hu[box], spacing, target, window=WINDOW, name="a")
    expected = nnunet(to_grey(hu[inner]), spacing, target)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(float), expected, atol=2e-3)


def test_the_z_score_is_that_of_the_resampled_scan():
    """Its mean is 0 and its deviation 1 after the resampling, which smooths the scan."""
    found = resample_and_normalise(scan(), (3.0, 1.5, 1.0), (4.0, 4.0, 4.0), window=WINDOW, name="a")
    assert found.astype(float).mean() == pytest.approx(0, abs=1e-3)
    assert found.astype(float).std() == pytest.approx(1, abs=1e-3)


def test_a_scan_published_windowed_gives_the_same_as_its_original():
    hu = scan()
    hu[:, :3], hu[:, :, 21:] = -1400, -1250
    published = to_grey(hu).astype(np.float32)
    arrays = []
    for image, window in ((hu, WINDOW), (published, None)):
        box = nonzero_box(image, window, name="a")
        assert box == (slice(0, 6), slice(3, 20), slice(0, 21))
        arrays.append(resample_and_normalise(image[box], SPACING, SPACING, window=window, name="a"))
    np.testing.assert_allclose(*(array.astype(float) for array in arrays), atol=2e-3)


def test_the_box_of_one_voxel():
    hu = np.full((4, 5, 6), -1250, np.int16)
    hu[3, 0, 2] = -1249
    assert nonzero_box(hu, WINDOW, name="a") == (slice(3, 4), slice(0, 1), slice(2, 3))


@pytest.mark.parametrize(
    ("value", "window", "message"),
    [
        (-2000, WINDOW, "at or below -1250, the lower end of the window"),
        (0, None, "0"),
        (7, (7.0, 7.0), "at or below 7, "),
    ],
)
def test_a_scan_that_is_zero_everywhere_is_refused(value, window, message):
    with pytest.raises(InputError, match=f"^x: all voxels are {message}.*check the scan.*datasets.yaml$"):
        nonzero_box(np.full((3, 4, 5), value, np.int16), window, name="x")


def test_a_scan_without_contrast_is_refused():
    with pytest.raises(InputError, match="x: all voxels are equal"):
        resample_and_normalise(
            np.full((3, 4, 5), 2000, np.int16), SPACING, (1.9, 1.1, 1.3), window=WINDOW, name="x"
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
    assert case.description.crop == [[0, 6], [0, 20], [0, 24]]
    assert case.description.spacing_mm == [1.5, 3.0, 2.0]
    assert len(case.foreground) == np.count_nonzero(case.label)
    for value, *voxel in case.foreground[:: len(case.foreground) // 7]:
        assert case.label[tuple(voxel)] == value == 1


# A thread takes the number of torch's threads over at its first operation in torch, and computes a first product
# with as many as OMP_NUM_THREADS says. Two threads add in another order: last digits would depend on the machine.
THREADS = """
import ctypes
from pathlib import Path
import torch
from covidseg.cases import preprocessing
from covidseg.cases.case_folder import CaseFolder

def spy(*arguments, **options):
    print(openmp.omp_get_max_threads())
    return compute(*arguments, **options)

openmp = ctypes.CDLL(Path(torch.__file__).with_name("lib") / "libtorch_cpu.so")
compute, preprocessing.resample_and_normalise = preprocessing.resample_and_normalise, spy
dataset = {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}
preprocessing.preprocess(
    dataset, cases=CaseFolder(Path("cases")), target_spacing=(1.5, 3.0, 2.0), window=(-1250, 250),
    output=Path("out"), workers=1,
)
"""


def test_every_worker_computes_with_one_thread(cases):
    done = subprocess.run(
        [sys.executable, "-c", THREADS],
        cwd=cases.parent,
        env=os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "1"]


def test_image_and_label_are_cropped_alike(cases, tmp_path):
    image, label = (read_volume(cases / kind / "a.nii.gz") for kind in ("images", "labels"))
    image.array[:, :3], image.array[5], image.array[:, :, 21:] = -3024, -2000, -1250
    write_volume(cases / "images" / "a.nii.gz", image)
    dataset = {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}
    preprocess(
        dataset,
        cases=CaseFolder(cases),
        target_spacing=SPACING,
        window=WINDOW,
        output=tmp_path / "out",
        workers=1,
    )
    case = open_case(tmp_path / "out" / "a")
    assert case.description.crop == [[0, 5], [3, 20], [0, 21]]
    np.testing.assert_array_equal(case.label, label.array[case.description.box])
    assert case.image.shape == case.label.shape


def test_a_case_of_an_earlier_version_is_refused_in_one_line(cases, tmp_path):
    (tmp_path / "old" / "a").mkdir(parents=True)
    content = {"geometry": make_volume(scan()).geometry.to_json(), "spacing_mm": [3, 1.5, 1], "sha256": []}
    (tmp_path / "old" / "a" / "case.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"old/a/case\.json: .*another version .*'crop'.*; delete .*old and run again"
    ) as error:
        ArrayDescription.read(tmp_path / "old" / "a")
    assert "\n" not in str(error.value)


def test_labels_are_resampled_linearly(cases, tmp_path):
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((6, 20, 24)), 1)
    label = (noise > 0).astype(np.uint8)
    write_volume(cases / "labels" / "a.nii.gz", make_volume(label))
    preprocess(
        {"intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}, cases=CaseFolder(cases),
        target_spacing=(2.0, 1.1, 1.3), window=WINDOW, output=tmp_path / "out", workers=1,
    )  # fmt: skip
    found = open_case(tmp_path / "out" / "a").label
    share = resize(label.astype(float), (9, 27, 18), order=1, mode="edge", anti_aliasing=False)
    clear = np.abs(share - 0.5) > 1e-6  # float32 may decide a tie otherwise
    np.testing.assert_array_equal(found[clear], (share > 0.5)[clear])


@pytest.mark.parametrize("value", [-2000, 9999])
def test_a_failing_case_leaves_no_folder(cases, tmp_path, value):
    write_volume(cases / "images" / "b.nii.gz", make_volume(np.full((3, 4, 5), value, np.int16)))
    write_volume(cases / "labels" / "b.nii.gz", make_volume(np.zeros((3, 4, 5), np.uint8)))
    with pytest.raises(InputError, match=r"images/b\.nii\.gz: all voxels"):
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
