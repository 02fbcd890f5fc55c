"""Slices with image-level labels: read from archives, cut out of volumes, masks kept apart."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import make_volume
from covidseg.archives.phantom.hosts import write_archive
from covidseg.cases.case_folder import CaseFolder
from covidseg.errors import InputError
from covidseg.volumes import write_volume
from covidseg.weak.slices import cut_slices, read_slices, write_slices

SCANS = [f"scan_{i:03d}" for i in range(8)]
BY_FOLDER = {
    "slices": {
        "archive": "own/slices.zip",
        "normal": "*/normal/normal_{case}.png",
        "lesion": "*/lesion/lesion_{case}.png",
        "masks": "*/masks/lesion_{case}_mask.png",
    }
}
BY_MASK = {
    "slices": {
        "archive": "own/slices.zip",
        "images": "image/{case}.jpg",
        "masks": "mask/{case}.png",
        "lungs": [1, 2, 3],
        "lesions": [2, 3],
    }
}


ALL = {"train_normal": None, "train_lesion": None, "test_lesion": 2}


def png(array, kind="png"):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **({"quality": 100} if kind == "jpeg" else {}))
    return buffer.getvalue()


def pack(tmp_path, members):
    (tmp_path / "own").mkdir(exist_ok=True)
    with zipfile.ZipFile(tmp_path / "own" / "slices.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return tmp_path


def folders(count=10, **changes):
    members = {"r/normal/normal_7.png": png(np.full((8, 8), 7, np.uint8))}
    for number in range(1, count + 1):
        mask = np.zeros((4, 4), np.uint8)
        mask[0, number % 4] = 255
        members[f"r/lesion/lesion_{number}.png"] = png(np.full((8, 8), number, np.uint8))
        members[f"r/masks/lesion_{number}_mask.png"] = png(mask)
    return members | changes


def read(dataset, raw, *, size=8, mask_level=128, counts=ALL, seed=1):
    return read_slices(dataset, raw, size=size, mask_level=mask_level, counts=counts, seed=seed)


def test_kinds_by_folder_drawn_by_the_seed(tmp_path):
    found = read(BY_FOLDER, pack(tmp_path, folders()))
    assert found["train_normal"].names == ["7"]
    trained, tested = found["train_lesion"].names, found["test_lesion"].names
    assert sorted(trained + tested, key=int) == [str(n) for n in range(1, 11)], "no overlap"
    assert len(tested) == 2
    assert trained == sorted(trained, key=int), "by number: 10 comes after 9"
    assert found["test_lesion"].images[:, 0, 0].tolist() == [int(name) for name in tested]
    assert found["train_lesion"].masks is found["train_normal"].masks is None
    for name, mask in zip(tested, found["test_lesion"].masks, strict=True):
        column = 2 * (int(name) % 4)
        assert mask.sum() == 4, "one of 4 x 4 pixels is four of 8 x 8"
        assert mask[:2, column : column + 2].all()
    draws = {tuple(read(BY_FOLDER, tmp_path, seed=seed)["test_lesion"].names) for seed in range(9)}
    assert len(draws) > 4
    again = read(BY_FOLDER, tmp_path)
    assert again["train_lesion"].names == trained


def test_as_many_slices_as_the_paper_has(tmp_path):
    counts = {"train_normal": 1, "train_lesion": 5, "test_lesion": 3}
    found = read(BY_FOLDER, pack(tmp_path, folders()), counts=counts)
    assert {name: len(part.names) for name, part in found.items()} == counts
    assert not set(found["train_lesion"].names) & set(found["test_lesion"].names)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (
            {"train_lesion": 9},
            r"slices\.zip: train_lesion: 8 of the 9 slices that weak\.slices asks for; lower the number",
        ),
        ({"train_normal": 2}, r"slices\.zip: train_normal: 1 of the 2 slices that"),
        ({"test_lesion": 11}, r"slices\.zip: test_lesion: 10 of the 11 slices that"),
    ],
)
def test_too_few_slices_are_refused(tmp_path, counts, message):
    with pytest.raises(InputError, match=message):
        read(BY_FOLDER, pack(tmp_path, folders()), counts=ALL | counts)


@pytest.mark.parametrize(("mask_level", "area"), [(128, 1), (1, 4)])
def test_grey_masks_are_cut_at_half_of_white(tmp_path, mask_level, area):
    """Of 16 pixels one is white, one 128 or 127 in turn, and two have noise; the authors' code takes all four."""
    members = folders()
    for number in range(1, 11):
        mask = np.zeros((4, 4), np.uint8)
        mask[0], mask[1, 0] = [255, 127, 3, 1], 0
        members[f"r/masks/lesion_{number}_mask.png"] = png(mask)
    found = read(BY_FOLDER, pack(tmp_path, members), size=4, mask_level=mask_level)
    assert found["test_lesion"].masks.sum((1, 2)).tolist() == [area] * 2


