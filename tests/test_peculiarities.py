"""The phantom's peculiarities: which case has each of them, and what must become of the case.

Each case is really read from the phantom's archives. Scan and labels must be those that were drawn, voxel by
voxel, and cases.csv must tell what was corrected and what looks odd.
"""

import csv
import gzip
import io
import re
import tarfile
import zipfile
from dataclasses import dataclass
from functools import cache

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.interpolate import interp1d
from scipy.ndimage import label as components

from covidseg.archives.origins import archive_paths
from covidseg.archives.phantom import dirt, hosts
from covidseg.archives.phantom.cohort import make_case, ranks
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ingest import ingest
from covidseg.cases.orientation import EXCHANGED, MASKS_HEADER
from covidseg.volumes import read_volume
from covidseg.weak.slices import read_slices

SEED = 5
HOSTS = {"structseg-lung": "structseg", "nsclc-lung": "nsclc"}  # data sets that read another one's archives
TURNED, IDS = re.escape(MASKS_HEADER), re.escape(EXCHANGED)
FILLED = r"filled: slices at ([-\d.]+(, )?){{{}}} mm"  # so many places
LAID = r"label laid on the \d+ slices of the series, and repeated on the filled ones from the nearest slice"
MOVED = r"{} took the geometry of the scan, which is \d+ mm away"


@dataclass(frozen=True)
class Odd:
    """A case with peculiarities.

    Attributes:
        dataset: the data set that reads the case.
        case: name of the case.
        peculiarities: names of the functions in the phantom's tables of dirt that change the case.
        corrections, warnings: regular expressions, one for each sentence in cases.csv.
        lost: slices (z) that the series lacks.
        mask_lacks_them: whether the masks lack the slices, too.
    """

    dataset: str
    case: str
    peculiarities: tuple[str, ...]
    corrections: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    mask_lacks_them: bool = False


ODD = [
    Odd("covid20", "coronacases_005", ("origin_within_tolerance",)),
    Odd("covid20", "coronacases_003", ("origin_lost",), warnings=(MOVED.format("lungs"),)),
    Odd("covid20", "radiopaedia_14_85914_0", ("odd_matrix", "header_says_front_to_back"), (TURNED,)),
    Odd("covid20", "radiopaedia_27_86410_0", ("beyond_the_window",), (TURNED,), (r"voxels from -0\.001 to 255\.25 were clipped to 0 to 255: \d+",)),
    Odd("covid20", "radiopaedia_40_86625_0", ("as_float64",), (TURNED,)),
    Odd("covid20", "radiopaedia_7_85703_0", ("header_says_upside_down",), (TURNED,)),
    Odd("msd", "lung_022", ("origin_within_tolerance",)),
    Odd("structseg", "train_13", ("uncompressed",)),
    Odd("structseg", "train_15", ("as_int64",)),
    Odd("structseg", "train_16", ("four_dimensions",)),
    Odd("structseg-lung", "train_17", ("origin_lost",), (IDS,), (MOVED.format("label"),)),
    Odd("nsclc", "LUNG1-002", ("origin_lost",), warnings=(MOVED.format("label"),)),
    Odd("nsclc", "LUNG1-008", ("uneven_positions",)),
    Odd("nsclc", "LUNG1-013", ("without_slices",), (FILLED.format(1), LAID), (), (14,), True),
    Odd("nsclc", "LUNG1-024", ("without_slices",), (FILLED.format(3),), (), (9, 18, 19)),
    Odd("nsclc", "LUNG1-028", ("doubled_slice", "not_whole_numbers"), (), (r"slices stored twice, one of each used: .*1-028\.dcm = .*1-014\.dcm", r"\d+ voxels of the label are no whole numbers and were rounded, by up to 0\.04")),
    Odd("nsclc-lung", "LUNG1-002", ("origin_lost",), warnings=(MOVED.format("label"),)),
    Odd("nsclc-lung", "LUNG1-013", ("without_slices",), (FILLED.format(1), LAID), (), (14,), True),
    Odd("nsclc-lung", "LUNG1-016", ("slim",)),
    Odd("nsclc-lung", "LUNG1-018", ("badly_aerated",)),
    Odd("nsclc-lung", "LUNG1-024", ("without_slices",), (FILLED.format(3),), (), (9, 18, 19)),
    Odd("nsclc-lung", "LUNG1-026", ("one_lung",), (), (r"no voxel is labelled right lung.*",)),
    Odd("mosmed", "study_0258", ("stored_as_las", "scale_not_a_number")),
    Odd("mosmed", "study_0259", ("one_voxel_lesion",)),
    Odd("mosmed", "study_0260", ("origin_within_tolerance",)),
]  # fmt: skip

