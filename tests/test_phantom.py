"""The phantom: same seed, same bytes; the hosts' layouts; anatomy and lesions of the right kind."""

import gzip
import io
import json
import tarfile
import zipfile

import nibabel as nib
import numpy as np
import pydicom
import pytest

from covidseg.archives.phantom.cohort import make_case, ranks
from covidseg.archives.phantom.hosts import write_archive
from covidseg.errors import InputError
from covidseg.volumes import parse_volume

SEED = 7
COVID = ["coronacases_001", "coronacases_002", "radiopaedia_10_85902_1", "radiopaedia_4_85506_1"]


def archive(tmp_path, dataset, name, cases):
    path = tmp_path / name
    write_archive(path, dataset, name, cases=cases, cohort=cases, seed=SEED)
    return path


def volumes_of(path):
    with zipfile.ZipFile(path) as content:
        return {
            name: parse_volume(content.read(name), name)
            for name in content.namelist()
            if name.endswith(".gz")
        }


@pytest.mark.parametrize(
    ("dataset", "name", "cases"),
    [
        ("covid20", "COVID-19-CT-Seg_20cases.zip", COVID[:1]),
        ("msd", "Task06_Lung.tar", ["lung_001"]),
        ("nsclc", "LUNG1-001.zip", ["LUNG1-001"]),
    ],
)
def test_same_seed_same_bytes(tmp_path, dataset, name, cases):
    first = archive(tmp_path, dataset, name, cases).read_bytes()
    assert archive(tmp_path, dataset, name, cases).read_bytes() == first
    write_archive(tmp_path / name, dataset, name, cases=cases, cohort=cases, seed=SEED + 1)
    assert (tmp_path / name).read_bytes() != first


@pytest.mark.slow
def test_zenodo_zips_are_flat_and_share_names_grids_and_labels(tmp_path):
    names = ["COVID-19-CT-Seg_20cases", "Lung_Mask", "Infection_Mask", "Lung_and_Infection_Mask"]
    image, lungs, infection, joint = (
        volumes_of(archive(tmp_path, "covid20", f"{name}.zip", COVID)) for name in names
    )
    assert set(image) == {f"{case}.nii.gz" for case in COVID}
    for name in image:
        for other in (lungs, infection, joint):
            assert image[name].geometry.differences(other[name].geometry) == []
        both = lungs[name].array, infection[name].array
        assert set(np.unique(both[0])) == {0, 1, 2}
        assert set(np.unique(both[1])) <= {0, 1}
        np.testing.assert_array_equal(joint[name].array, np.where(both[1] > 0, 3, both[0]))
        assert (both[0][both[1] > 0] > 0).all()


def test_only_the_radiopaedia_cases_are_windowed(tmp_path):
    images = volumes_of(archive(tmp_path, "covid20", "COVID-19-CT-Seg_20cases.zip", COVID))
    for name, volume in images.items():
        if name.startswith("radiopaedia"):
            assert volume.array.min() >= 0
            assert volume.array.max() == 255
        else:
            assert volume.array.min() < -900
            assert volume.array.max() > 300


def test_files_are_stored_in_several_orientations_shapes_and_spacings(tmp_path):
    codes, shapes, spacings = set(), set(), set()
    path = archive(tmp_path, "covid20", "Infection_Mask.zip", [f"coronacases_{i:03d}" for i in range(1, 9)])
    with zipfile.ZipFile(path) as content:
        for name in content.namelist():
            image = nib.Nifti1Image.from_bytes(gzip.decompress(content.read(name)))
            codes.add("".join(nib.aff2axcodes(image.affine)))
            shapes.add(image.shape)
            spacings.add(tuple(np.round(image.header.get_zooms(), 3)))
            assert image.header.get_zooms()[2] > 2 * image.header.get_zooms()[0]
    assert len(codes) > 1
    assert len(shapes) > 4
    assert len(spacings) > 4


def test_decathlon_tar_has_its_header_and_the_forks_of_macos(tmp_path):
    path = archive(tmp_path, "msd", "Task06_Lung.tar", ["lung_001", "lung_003"])
    with tarfile.open(path) as content:
        names = content.getnames()
        header = json.load(content.extractfile("./Task06_Lung/dataset.json"))
    assert header["numTraining"] == 2
    assert header["labels"] == {"0": "background", "1": "cancer"}
    for case in ("lung_001", "lung_003"):
        for folder in ("imagesTr", "labelsTr"):
            assert f"./Task06_Lung/{folder}/{case}.nii.gz" in names
            assert f"./Task06_Lung/{folder}/._{case}.nii.gz" in names


def test_structseg_folders_are_numbered(tmp_path):
    path = archive(tmp_path, "structseg", "Lung_GTV.zip", ["train_1", "train_12"])
    with zipfile.ZipFile(path) as content:
        assert sorted(content.namelist()) == [
            f"Lung_GTV/{number}/{hidden}{name}.nii.gz"
            for number in ("1", "12")
            for hidden in ("._", "")
            for name in ("data", "label")
        ]


