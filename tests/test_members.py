"""Files in archives found by a pattern: a folder more, .nii beside .nii.gz, and what a message lists if none match."""

import logging
import re
import zipfile

import numpy as np
import pytest

from conftest import make_volume, refused_in_one_line
from covidseg.archives.archive import Archive
from covidseg.archives.by_hand import find_by_hand
from covidseg.archives.members import describe_content, find_members, member_expression
from covidseg.cases.readers import list_cases, load_case
from covidseg.errors import InputError
from covidseg.volumes import nifti_bytes
from test_weak_slices import BY_MASK, folders, png
from test_weak_slices import read as read_pictures

SCAN = nifti_bytes(make_volume(np.array([[[1, 2]], [[3, 4]]], np.int16)))
MSD = "Task06_Lung/imagesTr/{case}.nii.gz"


def pack(path, *names, content=SCAN):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def found(path, *arguments, **options):
    with Archive(path) as archive:
        return {name: match["case"] for name, match in find_members(archive, *arguments, **options).items()}


@pytest.mark.parametrize("folder", ["", "./", "MSD/", "./MSD/", "copy of/MSD/", "MSD\\"])
def test_folders_around_everything_are_allowed(tmp_path, folder, caplog):
    names = [
        f"{folder}Task06_Lung/{kind}Tr/lung_00{n}.nii.gz" for kind in ("images", "labels") for n in (1, 3)
    ]
    path = pack(tmp_path / "x.zip", *names, f"{folder}Task06_Lung/imagesTr/._lung_001.nii.gz")
    with caplog.at_level(logging.WARNING):
        assert list(found(path, MSD).values()) == ["lung_001", "lung_003"]
        assert found(path, MSD) == found(path, MSD)
    plain = folder.replace("\\", "/").removeprefix("./")
    told = [f"{path}: all files of {MSD} lie in {plain}"] if plain else []
    assert [record.getMessage() for record in caplog.records] == told, "once"


def test_the_folders_around_are_the_same_for_all_cases(tmp_path):
    path = pack(tmp_path / "x.zip", "A/1/data.nii.gz", "B/2/data.nii.gz")
    with refused_in_one_line(
        r"x\.zip: \{case\}/data\.nii\.gz is there in 2 folders: A/, B/; put the right one into the pattern"
    ):
        found(path, "{case}/data.nii.gz")


def test_files_that_lie_deeper_than_the_others_are_not_taken(tmp_path):
    path = pack(tmp_path / "x.zip", "1/data.nii.gz", "2/data.nii.gz", "more/3/data.nii.gz")
    assert list(found(path, "{case}/data.nii.gz")) == ["1/data.nii.gz", "2/data.nii.gz"]


@pytest.mark.parametrize("pattern", ["{case}/data.nii.gz", "{case}/data.nii"])
def test_nii_and_nii_gz_stand_for_each_other(tmp_path, pattern):
    path = pack(tmp_path / "x.zip", "1/data.nii.gz", "2/data.nii", "3/data.nii.bak", "4/data.niigz")
    assert list(found(path, pattern).values()) == ["1", "2"]


def test_names_that_differ_in_upper_and_lower_case_only_are_refused(tmp_path):
    path = pack(tmp_path / "x.zip", "P1/data.nii.gz", "p1/data.nii.gz", "README", "readme")
    with refused_in_one_line(
        r"x\.zip: P1/data\.nii\.gz and p1/data\.nii\.gz differ in upper and lower case only"
    ):
        found(path, "{case}/data.nii.gz")


@pytest.mark.parametrize(
    ("names", "content"),
    [
        ((), "it holds no file"),
        (("._a",), "it holds no file but ._a"),
        (("a", "b", "c", "1/data.nii.gzip"), "it holds 4 files: 1/data.nii.gzip, a, b ..."),
        (("1/ct.nii.gz",), "it holds 1 file: 1/ct.nii.gz"),
        (("q", "r", "s", "t"), "it holds 4 files: q, r, s ..."),
        (("1/DATA.nii.gz",), "1/DATA.nii.gz differs in upper and lower case: correct datasets.yaml"),
        (
            ("read.me", "Scans.ZIP"),
            "it holds an archive, Scans.ZIP: unpack it, and pack the files themselves",
        ),
        (("scans.tar.gz",), "it holds an archive, scans.tar.gz: unpack it, and pack the files themselves"),
    ],
)
def test_what_an_archive_holds_instead_is_listed(tmp_path, names, content):
    with Archive(pack(tmp_path / "x.zip", *names)) as archive:
        assert describe_content(archive, "{case}/data.nii.gz") == content


DATASET = {
    "images": {"archive": "own/x.zip", "member": "scans/{case}/data.nii.gz", "format": "nifti"},
    "labels": {"archive": "own/x.zip", "member": "scans/{case}/label.nii.gz", "format": "nifti"},
    "case_name": "train_{case}",
}