# archive, its peculiarities, files that the archive therefore has
ARCHIVES = [
    ("msd/Task06_Lung.tar", ("dot_before_paths",), "./Task06_Lung/labelsTr/lung_022.nii.gz"),
    ("msd/Task06_Lung.tar", ("unlabelled_scan",), "./Task06_Lung/imagesTs/lung_002.nii.gz"),
    ("msd/Task06_Lung.tar", ("hidden_twins",), "./Task06_Lung/labelsTr/._lung_022.nii.gz"),
    ("structseg/Lung_GTV.zip", ("uncompressed",), "Lung_GTV/13/label.nii"),
    ("structseg/Lung_GTV.zip", ("hidden_twins",), "Lung_GTV/15/._data.nii.gz"),
    ("structseg/Thoracic_OAR.zip", ("one_folder_more",), "Task3_Thoracic_OAR/Thoracic_OAR/17/data.nii.gz"),
    ("nsclc/PleThora-Effusions-June-2020.zip", ("further_reviewer",), "Effusions/LUNG1-002/LUNG1-002_effusion_second_reviewer.nii.gz"),
    ("nsclc/PleThora-Thoracic_Cavities-June-2020.zip", ("further_reviewer",), "Thoracic_Cavities/LUNG1-002/LUNG1-002_thor_cav_secondary_reviewer.nii.gz"),
]  # fmt: skip

# archive, file, what is odd about the file
FILES = [
    ("covid20/COVID-19-CT-Seg_20cases.zip", "radiopaedia_40_86625_0.nii.gz", lambda image: image.get_data_dtype() == np.float64),
    ("covid20/COVID-19-CT-Seg_20cases.zip", "radiopaedia_27_86410_0.nii.gz", lambda image: (image.get_fdata().min(), image.get_fdata().max()) == (pytest.approx(-0.001), 255.25)),
    ("covid20/COVID-19-CT-Seg_20cases.zip", "radiopaedia_14_85914_0.nii.gz", lambda image: image.shape[1] < 0.8 * image.shape[0]),
    ("structseg/Lung_GTV.zip", "Lung_GTV/15/data.nii.gz", lambda image: image.get_data_dtype() == np.int64),
    ("structseg/Lung_GTV.zip", "Lung_GTV/16/label.nii.gz", lambda image: image.shape[3:] == (1,)),
    ("structseg/Thoracic_OAR.zip", "Task3_Thoracic_OAR/Thoracic_OAR/17/label.nii.gz", lambda image: not image.affine[:3, 3].any() and set(np.unique(image.dataobj)) == set(range(7))),
    ("nsclc/PleThora-Effusions-June-2020.zip", "Effusions/LUNG1-028/LUNG1-028_effusion_first_reviewer.nii.gz", lambda image: np.unique(image.dataobj).tolist() == pytest.approx([0.04, 0.9999])),
    ("mosmed/study_0258_mask.nii.gz", "", lambda image: nib.aff2axcodes(image.affine) == tuple("LAS")),
]  # fmt: skip


def host_of(dataset):
    return HOSTS.get(dataset, dataset)


def cases_of(host):
    return sorted({odd.case for odd in ODD if host_of(odd.dataset) == host})