def test_nsclc_is_dicom_with_plethora_masks_stored_otherwise(tmp_path):
    path = archive(tmp_path, "nsclc", "LUNG1-001.zip", ["LUNG1-001"])
    with zipfile.ZipFile(path) as content:
        slices = [pydicom.dcmread(io.BytesIO(content.read(name))) for name in sorted(content.namelist())]
    heights = [float(item.ImagePositionPatient[2]) for item in slices]
    assert heights == sorted(heights, reverse=True)
    assert {item.RescaleIntercept for item in slices} == {-1024}
    assert len({item.SOPInstanceUID for item in slices}) == len(slices)
    for name, folder in (
        ("Effusions", "effusion_first_reviewer"),
        ("Thoracic_Cavities", "thor_cav_primary_reviewer"),
    ):
        masks = archive(tmp_path, "nsclc", f"PleThora-{name}-June-2020.zip", ["LUNG1-001"])
        with zipfile.ZipFile(masks) as content:
            member = content.namelist()[0]
            assert member == f"{name}/LUNG1-001/LUNG1-001_{folder}.nii.gz"
            image = nib.Nifti1Image.from_bytes(gzip.decompress(content.read(member)))
        assert nib.aff2axcodes(image.affine) == ("L", "A", "S")


def test_mosmed_has_a_registry_and_eight_millimetre_slices(tmp_path):
    registry = archive(tmp_path, "mosmed", "dataset_registry.csv", ["study_0255"]).read_text()
    path = archive(tmp_path, "mosmed", "study_0255_mask.nii.gz", ["study_0255"])
    mask = parse_volume(path.read_bytes(), "mask")
    assert "study_0255,CT-1,/studies/CT-1/study_0255.nii.gz,/masks/study_0255_mask.nii.gz" in registry
    assert mask.geometry.spacing[0] == 8.0
    assert mask.array.dtype == np.int16


@pytest.mark.parametrize("dataset", ["covid20", "msd", "structseg", "nsclc", "mosmed"])
def test_anatomy_in_hounsfield_units(dataset):
    case = make_case(dataset, "someone", seed=SEED, rank=0.8)
    hu, lungs, lesion = (volume.array for volume in (case.image, case.lungs, case.lesion))
    voxel = np.prod(case.image.geometry.spacing) / 1e6  # litres
    assert hu[:, 0, 0].mean() == pytest.approx(-1000, abs=40)
    healthy = hu[(lungs > 0) & (lesion == 0)]
    assert -900 < np.median(healthy) < -700
    left, right = (np.count_nonzero(lungs == side) * voxel for side in (1, 2))
    assert 1.2 < left < right < 4.5, "the left lung is the smaller one"
    x = [(case.image.geometry.affine @ [*np.argwhere(lungs == side).mean(0)[::-1], 1])[0] for side in (1, 2)]
    assert x[0] > 40
    assert x[1] < -40
    assert (hu > 300).mean() > 0.002, "bone"
    assert lesion.any()


@pytest.mark.slow
def test_lesions_have_the_density_of_their_kind():
    def median_hu(dataset, rank=0.8):
        values = []
        for name in ("a", "b", "c", "d", "e", "f"):
            case = make_case(dataset, name, seed=SEED, rank=rank)
            values.append(np.median(case.image.array[case.lesion.array > 0]))
        return np.median(values)

    assert -720 < median_hu("covid20") < -300  # ground glass
    assert -750 < median_hu("mosmed") < -450  # fainter ground glass
    assert -150 < median_hu("msd") < 80  # part-solid to solid
    assert -60 < median_hu("structseg") < 80
    assert -10 < median_hu("nsclc") < 40  # fluid


def test_infection_load_spans_the_range_of_the_real_cases():
    loads = []
    for rank in (0.0, 0.5, 1.0):
        case = make_case("covid20", f"case{rank}", seed=SEED, rank=rank)
        loads.append(np.count_nonzero(case.lesion.array) / np.count_nonzero(case.lungs.array))
    assert loads[0] == pytest.approx(1e-4, abs=1e-4)
    assert loads[2] == pytest.approx(0.59, abs=0.01)
    assert loads[0] < loads[1] < loads[2]


def test_effusions_are_dependent_and_infections_peripheral():
    case = make_case("nsclc", "someone", seed=SEED, rank=0.5)
    y = [np.argwhere(array > 0)[:, 1].mean() for array in (case.lesion.array, case.lungs.array)]
    assert y[0] > y[1] + 8
    for name in ("a", "b"):
        case = make_case("covid20", name, seed=SEED, rank=0.9)
        sides = case.lungs.array[case.lesion.array > 0]
        assert min((sides == 1).mean(), (sides == 2).mean()) > 0.1, "bilateral"


def test_ranks_are_even_and_every_four_neighbours_span_the_range():
    names = tuple(f"case{i}" for i in range(20))
    place = ranks(names, 3)
    assert sorted(place.values()) == pytest.approx(np.linspace(0, 1, 20))
    for start in range(0, 20, 4):
        quarters = {int(place[name] * 19 // 5) for name in names[start : start + 4]}
        assert quarters == {0, 1, 2, 3}


def test_unknown_archives_are_refused_with_those_there(tmp_path):
    with pytest.raises(InputError, match=r"covid20/Lungs\.zip: the host has only"):
        archive(tmp_path, "covid20", "Lungs.zip", COVID)
    with pytest.raises(InputError, match="no phantom of this data set"):
        archive(tmp_path, "lidc", "x.zip", COVID)
