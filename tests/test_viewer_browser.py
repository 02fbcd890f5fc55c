"""The viewers of cases and slices, in a real browser: what they draw, and what a reader does with them."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import viewer_data
from covidseg.site import cases_part, slices_part
from covidseg.site.file_names import case_page
from covidseg.weak.evaluation import LEVELS, count_pixels, slice_dice
from site_browser import faults_of, opened, stand_in

MISSED = (255, 225, 74)
FOUND = np.array([74, 163, 228])
GRAPHICS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with the pages of two cases and of four slices."""
    folder = tmp_path_factory.mktemp("viewer")
    part = viewer_data.toy_part(folder, viewer_data.write_dataset(folder))
    part.path.mkdir(parents=True)
    cases_part.make(part)
    stand_in(part.site.folder)
    slices = viewer_data.slices_part(folder, part.site)
    slices.path.mkdir(parents=True)
    slices_part.make(slices)
    return part.site.folder


@pytest.fixture
def case(site):
    return site / case_page("toy", viewer_data.NAMES[0])


def ready(page):
    page.locator("#readout", has_text="voxel").wait_for()
    page.wait_for_timeout(350)  # the address follows the view a moment later
    return page


def picture(page, plane="axial", column=0):
    """The pixels, (y, x, 3), of a canvas of the layout side by side."""
    canvas = page.locator(f"#planes canvas[data-plane={plane}]").nth(column)
    data = canvas.evaluate("(canvas) => canvas.toDataURL('image/png')")
    return read_png(data)


def read_png(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))


def chromium_path():
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)))


def facts(page):
    return json.loads(page.locator("#case-data").text_content())


def at_voxel(page, pixels, voxel, around=0):
    """The pixels around the middle of a voxel (z, y, x) in an axial picture."""
    data = facts(page)
    row, column = (
        int((voxel[axis] - data["start"][axis] + 0.5) / data["size"][axis] * pixels.shape[axis - 1])
        for axis in (1, 2)
    )
    return pixels[row - around : row + around + 1, column - around : column + around + 1].reshape(-1, 3)


def voxel_of(page):
    x, y, z = re.match(r"voxel (\d+), (\d+), (\d+)", page.locator("#readout").text_content()).groups()
    return int(z), int(y), int(x)


def test_colours_say_found_missed_and_wrong(chromium, case):
    address = f"{case}#a=scratch/fold0&b=hybrid/fold0&layout=side&window=lung&voxel=9,30,50"
    with opened(chromium, address) as (page, complaints):
        ready(page).locator("#opacity").fill("100")
        page.wait_for_timeout(100)
        missed = at_voxel(page, picture(page, column=1), (9, 12, 13))[0]
        found = at_voxel(page, picture(page, column=2), (9, 12, 13))[0]
        page.keyboard.press(" ")
        page.wait_for_timeout(100)
        bare = at_voxel(page, picture(page, column=2), (9, 12, 13))[0]
        assert complaints == []
    assert tuple(missed) == MISSED
    assert bare[0] == bare[1] == bare[2]
    np.testing.assert_allclose(found, 0.58 * FOUND + 0.42 * bare, atol=2)


def test_wrongly_marked_voxels_are_hatched(chromium, case):
    with opened(chromium, f"{case}#a=scratch/fold0&b=hybrid/fold0&voxel=2,30,20") as (page, _):
        ready(page).locator("#opacity").fill("100")
        page.wait_for_timeout(100)
        wrong = at_voxel(page, picture(page, column=1), (2, 20, 41), around=3).astype(int)
    orange = np.abs(wrong - [242, 97, 27]).sum(1) < 40
    assert orange.any()
    assert not orange.all()
    assert (wrong[:, 0] > wrong[:, 2] + 40).all()


def test_the_patients_right_is_on_the_left_and_the_head_at_the_top(chromium, case):
    """The lesion at the right, front and head is in the upper left of the axial and of the coronal picture."""
    with opened(chromium, f"{case}#a=scratch/fold0&b=hybrid/fold0&voxel=8,12,12") as (page, _):
        pictures = {
            plane: picture(ready(page), plane).astype(int) for plane in ("axial", "coronal", "sagittal")
        }
    for plane, pixels in pictures.items():
        blue = np.argwhere(pixels[..., 2] - pixels[..., 0] > 60)
        middle = blue.mean(0) / pixels.shape[:2]
        assert (middle < 0.5).all(), plane


def test_planes_have_their_true_proportions(chromium, case):
    with opened(chromium, case) as (page, _):
        data = facts(ready(page))
        shapes = {plane: picture(page, plane).shape for plane in ("axial", "coronal", "sagittal")}
    z, y, x = (size * mm for size, mm in zip(data["size"], viewer_data.SPACING, strict=True))
    assert shapes["axial"][0] / shapes["axial"][1] == pytest.approx(y / x, rel=0.02)
    assert shapes["coronal"][0] / shapes["coronal"][1] == pytest.approx(z / x, rel=0.02)
    assert shapes["sagittal"][0] / shapes["coronal"][0] == pytest.approx(1, rel=0.02)  # one scale