@pytest.fixture(scope="module")
def raw(config, tmp_path_factory):
    """A function from a host to the folder of all archives, among them those of the host's odd cases."""
    folder = tmp_path_factory.mktemp("raw")

    @cache
    def of(host):
        (folder / host).mkdir()
        cases = cases_of(host)
        paths = {
            path.format(case=case)
            for name in {odd.dataset for odd in ODD if host_of(odd.dataset) == host}
            for path in archive_paths(config.datasets[name])
            for case in cases
        }
        for path in paths:
            name = path.partition("/")[2]
            hosts.write_archive(folder / path, host, name, cases=cases, cohort=cases, seed=SEED)
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosts, "make_case", cache(make_case))  # each case is drawn once
        yield of


@pytest.fixture(scope="module")
def ingested(config, raw, tmp_path_factory):
    """A function from a data set to the folder of its odd cases, and the rows of cases.csv."""
    output = tmp_path_factory.mktemp("cases")

    @cache
    def of(name):
        dataset, cases, folder = config.datasets[name], cases_of(host_of(name)), CaseFolder(output / name)
        ingest(
            dataset,
            raw=raw(host_of(name)),
            names=config.archived_apart(name) and cases,
            left_out={},
            listed=True,
            output=folder,
            workers=1,
        )
        with open(folder.table, newline="") as file:
            rows = {row["case"]: row for row in csv.DictReader(file)}
        assert list(rows) == cases
        return folder, rows

    return of


def drawn(odd):
    host = host_of(odd.dataset)
    rank = ranks(tuple(cases_of(host)), SEED)[odd.case]
    return dirt.examined(host, odd.case, hosts.make_case(host, odd.case, seed=SEED, rank=rank))


def scan_of(odd, case):
    """The scan in the units of the published file."""
    if not odd.case.startswith("radiopaedia"):
        return case.image.array
    windowed = ((np.clip(case.image.array, -1250, 250) + 1250.0) * (255 / 1500)).astype(np.int16)
    if "beyond_the_window" in odd.peculiarities:
        windowed[np.ix_([0, -1], [0, -1], [0, -1])] = 0
    return windowed


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd.dataset}-{odd.case}")
def test_an_odd_case_ends_as_it_was_drawn(ingested, odd):
    folder, _ = ingested(odd.dataset)
    case = drawn(odd)
    image, label = read_volume(folder.image(odd.case)), read_volume(folder.label(odd.case))
    scan, mask = scan_of(odd, case), (case.lungs if odd.dataset.endswith("-lung") else case.lesion).array
    assert image.geometry.differences(case.image.geometry) == []
    assert label.geometry.differences(case.image.geometry) == []
    there, lost = np.setdiff1d(np.arange(len(scan)), odd.lost), list(odd.lost)
    np.testing.assert_allclose(image.array[there], scan[there], atol=1e-4)
    np.testing.assert_allclose(image.array[lost], interp1d(there, scan[there], axis=0)(lost), atol=0.51)
    if odd.mask_lacks_them:
        mask = mask[there[np.abs(np.arange(len(mask))[:, None] - there).argmin(1)]]
    np.testing.assert_array_equal(label.array, mask)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd.dataset}-{odd.case}")
def test_the_table_of_cases_tells_what_was_odd(ingested, odd):
    row = ingested(odd.dataset)[1][odd.case]
    assert int(row["missing_slices"]) == len(odd.lost)
    for column, expected in (("corrections", odd.corrections), ("warnings", odd.warnings)):
        found = [sentence for sentence in row[column].split("; ") if sentence]
        assert len(found) == len(expected), found
        for sentence, expression in zip(found, expected, strict=True):
            assert re.fullmatch(expression, sentence)


def test_a_lesion_of_one_voxel_counts_as_a_lesion(ingested):
    odd = next(odd for odd in ODD if "one_voxel_lesion" in odd.peculiarities)
    case, row = drawn(odd), ingested(odd.dataset)[1][odd.case]
    clean = hosts.make_case(
        "mosmed", odd.case, seed=SEED, rank=ranks(tuple(cases_of("mosmed")), SEED)[odd.case]
    )
    assert case.lesion.array.sum() == clean.lesion.array.sum() + 1 == int(row["voxels_infection"])
    assert int(row["lesions_infection"]) == components(clean.lesion.array, np.ones((3, 3, 3)))[1] + 1


