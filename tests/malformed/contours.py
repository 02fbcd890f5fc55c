"""RTSTRUCT: contours that overlap, repeat, end or lie elsewhere, filled on the grid of a scan."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from conftest import make_volume
from covidseg.archives.phantom.dicom import series_files
from covidseg.cases.readers import load_case
from covidseg.volumes import Volume, nifti_bytes
from malformed.campaign import Input, refused, right
from malformed.cases import entry, pack

SHAPE = (4, 20, 20)
SCAN = make_volume(np.full(SHAPE, -500, np.int16), spacing=(2.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0))
SERIES = {f"a/{name}": content for name, content in series_files(SCAN, patient="P1")}
FRAME = pydicom.dcmread(io.BytesIO(next(iter(SERIES.values())))).FrameOfReferenceUID
FILE = "labels.zip:a.dcm"
Points = list[float]


def rectangle(x: tuple[float, float], y: tuple[float, float], z: float) -> Points:
    return [x[0], y[0], z, x[1], y[0], z, x[1], y[1], z, x[0], y[1], z]


OUTER = rectangle((1.5, 11.5), (2.5, 8.5), 2.0)  # columns 2 to 11 and rows 3 to 8 of slice 1
INNER = rectangle((4.5, 7.5), (3.5, 5.5), 2.0)  # columns 5 to 7 and rows 4 to 5
BESIDE = rectangle((13.5, 16.5), (2.5, 8.5), 2.0)  # columns 14 to 16


def mask(*boxes: tuple[int, slice, slice], without: tuple[tuple[int, slice, slice], ...] = ()) -> np.ndarray:
    values = np.zeros(SHAPE, np.uint8)
    for box in boxes:
        values[box] = 1
    for box in without:
        values[box] = 0
    return values


BOX, HOLE, NEXT = (
    (1, slice(3, 9), slice(2, 12)),
    (1, slice(4, 6), slice(5, 8)),
    (1, slice(3, 9), slice(14, 17)),
)


def structures(*contours: Points, name: str = "GTV-1") -> FileDataset:
    """Return an RTSTRUCT with the regions `Lung`, which is empty, and `name`."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = RTStructureSetStorage, "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    found.Modality, found.SOPClassUID, found.SOPInstanceUID = "RTSTRUCT", RTStructureSetStorage, "1.2.3"
    frame = Dataset()
    frame.FrameOfReferenceUID = FRAME
    found.ReferencedFrameOfReferenceSequence = [frame]
    found.StructureSetROISequence, found.ROIContourSequence = [], []
    add_region(found, 1, "Lung", [])
    add_region(found, 2, name, list(contours))
    return found


def add_region(found: FileDataset, number: int, name: str, contours: list[Points]) -> None:
    region, drawn = Dataset(), Dataset()
    region.ROIName, region.ROINumber, region.ReferencedFrameOfReferenceUID = name, number, FRAME
    drawn.ReferencedROINumber, drawn.ContourSequence = number, []
    for points in contours:
        one = Dataset()
        one.ContourGeometricType, one.NumberOfContourPoints, one.ContourData = (
            "CLOSED_PLANAR",
            len(points) // 3,
            points,
        )
        drawn.ContourSequence.append(one)
    found.StructureSetROISequence.append(region)
    found.ROIContourSequence.append(drawn)


def read(content: bytes | FileDataset, members: dict[str, bytes] | None = None) -> Callable[[Path], Volume]:
    """Return a function that reads an RTSTRUCT as the label of a scan: of one NIfTI file, or of DICOM slices."""

    def run(folder: Path) -> Volume:
        images = members or {"a.nii.gz": nifti_bytes(SCAN)}
        kind = {"member": "{case}/*.dcm", "format": "dicom"} if members else {}
        pack(folder / "raw" / "own" / "images.zip", images)
        pack(
            folder / "raw" / "own" / "labels.zip",
            {"a.dcm": content if isinstance(content, bytes) else bytes_of(content)},
        )
        labels = {"member": "{case}.dcm", "format": "rtstruct", "roi": "GTV-1"}
        return load_case(entry(images=kind, labels=labels), folder / "raw", "a")[1]

    return run


def bytes_of(content: FileDataset) -> bytes:
    buffer = io.BytesIO()
    content.save_as(buffer)
    return buffer.getvalue()