def test_wheel_and_keys_move_the_slice(chromium, case):
    with opened(chromium, f"{case}#a=scratch/fold0&b=hybrid/fold0&voxel=8,12,12") as (page, _):
        before = picture(ready(page), column=1)
        page.locator("#planes canvas").first.hover()
        page.mouse.wheel(0, -100)
        page.wait_for_timeout(150)
        after = picture(page, column=1)
        assert voxel_of(page) == (9, 12, 12)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.wait_for_timeout(150)
        assert voxel_of(page) == (7, 12, 12)
        page.locator("#planes canvas[data-plane=coronal]").first.focus()
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(150)
        assert voxel_of(page) == (7, 13, 12)
    assert len(np.unique(before)) > 3
    assert (before != after).any()


@pytest.mark.slow
def test_a_click_moves_the_cross_in_all_planes(chromium, case):
    with opened(chromium, case) as (page, _):
        canvas = ready(page).locator("#planes canvas[data-plane=coronal]").nth(1)
        box, data = canvas.bounding_box(), facts(page)
        canvas.click(position={"x": 1, "y": 1})
        page.wait_for_timeout(150)
        z, _, x = voxel_of(page)
        assert (z, x) == (data["start"][0] + data["size"][0] - 1, data["start"][2])
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=4)
        page.mouse.up()
        page.wait_for_timeout(150)
        z, _, x = voxel_of(page)
        assert (z, x) == (data["start"][0], data["start"][2] + data["size"][2] - 1)


def test_keys_change_layout_window_and_masks(chromium, case):
    def pressed(group):
        return page.locator(f"#{group} [aria-pressed=true]").text_content()

    with opened(chromium, case) as (page, complaints):
        first = picture(ready(page), column=1)
        page.keyboard.press("w")
        page.wait_for_timeout(100)
        second = picture(page, column=1)
        assert pressed("windows") == "Mediastinum"
        page.keyboard.press("o")
        page.wait_for_timeout(100)
        assert (pressed("layouts"), page.locator("#planes canvas").count()) == ("Overlaid", 3)
        assert complaints == []
    assert (first != second).any()


@pytest.mark.slow
def test_opacity_changes_the_colours(chromium, case):
    with opened(chromium, f"{case}#a=scratch/fold0&b=hybrid/fold0&voxel=9,30,50") as (page, _):
        ready(page)
        colours = []
        for opacity in ("100", "20"):
            page.locator("#opacity").fill(opacity)
            page.wait_for_timeout(100)
            colours.append(at_voxel(page, picture(page, column=1), (9, 12, 13))[0].astype(int))
    assert np.abs(colours[0] - colours[1]).sum() > 60


@pytest.mark.parametrize(("b", "expected"), [("scratch", 9), ("hybrid", 2)])
def test_largest_error_goes_to_the_worst_slice_and_the_nearest_wrong_voxel(chromium, case, b, expected):
    """Slice 9 has 24 missed voxels of A. With hybrid as B, slice 2 has 24 of B and 4 wrong ones of A: 28."""
    with opened(chromium, f"{case}#a=scratch/fold0&b={b}/fold0&voxel=5,11,2") as (page, _):
        ready(page).keyboard.press("e")
        page.wait_for_timeout(150)
        z, y, x = voxel_of(page)
    assert z == expected
    if b == "scratch":
        assert (y, x) == (11, 10)  # the lesion begins at x = 10; y = 11 is inside of it


def test_the_link_reproduces_the_view(chromium, case):
    view = "#a=hybrid/fold1&b=scratch/fold0&layout=overlaid&window=wide&voxel=8,12,13"
    with opened(chromium, f"{case}{view}") as (page, _):
        assert voxel_of(ready(page)) == (8, 12, 13)
        chosen = [page.locator(f"#{name}").input_value() for name in ("a", "a-fold", "b", "b-fold")]
        assert chosen == ["hybrid", "1", "scratch", "0"]
        assert page.locator("#layouts [aria-pressed=true]").text_content() == "Overlaid"
        assert page.locator("#windows [aria-pressed=true]").text_content() == "Wide"
        assert page.evaluate("location.hash") == view
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(400)
        assert page.evaluate("location.hash").endswith("voxel=9,12,13")
        page.get_by_role("link", name="Next case").click()
        assert "b=scratch/fold0&layout=overlaid&window=wide" in ready(page).evaluate("location.hash")


