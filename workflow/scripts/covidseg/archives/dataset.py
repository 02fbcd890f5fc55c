"""Types of the content of datasets.yaml: one entry per data set, and the parts of an entry.

config/datasets.yaml explains the keys, and config/schemas/datasets.schema.yaml says which keys are required.
Every key of an entry is optional here, because a rule passes only the keys that its job reads.
"""

from typing import Literal, TypedDict

VolumeKind = Literal["images", "labels", "lungs"]  # keys of an entry with scans or label maps
Kind = VolumeKind | Literal["slices"]  # keys of an entry with patterns of paths in an archive
Names = str | list[str]  # names of regions of interest, or patterns of names
# Names, which become label 1; label id -> names; or pattern of names of cases -> any of these.
Roi = Names | dict[int, Names] | dict[str, Names | dict[int, Names]]
Address = str | list[str] | None  # None: a user puts the archive into data/manual by hand


class Checksums(TypedDict, total=False):
    """Checksums and size that an archive must have. An entry gives any of them."""

    sha256: str
    md5: str
    git_blob: str  # the SHA-1 by which git names the content of a file
    bytes: int


class ArchiveEntry(Checksums, total=False):
    """Where an archive comes from, and which checksums the archive must have."""

    address: Address
    checksums: str  # name of a table of checksums in the folder of datasets.yaml


class Members(TypedDict, total=False):
    """Scans or label maps in an archive.

    Attributes:
        archive: path of the archive below data/raw.
        member: pattern of paths in the archive, with {case} and *.
        format: nifti, dicom, rtstruct, seg or slices.
        spacing: spacing (z, y, x) in mm of scans that are pictures (format slices).
        roi: regions of interest, for contours and segments (format rtstruct or seg), see `names_by_id`.
        map: label id in the archive -> label id of the project, for label maps.
        geometry: own (the default: a label map must lie where its scan lies) or image (by its header, the
            label map may lie elsewhere, and takes the geometry of its scan).
    """

    archive: str
    member: str
    format: Literal["nifti", "dicom", "rtstruct", "seg", "slices"]
    spacing: list[float]
    roi: Roi
    map: dict[int, int]
    geometry: Literal["own", "image"]


class Pictures(TypedDict, total=False):
    """Slices with image-level labels in an archive.

    Attributes:
        archive: path of the archive below data/raw.
        normal, lesion: patterns of the slices without a lesion and of the slices with a lesion.
        images: pattern of all slices, if the masks tell which slices have a lesion.
        masks: pattern of the masks.
        lungs, lesions: grey levels of the lungs and of the lesions in the masks.
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
        archive: path of the archive below data/raw.
        case: name of the column with the names of the cases.
        mask: name of the column with the masks, which is empty if a case has no mask.
    """

    archive: str
    case: str
    mask: str


class Dataset(TypedDict, total=False):
    """An entry of datasets.yaml.

    Attributes:
        title, homepage, licence, citation: texts for the tables and for the list of licences.
        gigabytes: approximate size of all archives.
        record: address of the JSON of a Zenodo record.
        cases: names of the cases, or patterns of names; without the key, all cases. In the file, a single
            pattern or the name of a file with the names may stand here, too (see `read_chosen_cases`).
        leave_out: case that is not read -> reason, which tables print.
        archives: file name at the host -> where the archive comes from.
        registry: the table that lists the cases.
        images, labels, lungs: scans, label maps, and label maps of both lungs.
        sides: pattern of case names -> what to trust if the left lung lies on the patient's right.
        case_name: the project's name of a case, with {case} for the name in the archive.
        patient: regular expression of the part of a case's name that identifies the patient.
        regions: the project's label id -> region.
        intensity: pattern of case names -> hounsfield, windowed or grey.
        missing_slices: "fill" (the default) or "refuse": what to do if a DICOM series lacks slices.
        slices: pictures with image-level labels, instead of images and labels.
        split: key of config/splits.json, name of a file of folds, "random", "train" or "test".
    """

    title: str
    homepage: str
    licence: str
    citation: str
    gigabytes: float
    record: str
    cases: list[str]
    leave_out: dict[str, str]
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
    missing_slices: Literal["fill", "refuse"]
    slices: Pictures
    split: str


Datasets = dict[str, Dataset]
