"""Where the cases of an ingested data set lie, and the table of the cases."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from covidseg.errors import InputError
from covidseg.reading import AGAIN, read_rows

CASES = Path("results/cases")  # one folder per data set
SUFFIX = ".nii.gz"
SEPARATOR = "; "  # between the sentences in a cell
COUNTS = ("voxels", "slices", "lesions")  # columns <count>_<region> of the table of the cases


def volume_path(folder: Path, case: str) -> Path:
    """Return the path of a case in a folder of scans, label maps or predictions."""
    return folder / f"{case}{SUFFIX}"


def cases_in(folder: Path) -> list[str]:
    """Return the sorted names of the cases in a folder of scans, labels or predictions.

    A hidden file is no case: a job that was killed can leave a file behind under its temporary name.
    """
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"[!.]*{SUFFIX}"))


@dataclass(frozen=True)
class CaseFolder:
    """The folder of an ingested data set.

    Attributes:
        path: results/cases/<data set>.
    """

    path: Path

    @classmethod
    def of(cls, dataset: str) -> Self:
        """Return the folder of a data set in the results."""
        return cls(CASES / dataset)

    @property
    def table(self) -> Path:
        """The table of the cases: one CaseRow per case."""
        return self.path / "cases.csv"

    @property
    def images(self) -> Path:
        """Folder of the scans: int16 (z, y, x), in Hounsfield units or in grey levels, LPS."""
        return self.path / "images"

    @property
    def labels(self) -> Path:
        """Folder of the label maps: uint8 (z, y, x), the project's label ids, on the scans' grids."""
        return self.path / "labels"

    def image(self, case: str) -> Path:
        """Return the path of a case's scan."""
        return volume_path(self.images, case)

    def label(self, case: str) -> Path:
        """Return the path of a case's label map."""
        return volume_path(self.labels, case)


@dataclass(frozen=True)
class CaseRow:
    """A row of cases.csv.

    Attributes:
        case: the project's name of the case.
        patient: the patient's name; one patient may have several cases.
        shape: voxels (z, y, x).
        spacing_mm: millimetres per voxel (z, y, x).
        missing_slices: number of slices that the scan's files lack and that `ingest` has interpolated.
        hu_min, hu_max: lowest and highest voxel, in the scan's own units (HU or grey levels).
        voxels: region -> number of its voxels in the label map.
        slices: region of LESIONS -> number of slices that show the region.
        lesions: region of LESIONS -> number of lesions, see `count_lesions`.
        corrections: what `ingest` has corrected, in words.
        warnings: what looks odd and was left as it is, in words.
        sha256: checksum of the scan's file.
        voxel_sha256: checksum of the scan's voxels, see `voxel_digest`.
    """

    case: str
    patient: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    missing_slices: int
    hu_min: float
    hu_max: float
    voxels: dict[str, int]
    slices: dict[str, int]
    lesions: dict[str, int]
    corrections: tuple[str, ...]
    warnings: tuple[str, ...]
    sha256: str
    voxel_sha256: str

    def to_csv(self) -> dict[str, object]:
        """Return the row as column -> cell."""
        return {
            "case": self.case,
            "patient": self.patient,
            "shape": "x".join(str(n) for n in self.shape),
            "spacing_mm": "x".join(f"{mm:g}" for mm in self.spacing_mm),
            "missing_slices": self.missing_slices,
            "hu_min": self.hu_min,
            "hu_max": self.hu_max,
            **{
                f"{count}_{region}": number
                for count in COUNTS
                for region, number in getattr(self, count).items()
            },
            "corrections": _join_sentences(self.corrections),
            "warnings": _join_sentences(self.warnings),
            "sha256": self.sha256,
            "voxel_sha256": self.voxel_sha256,
        }

    @classmethod
    def from_csv(cls, cells: dict[str, str]) -> Self:
        """Return the row that `cells` (column -> cell) describe."""
        return cls(
            case=cells["case"],
            patient=cells["patient"],
            shape=parse_shape(cells["shape"]),
            spacing_mm=parse_spacing(cells["spacing_mm"]),
            missing_slices=int(cells["missing_slices"]),
            hu_min=float(cells["hu_min"]),
            hu_max=float(cells["hu_max"]),
            **{
                count: {
                    column.removeprefix(f"{count}_"): int(cell)
                    for column, cell in cells.items()
                    if column.startswith(f"{count}_")
                }
                for count in COUNTS
            },
            corrections=_parse_sentences(cells["corrections"]),
            warnings=_parse_sentences(cells["warnings"]),
            sha256=cells["sha256"],
            voxel_sha256=cells["voxel_sha256"],
        )


def _join_sentences(sentences: tuple[str, ...]) -> str:
    return SEPARATOR.join(sentence.replace(SEPARATOR, ", ") for sentence in sentences)


def _parse_sentences(cell: str) -> tuple[str, ...]:
    return tuple(filter(None, cell.split(SEPARATOR)))


def read_case_rows(table: Path) -> list[CaseRow]:
    """Return the rows of a cases.csv.

    Raises:
        InputError: the file is damaged or of another version.
    """
    rows = read_rows(table, ("case", "patient", "shape", "spacing_mm"))
    try:
        return [CaseRow.from_csv(cells) for cells in rows]
    except (KeyError, ValueError) as error:
        raise InputError(f"{table}: damaged, or of another version ({error}); {AGAIN}") from error


def parse_shape(cell: str) -> tuple[int, int, int]:
    """Return the voxels (z, y, x) that a cell such as 30x20x10 gives."""
    z, y, x = (int(n) for n in cell.split("x"))
    return z, y, x


def parse_spacing(cell: str) -> tuple[float, float, float]:
    """Return the millimetres per voxel (z, y, x) that a cell such as 5x0.7x0.7 gives."""
    z, y, x = (float(mm) for mm in cell.split("x"))
    if not all(0 < mm < math.inf for mm in (z, y, x)):
        raise ValueError(f"spacing {cell}")
    return z, y, x