@pytest.mark.slow
def test_numbers_lesions_and_sources_follow_the_choice(chromium, case):
    with opened(chromium, f"{case}#a=scratch/fold0&b=hybrid/fold1") as (page, _):
        ready(page)
        assert "DSC0.8371.000" not in page.locator("#scores").inner_text().replace("\n", "")
        cells = page.locator("#scores tr", has_text="DSC").locator("td").all_inner_texts()
        assert cells == ["0.837", "0.667"]  # 144 / 172 and 96 / 144
        assert page.locator("#lesions tbody tr").count() == 2
        assert page.locator("#lesions b", has_text="missed").count() == 1
        page.locator("#lesions .go").nth(1).click()
        page.wait_for_timeout(150)
        assert voxel_of(page)[0] in (8, 9)
        links = page.locator("#origin a").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
        assert "../../trainings/index.html#hybrid/fold1" in links
        assert "predictions/hybrid/fold1/toy/<img src=x" in page.locator("#path-b").text_content()
        assert "missed" in page.locator("#strip").get_attribute("aria-valuetext")


@pytest.mark.slow
def test_the_error_strip_is_a_slider(chromium, case):
    with opened(chromium, case) as (page, _):
        strip = ready(page).locator("#strip")
        strip.focus()
        before = int(strip.get_attribute("aria-valuenow"))
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(150)
        assert int(strip.get_attribute("aria-valuenow")) == before + 1
        strip.click(position={"x": 30, "y": 20})
        page.wait_for_timeout(150)
        assert strip.get_attribute("aria-valuenow") == strip.get_attribute("aria-valuemin")


@pytest.mark.slow
def test_a_touch_moves_the_cross(chromium, case):
    context = chromium.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(case.as_uri())
    canvas = ready(page).locator("#planes canvas[data-plane=axial]").first
    canvas.scroll_into_view_if_needed()
    box, data = canvas.bounding_box(), facts(page)
    page.touchscreen.tap(box["x"] + 2, box["y"] + 2)
    page.wait_for_timeout(200)
    _, y, x = voxel_of(page)
    context.close()
    assert y - data["start"][1] <= 2
    assert x - data["start"][2] <= 2


@pytest.mark.slow
def test_the_three_dimensions_are_drawn(chromium, case):
    browser = chromium.browser_type.launch(executable_path=chromium_path(), args=GRAPHICS)
    with opened(browser, f"{case}#layout=3d") as (page, complaints):
        page.wait_for_selector("#space canvas", timeout=20_000)
        page.wait_for_timeout(1500)
        pixels = np.asarray(Image.open(io.BytesIO(page.locator("#space").screenshot())).convert("RGB"))
        assert complaints == []
    browser.close()
    other = (np.abs(pixels.astype(int) - [11, 13, 16]).sum(2) > 20).mean()
    assert other > 0.02


@pytest.mark.slow
def test_pages_of_cases_have_no_faults(chromium, case, tmp_path):
    assert faults_of(chromium, case, tmp_path / "case") == []
    assert faults_of(chromium, case.parent / "index.html", tmp_path / "list") == []


# ---- slices


@pytest.fixture
def slices(site):
    return site / "slices" / "toy" / "index.html"


def slices_ready(page):
    page.locator("#a-dice", has_text="Dice").wait_for()
    page.wait_for_timeout(300)
    return page


@pytest.mark.parametrize("threshold", [0.03, 0.4, 0.65])
def test_the_dice_of_the_slices_page_is_the_scored_one(chromium, slices, threshold):
    _, masks, heats, _ = viewer_data.made_slices()
    exact = slice_dice(count_pixels(heats["weak-full"], masks))[2, round(threshold * LEVELS)]
    with opened(chromium, f"{slices}#a=weak-full&b=cam&threshold={threshold}&slice=3") as (page, complaints):
        assert slices_ready(page).locator("#a-dice").text_content() == f"Dice {exact:.3f}"
        assert page.locator("#threshold-value").text_content() == f"{threshold:.3f}"
        assert complaints == []


@pytest.mark.slow
def test_the_threshold_and_the_slice_change_the_picture(chromium, slices):
    def shown():
        return read_png(page.locator("#a-canvas").evaluate("(canvas) => canvas.toDataURL()"))

    with opened(chromium, f"{slices}#a=weak-full&b=cam&threshold=0.4&slice=3") as (page, _):
        first = shown() if slices_ready(page) else None
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert page.evaluate("location.hash") == "#a=weak-full&b=cam&threshold=0.41&slice=3"
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(300)
        assert page.evaluate("location.hash").endswith("slice=4")
        second = shown()
        page.locator("#a-canvas").hover()
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(300)
        assert page.evaluate("location.hash").endswith("slice=3")
    assert (first != second).any()


@pytest.mark.slow
def test_the_page_of_slices_has_no_faults(chromium, slices, tmp_path):
    assert faults_of(chromium, slices, tmp_path) == []
