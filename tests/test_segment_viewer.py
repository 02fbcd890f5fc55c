"""The page of a segmented scan in a real browser, opened from disk."""

import json

import numpy as np
import pytest

from conftest import make_volume
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.lungs import Lungs
from covidseg.segment.quantification import quantify
from covidseg.segment.result import Result
from covidseg.segment.viewer import write_viewer
from site_browser import HOSTILE, faults_of, opened
from test_viewer_browser import FOUND, at_voxel, picture, ready

LINE = (255, 225, 74)  # around the lungs


def made_result(*, windowed=False, networks=5):
    """A body with two lungs, and an infection in the patient's right lung: at the front, near the head."""
    array = np.full((12, 40, 60), -1000, np.int16)
    array[:, 3:37, 3:57] = 40
    right, left, infection = np.zeros((3, *array.shape), bool)
    right[1:11, 8:32, 8:26] = left[1:11, 8:32, 34:52] = True  # x is small: the patient's right
    array[right | left] = -850
    infection[8:10, 10:14, 10:16] = True
    infection[3, 20, 38:48] = True
    array[infection] = -100
    disagreement = np.where(infection, 40, 0).astype(np.uint8)
    disagreement[8, 20:24, 12:16] = 80
    image = make_volume(array, spacing=(5.0, 2.0, 1.5))
    lungs = Lungs(left, right, np.zeros_like(left))
    return Result(
        name=HOSTILE,
        path="scan.nii.gz",
        image=image,
        windowed=windowed,
        lungs=lungs,
        infection=infection,
        disagreement=disagreement,
        numbers=quantify(None if windowed else array, lungs, infection, disagreement, image.geometry),
        models=(HOSTILE, "lungs"),
        networks=networks,
        warnings=["<b>spacing</b> is far"],
    )


@pytest.fixture(scope="module")
def page_of_scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewer") / "viewer"
    write_viewer(folder, made_result())
    moved = folder.rename(folder.with_name("moved"))
    return moved / "index.html"


def facts(page):
    return json.loads(page.locator("#scan-data").text_content())


@pytest.fixture(autouse=True)
def own_facts(monkeypatch):
    monkeypatch.setattr("test_viewer_browser.facts", facts)


def test_infection_lungs_and_disagreement_are_drawn_where_they_are(chromium, page_of_scan):
    """Voxels (z, y, x) of the scan; the viewer begins at the largest lesion."""
    with opened(chromium, page_of_scan) as (page, complaints):
        pixels = picture(ready(page))
        infected, lung = at_voxel(page, pixels, (8, 12, 11))[0], at_voxel(page, pixels, (8, 25, 15))[0]
        assert np.abs(infected.astype(int) - FOUND).sum() < 260
        assert lung.max() - lung.min() < 8, "grey, with no mask"
        edge = pixels[:, : pixels.shape[1] // 2].reshape(-1, 3)
        assert (np.abs(edge.astype(int) - LINE).sum(1) < 150).sum() > 50, "no line around the lungs"
        before = at_voxel(page, pixels, (8, 22, 14))[0].astype(int)
        page.locator("[data-mask=disagreement]").click()
        page.wait_for_timeout(150)
        after = at_voxel(page, picture(page), (8, 22, 14))[0].astype(int)
        assert after[0] - before[0] > 60, "orange where networks disagree"
        assert complaints == []


def test_lesions_keys_and_the_address(chromium, page_of_scan):
    with opened(chromium, page_of_scan) as (page, complaints):
        first = ready(page).evaluate("location.hash")
        page.locator("#lesions button").nth(1).click()
        page.wait_for_timeout(350)
        second = page.evaluate("location.hash")
        assert first.endswith("voxel=8,11,12")
        assert "voxel=3,20,4" in second
        page.locator("#planes canvas").first.focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("w")
        page.wait_for_timeout(350)
        assert page.evaluate("location.hash").partition("voxel=")[2].startswith("4,20,")
        assert "window=mediastinum" in page.evaluate("location.hash")
        masked = picture(page, "coronal")
        page.keyboard.press(" ")
        page.wait_for_timeout(150)
        assert (masked != picture(page, "coronal")).any()
        assert page.locator("#masks [aria-pressed=true]").count() == 0
        assert complaints == []


@pytest.mark.slow
def test_the_page_is_readable_and_says_that_it_is_not_for_clinical_use(chromium, page_of_scan, tmp_path):
    assert faults_of(chromium, page_of_scan, tmp_path) == []
    text = page_of_scan.read_text()
    assert NOT_CLINICAL in text
    assert HOSTILE not in text


@pytest.mark.slow
def test_the_scan_in_3d(chromium, page_of_scan):
    with opened(chromium, f"{page_of_scan}#layout=3d") as (page, complaints):
        page.locator("#space .gl-container, #space svg").first.wait_for(timeout=20_000)
        assert [words for words in complaints if "WebGL" not in words] == []


def test_a_scan_of_grey_levels_and_one_network_has_no_windows_and_no_disagreement(chromium, tmp_path):
    result = made_result(windowed=True, networks=1)
    result.image.array[:] = np.clip((result.image.array + 1000) / 6, 0, 255)
    write_viewer(tmp_path / "viewer", result)
    with opened(chromium, tmp_path / "viewer" / "index.html") as (page, complaints):
        ready(page)
        assert page.locator("#windows button:disabled").count() == 3
        assert page.locator("[data-mask=disagreement]").is_disabled()
        assert "grey level" in page.locator("#readout").text_content()
        assert complaints == []
