"""The shape of datasets.yaml: one entry per data set, and the parts of an entry.

config/datasets.yaml says what the keys mean, and config/schemas/datasets.schema.yaml which of them are
needed. A rule passes only the keys that its job reads, so every key of an entry is optional here.
"""

from typing import Literal, TypedDict

VolumeKind = Literal["images", "labels", "lungs"]  # the keys of scans and label maps
Kind = VolumeKind | Literal["slices"]  # the keys whose archives have a pattern of members
Address = str | list[str] | None  # None: the archive is put into data/manual by hand


class Checksums(TypedDict, total=False):
    """What an archive must be: any of these."""

    sha256: str
    md5: str
    git_blob: str  # the name by which git calls a file's content
    bytes: int


class ArchiveEntry(Checksums, total=False):
    """Where an archive comes from, and what the archive must be."""

    address: Address
    checksums: str  # a table of checksums beside datasets.yaml


class Members(TypedDict, total=False):
    """Scans or label maps in an archive.

    Attributes:
        archive: path below data/raw.
        member: pattern of paths in the archive, with {case} and *.
        format: nifti, dicom, rtstruct or slices.
        spacing: of scans that are pictures, (z, y, x) in mm.
        roi: of contours (rtstruct), the name of the region of interest.
        map: of label maps, the archive's label id -> the project's.
    """

    archive: str
    member: str
    format: Literal["nifti", "dicom", "rtstruct", "slices"]
    spacing: list[float]
    roi: str
    map: dict[int, int]


class Pictures(TypedDict, total=False):
    """Slices with image-level labels in an archive.

    Attributes:
        archive: path below data/raw.
        normal, lesion: patterns of the slices without and with lesion.
        images: pattern of the slices where the masks tell which of them have a lesion.
        masks: pattern of the masks.
        lungs, lesions: grey levels of lungs and of lesions in the masks.
    """

    archive: str
    normal: str
    lesion: str
    images: str
    masks: str
    lungs: list[int]
    lesions: list[int]


class Registry(TypedDict):
    """A table in an archive that lists the cases.

    Attributes:
        archive: path below data/raw.
        case: column of the case's name.
        mask: column of the case's mask, empty where the case has none.
    """

    archive: str
    case: str
    mask: str


class Dataset(TypedDict, total=False):
    """An entry of datasets.yaml.

    Attributes:
        title, homepage, licence, citation: for the tables and for the licences.
        gigabytes: of all archives, about.
        record: address of the JSON of a Zenodo record.
        cases: names, where neither an archive nor a published split tells them.
        archives: name at the host -> where the archive comes from.
        registry: the table that lists the cases.
        images, labels, lungs: scans, label maps, and label maps of both lungs.
        sides: pattern of case names -> what to believe if the left lung lies on the right.
        case_name: the project's name of a case, with {case} for the archive's own.
        patient: regular expression of the part of a case's name that names the patient.
        regions: the project's label id -> region.
        intensity: pattern of case names -> hounsfield, windowed or grey.
        slices: pictures with image-level labels, in place of images and labels.
        split: key of config/splits.json, "random" or "test".
    """

    title: str
    homepage: str
    licence: str
    citation: str
    gigabytes: float
    record: str
    cases: list[str]
    archives: dict[str, ArchiveEntry]
    registry: Registry
    images: Members
    labels: Members
    lungs: Members
    sides: dict[str, str]
    case_name: str
    patient: str
    regions: dict[int, str]
    intensity: dict[str, str]
    slices: Pictures
    split: str


Datasets = dict[str, Dataset]