@pytest.mark.parametrize("level", [127, 128])
def test_128_is_lesion_and_127_is_not_and_no_slice_without_lesion_is_tested(tmp_path, level):
    """Slice 4 has the level in one pixel, all others have none: it alone can be tested."""
    members = folders() | {
        f"r/masks/lesion_{n}_mask.png": png(np.full((4, 4), level if n == 4 else 20, np.uint8))
        for n in range(1, 11)
    }
    raw = pack(tmp_path, members)
    if level == 128:
        found = read(BY_FOLDER, raw, counts=ALL | {"test_lesion": 1})
        assert found["test_lesion"].names == ["4"]
        assert len(found["train_lesion"].names) == 9
    else:
        with pytest.raises(InputError, match="test_lesion: 0 of the 1 slices"):
            read(BY_FOLDER, raw, counts=ALL | {"test_lesion": 1})


def test_masks_of_one_bit_are_white_where_there_is_a_lesion(tmp_path):
    members = folders()
    for number in range(1, 11):
        mask = np.zeros((4, 4), bool)
        mask[0, 0] = True
        members[f"r/masks/lesion_{number}_mask.png"] = png(mask)
    found = read(BY_FOLDER, pack(tmp_path, members), size=4)
    assert found["test_lesion"].masks.sum((1, 2)).tolist() == [1, 1]


def test_images_are_interpolated_and_ids_are_not(tmp_path):
    """Between lung (1) and lesion (3) there is no id 2, but there are grey levels between 10 and 200."""
    members = {}
    for name, ids in (("1", [1, 1]), ("2", [1, 3]), ("3", [1, 3])):
        members[f"image/{name}.jpg"] = png(np.array([[10, 200]] * 2, np.uint8))
        members[f"mask/{name}.png"] = png(np.array([ids] * 2, np.uint8))
    found = read(BY_MASK, pack(tmp_path, members), counts=ALL | {"test_lesion": 1})["test_lesion"]
    assert found.masks[0].tolist() == [[False] * 4 + [True] * 4] * 8
    row = found.images[0, 0].tolist()
    assert row == sorted(row)
    assert (row[0], row[-1]) == (10, 200)
    assert len(set(row)) > 2


def test_kinds_by_mask_and_lungs_cut_out(tmp_path):
    """1 is lung, 2 and 3 lesions; 0 is outside; slices lie in folders of their scans."""
    members = {}
    for scan, ids in (("1/5", [[0, 1], [1, 1]]), ("1/6", [[0, 1], [2, 1]]), ("2/1", [[3, 1], [0, 0]])):
        mask = np.kron(np.array(ids, np.uint8), np.ones((8, 8), np.uint8))
        members |= {
            f"image/{scan}.jpg": png(np.full((16, 16), 200, np.uint8), "jpeg"),
            f"mask/{scan}.png": png(mask),
        }
    counts = {"train_normal": 1, "train_lesion": 1, "test_lesion": 1}
    found = read(BY_MASK, pack(tmp_path, members), size=16, counts=counts)
    assert found["train_normal"].names == ["1/5"]
    assert sorted(found["train_lesion"].names + found["test_lesion"].names) == ["1/6", "2/1"]
    normal = found["train_normal"].images[0]
    assert (normal[:8, :8] == 0).all()
    assert (normal[8:] > 190).all()
    assert found["test_lesion"].masks[0].sum() == 64