def edited(change: Callable[[FileDataset], Any], *contours: Points, **how: Any) -> Callable[[Path], Volume]:
    """Return a function that reads an RTSTRUCT after a change; without contours of its own it has OUTER."""

    def run(folder: Path) -> Volume:
        found = structures(*(contours or (OUTER,)))
        change(found)
        return read(found, **how)(folder)

    return run


def is_mask(found: Volume, expected: np.ndarray, warns: str = "") -> None:
    np.testing.assert_array_equal(found.array, expected)
    told = "; ".join(found.warnings + found.corrections)
    assert warns in told, f"no word of {warns!r}: {told}"
    assert found.geometry.differences(SCAN.geometry) == []


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from drawn()
    yield from regions()
    yield from misplaced()
    yield from broken()


def drawn() -> Iterator[Input]:
    keyhole = [
        *OUTER[:3],
        4.5,
        3.5,
        2,
        4.5,
        5.5,
        2,
        7.5,
        5.5,
        2,
        7.5,
        3.5,
        2,
        4.5,
        3.5,
        2,
        *OUTER[:3],
        *OUTER[9:],
        *OUTER[6:9],
        *OUTER[3:6],
    ]
    lower, upper = (rectangle((1.5, 11.5), (2.5, 8.5), z) for z in (1.6, 2.4))
    crossing = rectangle((9.5, 13.5), (2.5, 8.5), 2.0)
    wider = (1, slice(3, 9), slice(2, 14))
    for name, contours, expected in (
        ("one contour", [OUTER], mask(BOX)),
        ("a contour drawn backwards", [[v for k in range(4) for v in OUTER[9 - 3 * k : 12 - 3 * k]]], mask(BOX)),
        ("the first point again at the end", [OUTER + OUTER[:3]], mask(BOX)),
        ("a hole", [OUTER, INNER], mask(BOX, without=(HOLE,))),
        ("a hole that comes first", [INNER, OUTER], mask(BOX, without=(HOLE,))),
        ("a hole by a keyhole", [keyhole], mask(BOX, without=(HOLE,))),
        ("an island in a hole", [OUTER, INNER, rectangle((5.5, 6.5), (3.5, 5.5), 2.0)], mask(BOX, without=((1, slice(4, 6), slice(5, 6)), (1, slice(4, 6), slice(7, 8))))),
        ("two contours side by side", [OUTER, BESIDE], mask(BOX, NEXT)),
        ("two contours that cross", [OUTER, crossing], mask(wider)),
        ("a contour twice", [OUTER, OUTER], mask(BOX)),
        ("a contour three times", [OUTER, OUTER, OUTER], mask(BOX)),
        ("a hole twice", [OUTER, INNER, INNER], mask(BOX, without=(HOLE,))),
        ("two contours that round to one slice", [lower, upper], mask(BOX)),
        ("a contour 0.4 mm above its slice", [upper], mask(BOX)),
        ("contours every millimetre", [rectangle((1.5, 11.5), (2.5, 8.5), z) for z in (0, 1, 2, 3, 4, 5, 6)], mask(*((z, *BOX[1:]) for z in range(4)))),
        ("contours in the lowest and the highest slice", [rectangle((1.5, 11.5), (2.5, 8.5), z) for z in (0, 6)], mask((0, *BOX[1:]), (3, *BOX[1:]))),
    ):  # fmt: skip
        yield right(name, read(structures(*contours)), partial(is_mask, expected=expected))
    yield right(
        "on a series of DICOM slices", read(structures(OUTER), SERIES), partial(is_mask, expected=mask(BOX))
    )
    yield right(
        "a space after the region's name",
        read(structures(OUTER, name="GTV-1 ")),
        partial(is_mask, expected=mask(BOX)),
    )