@pytest.mark.parametrize("folder", ["", "./", "Task3_Thoracic_OAR/", "a/b/"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_cases_are_listed_and_read_below_a_folder_more(tmp_path, folder, suffix):
    names = [f"{folder}scans/{n}/{kind}{suffix}" for n in (1, 12) for kind in ("data", "label")]
    pack(tmp_path / "own" / "x.zip", *names)
    assert list_cases(DATASET, tmp_path, None, left_out={}).cases == ["train_1", "train_12"]
    image, label, _ = load_case(DATASET, tmp_path, "train_12")
    assert image.array.tolist() == label.array.tolist() == [[[1, 2]], [[3, 4]]]


def test_nii_beside_nii_gz_of_one_case_is_refused_with_both_names(tmp_path):
    pack(tmp_path / "own" / "x.zip", "scans/1/data.nii", "scans/1/data.nii.gz", "scans/1/label.nii")
    assert list_cases(DATASET, tmp_path, None, left_out={}).cases == ["train_1"]
    with refused_in_one_line(r"case train_1 has 2 files: scans/1/data\.nii, scans/1/data\.nii\.gz"):
        load_case(DATASET, tmp_path, "train_1")


def test_a_reader_s_hint_names_what_is_there(tmp_path):
    pack(tmp_path / "own" / "x.zip", "scans/1/image.nii.gz", "scans/1/label.nii.gz")
    with refused_in_one_line(
        r"x\.zip: no file matches 'scans/\{case\}/data\.nii\.gz'; it holds 2 files: scans/1/(image|label)"
    ):
        list_cases(DATASET, tmp_path, None, left_out={})
    with refused_in_one_line(r"no file matches .* for case train_1; it holds 2 files: scans/1/"):
        load_case(DATASET, tmp_path, "train_1")


def test_a_broken_member_is_named_by_its_place_in_the_archive(tmp_path):
    pack(tmp_path / "own" / "x.zip", "scans/1/data.nii.gz", "scans/1/label.nii.gz", content=b"no scan")
    with refused_in_one_line(r"own/x\.zip:scans/1/data\.nii\.gz: "):
        load_case(DATASET, tmp_path, "train_1")


def test_a_broken_dicom_slice_is_named_as_in_the_archive(tmp_path):
    pack(tmp_path / "own" / "x.zip", "scans/1/IM_0001.dcm", content=b"no slice")
    dicom = DATASET | {"images": {"archive": "own/x.zip", "member": "scans/{case}/*", "format": "dicom"}}
    with pytest.raises(InputError, match=r"IM_0001\.dcm") as raised:
        load_case(dicom, tmp_path, "train_1")
    assert "0_IM" not in str(raised.value)
    assert "/tmp" not in str(raised.value).replace(str(tmp_path), "")


@pytest.mark.parametrize("folder", ["", "./", "CSTRO/train/"])
def test_an_archive_by_hand_may_have_a_folder_more(tmp_path, folder):
    manual = tmp_path / "manual" / "structseg" / "x.zip"
    pack(manual, f"{folder}Thoracic_OAR/1/data.nii", f"{folder}Thoracic_OAR/2/data.nii.gz")
    members = {"Thoracic_OAR/{case}/data.nii.gz": ["1", "2"]}
    assert find_by_hand(tmp_path / "raw" / "structseg" / "x.zip", "https://example.org", members) == manual


def pack_pictures(tmp_path, members):
    pack(tmp_path / "own" / "slices.zip")
    with zipfile.ZipFile(tmp_path / "own" / "slices.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return tmp_path


def by_mask(**changes):
    """Two normal slices and three with a lesion, in the folders image and mask."""
    ids = {"1/5": [[0, 1], [1, 1]], "1/6": [[1, 1], [1, 1]], "1/7": [[2, 1], [1, 1]], "2/1": [[3, 1], [0, 0]]}
    members = {}
    for name, content in ids.items():
        members[f"image/{name}.jpg"] = png(np.full((2, 2), 200, np.uint8), "jpeg")
        members[f"mask/{name}.png"] = png(np.array(content, np.uint8))
    return members | changes


COUNTS = {"train_normal": None, "train_lesion": None, "test_lesion": 1}


@pytest.mark.parametrize("folder", ["", "./", "ct_lesion_seg/"])
def test_slices_below_a_folder_more(tmp_path, folder):
    raw = pack_pictures(tmp_path, {folder + name: content for name, content in by_mask().items()})
    parts = read_pictures(BY_MASK, raw, size=2, counts=COUNTS)
    assert parts["train_normal"].names == ["1/5", "1/6"]
    assert sorted(parts["train_lesion"].names + parts["test_lesion"].names) == ["1/7", "2/1"]


def test_images_without_mask_are_counted_in_the_log(tmp_path, caplog):
    members = by_mask() | {"image/8.jpg": b"not read", "mask/9.png": b"not read"}
    with caplog.at_level(logging.WARNING):
        read_pictures(BY_MASK, pack_pictures(tmp_path, members), size=2, counts=COUNTS)
    path = tmp_path / "own" / "slices.zip"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 1 images without mask left out: image/8.jpg ...",
        f"{path}: 1 masks without image left out: mask/9.png ...",
    ]


def test_two_pictures_of_one_slice_are_refused(tmp_path):
    dataset = {"slices": BY_MASK["slices"] | {"images": "*image/{case}.jpg"}}
    members = by_mask(**{"a/image/1/5.jpg": by_mask()["image/1/5.jpg"]})
    with refused_in_one_line(r"slices\.zip: image/1/5\.jpg and a/image/1/5\.jpg are the same slice 1/5"):
        read_pictures(dataset, pack_pictures(tmp_path, members), size=2, counts=COUNTS)


def test_a_pattern_of_pictures_that_matches_none_says_what_is_there(tmp_path):
    with refused_in_one_line(
        r"slices\.zip: no file matches '(image|mask)/\{case\}\.(jpg|png)'; it holds 21 files: "
    ):
        read_pictures(BY_MASK, pack_pictures(tmp_path, folders()), size=2, counts=COUNTS)


def test_the_last_star_of_a_pattern_is_the_name_of_a_slice_in_a_stack_alone():
    stack = member_expression("*/{case}/*.png", "1", stack=True)
    assert re.fullmatch(stack, "a/b/1/z5.png")["slice"] == "z5"
    assert not re.fullmatch(stack, "a/1/b/z5.png")
    assert re.fullmatch(member_expression("*/{case}/*.png", "1"), "a/1/b/z5.png").groupdict() == {}
