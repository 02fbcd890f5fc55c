"""The data sets: a case of each in slices and in 3D, and the table of all their cases."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from conftest import make_volume
from covidseg.cases.case_folder import CaseFolder
from covidseg.errors import InputError
from covidseg.paper.cavities import lungs_of
from covidseg.paper.cells import Cell
from covidseg.paper.datasets_table import as_csv, as_text, describe_cases, ingest_notes
from covidseg.paper.examples_figure import choose_case, draw_examples, lesion_volumes, read_example
from covidseg.paper.figures import save_figure
from covidseg.paper.palette import REGION_COLOURS
from covidseg.paper.sizes_figure import Sized, draw_sizes, spread_cases
from covidseg.paper.surfaces import draw_surfaces, surface
from covidseg.volumes import write_volume

pytestmark = pytest.mark.usefixtures("close_figures")


def area(triangles):
    """Square millimetres."""
    edges = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return np.linalg.norm(np.cross(*edges), axis=1).sum() / 2


def test_a_surface_is_where_the_mask_is_and_as_large():
    """A ball of 40 mm radius in voxels of 6 x 3 x 2 mm, its centre at x 60, y 66, z 72 mm."""
    z, y, x = np.meshgrid(np.arange(25) * 6.0, np.arange(45) * 3.0, np.arange(62) * 2.0, indexing="ij")
    ball = (z - 72) ** 2 + (y - 66) ** 2 + (x - 60) ** 2 < 40**2
    triangles = surface(ball, (6.0, 3.0, 2.0))
    radii = np.linalg.norm(triangles.reshape(-1, 3) - [60, 66, 72], axis=1)
    assert np.abs(radii - 40).max() < 5
    assert radii.mean() == pytest.approx(40, abs=1.5)
    assert area(triangles) == pytest.approx(4 * np.pi * 40**2, rel=0.06)


def test_a_surface_is_closed_where_the_mask_leaves_the_scan():
    triangles = surface(np.ones((10, 20, 30), bool), (5.0, 4.0, 4.0))
    expected = 2 * (50 * 80 + 50 * 120 + 80 * 120)
    assert area(triangles) == pytest.approx(expected, rel=0.15)
    assert surface(np.zeros((4, 5, 6), bool), (5.0, 4.0, 4.0)).shape == (0, 3, 3)


def test_surfaces_are_seen_from_the_front_the_patient_s_left_on_the_right():
    axis = plt.figure().add_subplot(projection="3d")
    left = np.zeros((10, 20, 40), bool)
    left[2:8, 5:15, 30:38] = True  # large x
    right = left[:, :, ::-1]
    draw_surfaces(
        axis, {"red": (surface(left, (5, 4, 4)), False), "green": (surface(right, (5, 4, 4)), True)}
    )
    (drawn,) = (child for child in axis.get_children() if isinstance(child, Poly3DCollection))
    axis.figure.canvas.draw()
    image = np.asarray(axis.figure.canvas.buffer_rgba()).astype(int)
    red = image[..., 0] - image[..., 1] > 60
    green = image[..., 1] - image[..., 0] > 20
    assert np.argwhere(red)[:, 1].min() > np.argwhere(green)[:, 1].max()
    opacities = drawn.get_facecolor()[:, 3]
    solid, glass = opacities[opacities == 1], opacities[opacities < 1]
    assert len(solid) == len(surface(left, (5, 4, 4)))
    assert (glass.min() < 0.1) & (glass.max() > 0.3), "clear in front, and an outline"


def test_lungs_without_labels_are_the_air_in_the_body():
    """Two lungs of 60 x 120 x 80 mm in a body in air, a windpipe between them, and a lesion in one lung."""
    scan = np.full((20, 60, 80), -1000, np.int16)
    scan[:, 5:55, 5:75] = 40
    lungs = np.zeros(scan.shape, bool)
    lungs[3:17, 15:45, 10:30] = lungs[3:17, 15:45, 50:70] = True
    windpipe = np.zeros(scan.shape, bool)
    windpipe[:, 28:32, 38:42] = True
    lesion = np.zeros(scan.shape, bool)
    lesion[8:12, 40:45, 20:26] = True
    scan[lungs | windpipe] = -850
    scan[lesion] = 20
    found = lungs_of(scan, lesion, (5.0, 4.0, 4.0))
    assert not (found & windpipe).any()
    assert not (found & ~lungs).any()
    assert found[lesion].all()
    assert found.sum() > 0.95 * lungs.sum()


def table(**voxels):
    names = list(next(iter(voxels.values())))
    columns = {f"voxels_{region}": list(found.values()) for region, found in voxels.items()}
    return pd.DataFrame({"case": names, "spacing_mm": ["5x2x1"] * len(names), **columns})


def test_the_case_of_median_lesion_volume_that_all_data_sets_have():
    lungs = table(left_lung={"a": 9, "b": 9, "c": 9, "d": 9})
    lesions = table(lesion={"b": 30, "c": 10, "d": 20, "e": 15})
    assert choose_case([lungs, lesions]) == "d"
    assert choose_case([lesions]) == "e", "of four the second"
    assert choose_case([lungs]) == "b", "no lesions: any"
    lesions.loc[lesions.case == "d", "spacing_mm"] = "50x2x1"
    assert choose_case([lungs, lesions]) == "b", "by volume, not by voxels"
    with pytest.raises(InputError, match="have no case in common"):
        choose_case([lungs, table(lesion={"x": 1})])


LUNGS = {"regions": {1: "left_lung", 2: "right_lung"}, "intensity": {"*": "hounsfield"}}
LESION = {"regions": {1: "lesion"}, "intensity": {"*": "hounsfield"}}


@pytest.fixture
def example(tmp_path):
    """Lungs in one data set and a lesion in another, of the same scan."""
    image, lungs, lesion = (np.zeros((8, 30, 40), kind) for kind in (np.int16, np.uint8, np.uint8))
    lungs[1:7, 8:22, 24:34], lungs[1:7, 8:22, 6:16] = 1, 2
    lesion[4, 10:20, 26:32] = 1
    image[lungs > 0] = -800
    for name, label in (("lungs", lungs), ("lesions", lesion)):
        for kind, array in (("images", image), ("labels", label)):
            write_volume(tmp_path / name / kind / "a.nii.gz", make_volume(array, spacing=(5.0, 4.0, 4.0)))
    return [CaseFolder(tmp_path / "lungs"), CaseFolder(tmp_path / "lesions")]


def test_labels_of_several_data_sets_lie_on_one_scan(example):
    found = read_example("a", example, [LUNGS, LESION], (-1250, 250))
    assert list(found.labels) == ["left_lung", "right_lung", "lesion"]
    assert found.number == 4
    assert found.labels["lesion"].sum() == 60
    other = make_volume(np.zeros((8, 30, 40), np.uint8), spacing=(5.0, 4.0, 3.0))
    write_volume(example[1].label("a"), other)
    with pytest.raises(InputError, match=r"lesions: case a: differs from .*lungs in spacing"):
        read_example("a", example, [LUNGS, LESION], (-1250, 250))


@pytest.mark.slow
def test_a_column_a_data_set_and_the_same_bytes(example, tmp_path):
    artefact = {"title": "Examples"}
    examples = {
        "Both": read_example("a", example, [LUNGS, LESION], (-1250, 250)),
        "Lesion": read_example("a", example[1:], [LESION], (-1250, 250)),
    }
    for name in ("one", "two"):
        figure = draw_examples(examples, artefact, config_name="toy", remarks=[])
        names = [text.get_text() for found in figure.artists for text in found.findobj(Text)]
        assert names == ["Both", "Lesion"]
        assert "Configuration: toy." in figure.get_supxlabel()
        assert len(figure.axes) == 2 * 3 + 1, "the last one has the legend"
        save_figure(figure, tmp_path / name)
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_small_median_and_large_infection_by_volume():
    """Voxels of 10 cubic mm, but of 100 in case e; case a has no infection."""
    infections = table(infection={"a": 0, "b": 30, "c": 10, "d": 20, "e": 9, "f": 40})
    infections.loc[infections.case == "e", "spacing_mm"] = "5x2x10"
    volumes = lesion_volumes([infections])
    assert volumes.to_dict() == pytest.approx({"a": 0, "b": 0.3, "c": 0.1, "d": 0.2, "e": 0.9, "f": 0.4})
    assert spread_cases(volumes, 3).to_dict() == pytest.approx({"c": 0.1, "b": 0.3, "e": 0.9})
    assert spread_cases(volumes, 1).index.tolist() == ["c"]
    assert spread_cases(volumes, 9).index.tolist() == ["c", "d", "b", "f", "e"]


def test_the_image_stands_above_its_annotation_the_case_below_both(example, tmp_path):
    read = read_example("a", example[1:], [LESION], (-1250, 250))
    for name in ("one", "two"):
        figure = draw_sizes(
            [Sized(read, 0.1), Sized(read, 1234.5)], {"title": "Sizes"}, config_name="toy", remarks=[]
        )
        names = [text.get_text() for found in figure.artists for text in found.findobj(Text)]
        assert names == ["0.1 mL", "1,234.5 mL"]
        assert [text.get_text() for text in figure.texts[2:]] == ["a, slice 5"] * 2
        assert [len(axis.images) for axis in figure.axes] == [1, 1, 2, 2, 0]
        overlay = figure.axes[2].images[1].get_array()
        rows, columns = (n // m for n, m in zip(overlay.shape, read.image[read.crop].shape, strict=False))
        lesion = (overlay[..., :3] == to_rgb(REGION_COLOURS["lesion"])).all(2)
        assert lesion.sum() == 60 * rows * columns, "the lesion's pixels in the slice"
        assert "Configuration: toy." in figure.get_supxlabel()
        save_figure(figure, tmp_path / name)
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_the_table_of_the_data_sets_by_hand():
    """Voxels of 10 and 20 cubic mm; loads 10 of 100 and 30 of 60 voxels: 10 and 50 %; 4 + 7 slices, 1 + 2 lesions."""
    cases = pd.DataFrame(
        {
            "case": ["a", "b"], "patient": ["p", "p"], "shape": ["40x9x9", "60x9x9"],
            "spacing_mm": ["5x2x1", "5x2x2"], "missing_slices": [0, 3],
            "corrections": [np.nan, "scan turned"], "warnings": [np.nan, np.nan], "voxels_left_lung": [60, 10], "voxels_right_lung": [30, 20],
            "voxels_infection": [10, 30], "slices_infection": [4, 7], "lesions_infection": [1, 2],
        }
    )  # fmt: skip
    union = {"regions": {1: "left_lung", 2: "right_lung", 3: "infection"}}
    found = describe_cases(cases, union)
    assert (found["cases"], found["patients"]) == (2, 1)
    assert found["slices"] == (40, 50, 60)
    assert found["pixel_spacing_mm"] == (1, 1.5, 2)
    assert found["lesion_ml"] == pytest.approx((0.1, 0.35, 0.6))
    assert found["lesion_percent_of_lungs"] == pytest.approx((10, 30, 50))
    assert (found["lesion_slices"], found["lesions"]) == (11, 3)
    assert (found["missing_slices"], found["cases_with_missing_slices"]) == (3, 1)
    assert ingest_notes({("COVID", "covid20-union"): found, ("MSD", "msd"): {}}) == [
        "COVID (covid20-union): missing slices were interpolated in 1 cases, headers or labels were corrected in 1 "
        "cases; see results/cases/covid20-union/cases.csv."
    ]
    lungs = describe_cases(cases, {"regions": {1: "left_lung", 2: "right_lung"}})
    assert "lesion_ml" not in lungs
    described = {("COVID", "covid20-union"): found, ("COVID", "covid20-lung"): lungs}
    published = {"covid20-union": {"cases": 20, "lesions": "300+", "lesion_percent_of_lungs": "0.01 to 59"}}
    printed = as_text(described, published).map(
        lambda cell: f"{cell.ours} [{cell.other}]" if isinstance(cell, Cell) else cell
    )
    assert printed["Cases"].tolist() == ["2 [20]", "2"]
    assert printed["Lesions"].tolist() == ["3 [300+]", "–"]
    assert printed["Slices with lesions"].tolist() == ["11", "–"]
    assert printed["Lesion, % of the lungs"].tolist() == ["30 (10 to 50) [0.01 to 59]", "–"]
    assert printed["Slice spacing, mm"].tolist() == ["5", "5"]
    sheet = as_csv(described, {}, published)
    assert sheet["published_lesions"].tolist()[0] == "300+"
    assert sheet["lesions"].tolist()[0] == 3
    assert sheet["dataset"].tolist() == ["covid20-union", "covid20-lung"]
    assert sheet["lesion_percent_of_lungs_max"].tolist()[0] == pytest.approx(50)
    assert sheet["lesion_percent_of_lungs_max"].isna().tolist() == [False, True]