def test_a_collapsed_slim_chest_is_darker_in_front_than_in_the_lungs(raw):
    """So the scan would be turned front to back, if the lungs' mean density decided."""
    case = drawn(next(odd for odd in ODD if "badly_aerated" in odd.peculiarities))
    image, lungs = case.image.array, case.lungs.array > 0
    assert image[:, ::-1][lungs].mean() < image[lungs].mean() - 100


def content_of(path):
    """File name -> content, in an archive of any kind."""
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            return {entry.name: archive.extractfile(entry).read() for entry in archive}
    if path.suffix == ".gz":
        return {"": path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(("archive", "peculiarities", "member"), ARCHIVES)
def test_an_odd_archive_has_files_that_others_have_not(raw, archive, peculiarities, member):
    assert member in content_of(raw(archive.partition("/")[0]) / archive), peculiarities


@pytest.mark.parametrize(("archive", "member", "is_odd"), FILES)
def test_an_odd_file_is_stored_as_a_real_one_is(raw, archive, member, is_odd):
    content = content_of(raw(archive.partition("/")[0]) / archive)[member]
    assert is_odd(nib.Nifti1Image.from_bytes(gzip.decompress(content)))


def test_a_scale_is_not_a_number(raw):
    header = gzip.decompress((raw("mosmed") / "mosmed" / "study_0258_mask.nii.gz").read_bytes())
    assert np.isnan(nib.Nifti1Header(header[:348], check=False)["scl_slope"])


@pytest.mark.parametrize(
    ("case", "gaps"), [("LUNG1-008", 0), ("LUNG1-013", 1), ("LUNG1-024", 3), ("LUNG1-028", -1)]
)
def test_a_series_lacks_slices_or_has_one_twice(raw, case, gaps):
    files = content_of(raw("nsclc") / "nsclc" / f"{case}.zip").values()
    slices = [pydicom.dcmread(io.BytesIO(file)) for file in files]
    heights = sorted(float(slice_.ImagePositionPatient[2]) for slice_ in slices)
    step = np.median(np.diff(heights))
    assert sum(round(gap / step) - 1 for gap in np.diff(heights)) == gaps
    assert (np.ptp(np.diff(heights)) < 0.05) == (gaps == 0)
    assert len({slice_.SOPInstanceUID for slice_ in slices}) == len(slices)


def test_slices_whose_mask_shows_no_lesion_are_never_tested(config, tmp_path, monkeypatch):
    dataset = config.datasets["capepoint"]
    (name,) = dataset["archives"]
    counts = {"train_normal": None, "train_lesion": None, "test_lesion": 20}
    found = {}
    for folder, table in (("clean", []), ("odd", dirt.ARCHIVES)):
        monkeypatch.setattr(dirt, "ARCHIVES", table)
        (tmp_path / folder / "capepoint").mkdir(parents=True)
        scans = [f"scan_{i:03d}" for i in range(1, 9)]
        hosts.write_archive(
            tmp_path / folder / "capepoint" / name, "capepoint", name, cases=scans, cohort=scans, seed=SEED
        )
        found[folder] = read_slices(
            dataset, tmp_path / folder, size=48, mask_level=128, counts=counts, seed=SEED
        )
    assert found["odd"]["test_lesion"].names == found["clean"]["test_lesion"].names
    lesions = len(found["clean"]["train_lesion"].names) + 20
    assert found["odd"]["train_lesion"].names == [
        *found["clean"]["train_lesion"].names, str(lesions + 1), str(lesions + 2)
    ]  # fmt: skip


def test_every_peculiarity_of_the_phantom_is_listed_here():
    listed = {name for odd in ODD for name in odd.peculiarities} | {
        name for row in ARCHIVES for name in row[1]
    }
    listed |= {"masks_without_lesion", "unrelated_pictures"}
    changes = [*dirt.PATIENTS.values(), *(change for _, change in [*dirt.FILES, *dirt.ARCHIVES])]
    assert listed == {getattr(change, "func", change).__name__ for change in changes}