def regions() -> Iterator[Input]:
    for name in ("gtv-1", "GTV1", "Tumour"):
        yield refused(
            f"the region is named {name}", read(structures(OUTER, name=name)), FILE, "GTV-1", name, "Lung"
        )
    yield refused(
        "two regions of one name",
        edited(lambda found: add_region(found, 3, "GTV-1", [BESIDE])),
        FILE,
        "GTV-1",
        "2",
    )
    yield refused(
        "a region without contours",
        edited(lambda found: setattr(found.ROIContourSequence[1], "ContourSequence", [])),
        FILE,
        "GTV-1",
        "contour",
    )
    yield refused(
        "a region that no contours refer to",
        edited(lambda found: found.ROIContourSequence.pop()),
        FILE,
        "GTV-1",
        "contour",
    )
    for key in ("StructureSetROISequence", "ROIContourSequence"):
        yield refused(f"without {key}", edited(lambda found, key=key: delattr(found, key)), FILE, key)
    yield refused(
        "no region at all", edited(lambda found: setattr(found, "StructureSetROISequence", [])), FILE, "GTV-1"
    )
    absent = lambda found: delattr(found.ROIContourSequence[1], "ContourSequence")  # noqa: E731
    yield refused("without ContourSequence", edited(absent), FILE, "GTV-1", "contour")
    yield refused(
        "a region without number",
        edited(lambda found: delattr(found.StructureSetROISequence[1], "ROINumber")),
        FILE,
        "ROINumber",
    )
    nameless = edited(lambda found: delattr(found.StructureSetROISequence[0], "ROIName"))
    yield refused("another region without name", nameless, FILE, "ROIName")


def first(found: FileDataset) -> Dataset:
    return found.ROIContourSequence[1].ContourSequence[0]


def misplaced() -> Iterator[Input]:
    for z in (-30.0, 8.0, 99.0):
        yield refused(
            f"a contour at z = {z:g} mm",
            read(structures(OUTER, rectangle((1, 5), (1, 5), z))),
            FILE,
            "GTV-1",
            f"{z:g} mm",
        )
    upright = [5.0, 2.0, 0.0, 5.0, 8.0, 0.0, 5.0, 8.0, 6.0, 5.0, 2.0, 6.0]
    yield refused("a sagittal contour", read(structures(upright)), FILE, "GTV-1", "oblique")
    slanted = [*OUTER[:2], 2.0, *OUTER[3:5], 4.0, *OUTER[6:8], 4.0, *OUTER[9:11], 2.0]
    yield refused("a slanted contour", read(structures(slanted)), FILE, "GTV-1", "oblique")
    for kind in ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"):
        other = edited(lambda found, kind=kind: setattr(first(found), "ContourGeometricType", kind))
        yield refused(f"a contour of type {kind}", other, FILE, "GTV-1", kind)

    def elsewhere(found: FileDataset) -> None:
        found.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.2.9"
        for region in found.StructureSetROISequence:
            region.ReferencedFrameOfReferenceUID = "1.2.9"

    yield refused("another frame of reference", edited(elsewhere, members=SERIES), FILE, "1.2.9", "rame")
    yield refused(
        "everything beside the scan", read(structures(rectangle((100, 110), (100, 110), 2.0))), FILE, "GTV-1"
    )


def broken() -> Iterator[Input]:
    for count in (1, 2):
        stray = read(structures(OUTER, INNER[: 3 * count]))
        yield right(
            f"a stray contour of {count} points",
            stray,
            partial(is_mask, expected=mask(BOX), warns="1 of 2 contours"),
        )
    yield refused("11 numbers", read(structures(OUTER[:-1])), FILE, "GTV-1", "11")
    yield refused(
        "no numbers", edited(lambda found: setattr(first(found), "ContourData", None)), FILE, "GTV-1"
    )
    yield refused(
        "without ContourData", edited(lambda found: delattr(first(found), "ContourData")), FILE, "GTV-1"
    )
    plain = bytes_of(structures(OUTER))
    texts = {
        "NaN": plain.replace(b"11.5", b"nan "),
        "a word": plain.replace(b"11.5", b"left"),
        "infinite": plain.replace(b"11.5", b"inf "),
    }
    for name, content in texts.items():
        yield refused(f"a coordinate that is {name}", read(content), FILE)
    slice_ = next(iter(SERIES.values()))
    contents = {
        "empty": b"",
        "a text": b"no contours\n",
        "HTML": b"<html></html>" * 40,
        "a CT slice": slice_,
        "zeros": bytes(2000),
    }
    for kept in (100, 200, len(plain) // 2, len(plain) - 20):
        contents[f"cut after {kept} bytes"] = plain[:kept]
    for name, content in contents.items():
        yield refused(f"file: {name}", read(content), FILE)