@pytest.mark.parametrize(
    ("members", "match"),
    [
        (folders() | {"r/lesion/lesion_99.png": png(np.zeros((8, 8), np.uint8))}, r"slices\.zip: no mask of 1 lesion slices, 99 among"),
        ({name: content for name, content in folders().items() if "normal" not in name}, r"slices\.zip: no file matches '\*/normal/normal_\{case\}\.png'; it holds 20 files: "),
        (folders() | {"r/lesion/lesion_3.png": b"no picture"}, r"slices\.zip:r/lesion/lesion_3\.png: truncated or no picture"),
        (folders() | {"r/lesion/lesion_3.png": folders()["r/lesion/lesion_3.png"][:-30]}, r"lesion_3\.png: truncated or no picture"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_archive_is_said(tmp_path, members, match):
    with pytest.raises(InputError, match=match):
        read(BY_FOLDER, pack(tmp_path, members))


def test_masks_lie_apart_from_the_images(tmp_path):
    found = read(BY_FOLDER, pack(tmp_path, folders()))
    write_slices(found, images=tmp_path / "images", masks=tmp_path / "masks")
    kinds = ["test_lesion", "train_lesion", "train_normal"]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(
        f"{kind}.{suffix}" for kind in kinds for suffix in ("npy", "csv")
    )
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["test_lesion.npy"]
    for kind in kinds:
        assert np.load(tmp_path / "images" / f"{kind}.npy").dtype == np.uint8
    names = pd.read_csv(tmp_path / "images" / "test_lesion.csv", dtype=str)["slice"]
    assert names.tolist() == found["test_lesion"].names


def test_the_phantom_of_the_authors_repository(config, tmp_path):
    dataset = config.datasets["capepoint"]
    (name,) = dataset["archives"]
    (tmp_path / "capepoint").mkdir()
    write_archive(tmp_path / "capepoint" / name, "capepoint", name, cases=SCANS, cohort=SCANS, seed=3)
    found = read(dataset, tmp_path, size=48, counts=ALL | {"test_lesion": 12})
    assert min(len(part.names) for part in found.values()) > 5
    test = found["test_lesion"]
    assert test.masks.any((1, 2)).all()
    assert (test.images[test.masks] > 0).mean() > 0.95, "the lesions lie in the lungs"
    brightness = test.images[test.masks].mean() - test.images[(test.images > 0) & ~test.masks].mean()
    assert brightness > 20
    corner = np.concatenate([part.images[:, :3, :3].ravel() for part in found.values()])
    assert corner.max() == 0, "nothing but the lungs"
    code = read(dataset, tmp_path, size=48, mask_level=1, counts=ALL | {"test_lesion": 12})
    assert code["test_lesion"].masks.sum() > 1.2 * test.masks.sum(), (
        "the masks are grey, as the real ones are"
    )


def volumes(tmp_path):
    """Two scans of 4 slices with lungs in all and infection in the middle two."""
    dataset = {
        "regions": {1: "left_lung", 2: "right_lung", 3: "infection"},
        "intensity": {"w*": "windowed", "*": "hounsfield"},
    }
    for case, (outside, inside) in {"a": (30, -500), "w": (217, 128)}.items():
        scan, label = np.full((4, 16, 16), outside, np.int16), np.zeros((4, 16, 16), np.uint8)
        scan[:, 4:12, 4:12], label[:, 4:12, 4:8], label[:, 4:12, 8:12] = inside, 2, 1
        label[1:3, 6:10, 6:10] = 3
        write_volume(tmp_path / "images" / f"{case}.nii.gz", make_volume(scan))
        write_volume(tmp_path / "labels" / f"{case}.nii.gz", make_volume(label))
        predicted = np.zeros_like(label)
        predicted[:2, 4:12, 4:12] = 1
        write_volume(tmp_path / "lungs" / f"{case}.nii.gz", make_volume(predicted))
    pd.DataFrame({"case": ["a", "w"]}).to_csv(tmp_path / "cases.csv", index=False)
    return dataset


def cut(tmp_path, dataset, lungs=None, count=None):
    return cut_slices(
        CaseFolder(tmp_path), dataset, lungs, count=count, window=(-1250, 250), size=16, seed=1
    )["test_lesion"]


def test_slices_with_infection_are_cut_out_of_volumes(tmp_path):
    """-500 HU is 127.5 of the window [-1250, 250], as 128 of the windowed scan; outside the lungs is black."""
    found = cut(tmp_path, volumes(tmp_path))
    assert found.names == ["a_002", "a_003", "w_002", "w_003"]
    assert found.images[:, 0, 0].tolist() == [0] * 4
    assert found.images[:, 8, 8].tolist() == [128] * 4
    assert found.masks.sum((1, 2)).tolist() == [16] * 4


def test_a_model_s_lungs_cut_the_images_and_not_the_infection(tmp_path):
    """The model found lungs in the first two slices alone: the others are black, and their infection is missed."""
    found = cut(tmp_path, volumes(tmp_path), tmp_path / "lungs")
    assert found.names == ["a_002", "a_003", "w_002", "w_003"]
    assert found.images.any((1, 2)).tolist() == [True, False, True, False]
    assert found.masks.sum((1, 2)).tolist() == [16] * 4


def test_as_many_as_are_wanted_are_drawn_by_the_seed(tmp_path):
    dataset = volumes(tmp_path)
    assert cut(tmp_path, dataset, count=2).names == cut(tmp_path, dataset, count=2).names
    assert len(cut(tmp_path, dataset, count=2).names) == 2
    with pytest.raises(InputError, match=r"infection: 4 of the 5 slices that weak\.volume_slices asks for"):
        cut(tmp_path, dataset, count=5)


def test_lungs_on_another_grid_are_refused(tmp_path):
    dataset = volumes(tmp_path)
    write_volume(tmp_path / "lungs" / "a.nii.gz", make_volume(np.ones((4, 16, 15), np.uint8)))
    with pytest.raises(InputError, match=r"lungs/a\.nii\.gz: lies on another grid than the scan"):
        cut(tmp_path, dataset, tmp_path / "lungs")


def test_real_slices_of_the_authors(real_data):
    """160 normal and 160 lesion slices of 256 x 256, the lungs alone; the masks have one bit."""
    dataset = {
        "slices": {
            "archive": "weak_slices",
            "normal": "normal/{case}.png",
            "lesion": "lesion/{case}.png",
            "masks": "mask/{case}.png",
        }
    }
    found = read(dataset, real_data, size=256, counts=ALL | {"test_lesion": 32})
    assert [len(part.names) for part in found.values()] == [160, 128, 32]
    assert found["test_lesion"].images.shape == (32, 256, 256)
    share = found["test_lesion"].masks.mean()
    assert 0.002 < share < 0.05
    lesions = found["test_lesion"].images[found["test_lesion"].masks]
    assert (lesions > 0).mean() > 0.9
