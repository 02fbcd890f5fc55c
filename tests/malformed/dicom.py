"""DICOM series: odd and broken slices, read as a scan through the entry of a data set."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from conftest import make_volume
from covidseg.archives.phantom.dicom import series_files
from covidseg.cases.readers import load_case
from covidseg.volumes import Volume, nifti_bytes
from malformed.campaign import Input, refused, right
from malformed.cases import entry, pack

SHAPE, SPACING = (7, 6, 8), (5.0, 0.8, 0.7)
VALUES = np.random.default_rng(3).integers(-1024, 1500, SHAPE, dtype=np.int16)
SCAN = make_volume(VALUES, spacing=SPACING)
FILES = dict(series_files(SCAN, patient="P1"))  # 1-001.dcm is the topmost slice
LABEL = nifti_bytes(make_volume(np.zeros(SHAPE, np.uint8), spacing=SPACING))
SLICE = "images.zip:p/1-003.dcm"  # how a message names the slice that is edited
Slices = dict[str, Dataset]


def slices() -> Slices:
    """Return name -> slice; the slices may be changed."""
    found = {name: pydicom.dcmread(io.BytesIO(content)) for name, content in FILES.items()}
    for one in found.values():
        list(one.iterall())  # read every element now: raw elements would keep their bytes
    return found


def content_of(one: Dataset, **how: Any) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, one, **how)
    return buffer.getvalue()


def read(files: Callable[[], dict[str, bytes]], **images: Any) -> Callable[[Path], Volume]:
    """Return a function that packs the files of a series and reads the case that they belong to."""

    def run(folder: Path) -> Volume:
        pack(
            folder / "raw" / "own" / "images.zip", {f"p/{name}": content for name, content in files().items()}
        )
        pack(folder / "raw" / "own" / "labels.zip", {"p.nii.gz": LABEL})
        changes = {"images": {"member": "{case}/*.dcm", "format": "dicom"}, **images}
        return load_case(entry(**changes), folder / "raw", "p")[0]

    return run


def edited(change: Callable[[Slices], Any], **images: Any) -> Callable[[Path], Volume]:
    """Return a function that reads the series after a change of its slices."""

    def files() -> dict[str, bytes]:
        found = slices()
        change(found)
        return {name: content_of(one) for name, one in found.items()}

    return read(files, **images)


def setting(which: str = "all", /, **values: Any) -> Callable[[Slices], None]:
    """Return a change that sets attributes of all slices or of one; None removes an attribute."""

    def change(found: Slices) -> None:
        for name, one in found.items():
            for key, value in values.items() if which in ("all", name) else ():
                if value is None:
                    delattr(one, key)
                else:
                    setattr(one, key, value)

    return change


def moved(*offsets: tuple[str, float, int]) -> Callable[[Slices], None]:
    """Return a change that moves slices (name, mm, axis x, y or z as 0, 1, 2)."""

    def change(found: Slices) -> None:
        for name, offset, axis in offsets:
            place = [float(value) for value in found[name].ImagePositionPatient]
            place[axis] += offset
            found[name].ImagePositionPatient = place

    return change


def is_series(
    found: Volume, values: np.ndarray = VALUES, warns: str = "", filled: tuple[int, ...] = ()
) -> None:
    """Assert Hounsfield units, geometry and what the reader tells."""
    np.testing.assert_allclose(found.array, values, atol=1 if filled else 0)
    assert found.geometry.differences(SCAN.geometry) == [], found.geometry.differences(SCAN.geometry)
    assert found.filled == filled, found.filled
    told = "; ".join(found.warnings + found.corrections)
    assert warns in told, f"no word of {warns!r}: {told}"


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from stored_in_other_ways()
    yield from other_voxels()
    yield from places()
    yield from lacking()
    yield from mixed()
    yield from broken_files()


def stored_in_other_ways() -> Iterator[Input]:
    yield right("as it is", read(lambda: FILES), is_series)
    yield right("in the other order", read(lambda: dict(reversed(FILES.items()))), is_series)

    def encoded(syntax: pydicom.uid.UID) -> Callable[[], dict[str, bytes]]:
        def files() -> dict[str, bytes]:
            found = slices()
            for one in found.values():
                if syntax == RLELossless:
                    one.compress(syntax, generate_instance_uid=False)
                elif syntax == ExplicitVRBigEndian:
                    one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()
                one.file_meta.TransferSyntaxUID = syntax
            little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
            how = (
                {}
                if syntax == RLELossless
                else {"little_endian": little, "implicit_vr": implicit, "force_encoding": True}
            )
            return {name: content_of(one, **how) for name, one in found.items()}

        return files

    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless):
        yield right(f"encoded as {syntax.name}", read(encoded(syntax)), is_series)
    numbers = {"without": None, "equal": 1, "negative": -5}
    for name, value in numbers.items():
        yield right(f"{name} instance numbers", edited(setting(InstanceNumber=value)), is_series)
    for key, value in (
        ("PatientName", ""), ("SpecificCharacterSet", "ISO 9999"), ("SliceThickness", 1.25), ("SpacingBetweenSlices", 2.5),
        ("SliceLocation", 0), ("AcquisitionDate", "2020.13.40"), ("GantryDetectorTilt", 0), ("RescaleType", "US"), ("KVP", ""),
        ("WindowCenter", ["40", "-600"]), ("StudyInstanceUID", "1.02.3"), ("SliceThickness", None), ("FrameOfReferenceUID", None),
        ("SOPInstanceUID", None), ("RescaleType", None),
    ):  # fmt: skip
        what = "without" if value is None else repr(value)
        yield right(f"{key} {what}", edited(setting(**{key: value})), is_series)

    def longer(found: Slices) -> None:
        found["1-003.dcm"].PixelData += bytes(64)

    yield refused("64 bytes after the pixels", edited(longer), SLICE, "160", "96")
    yield right("enhanced: one file of many frames", read(enhanced), is_series)


def enhanced() -> dict[str, bytes]:
    """Return the series as one file of the class Enhanced CT Image Storage, frames from head to foot."""
    frames = list(slices().values())
    one = FileDataset("", frames[0], file_meta=frames[0].file_meta, preamble=bytes(128))
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedCTImageStorage
    one.NumberOfFrames, one.PixelData = len(frames), b"".join(frame.PixelData for frame in frames)
    one.PerFrameFunctionalGroupsSequence, shared = [], Dataset()
    for frame in frames:
        group, plane = Dataset(), Dataset()
        plane.ImagePositionPatient = frame.ImagePositionPatient
        group.PlanePositionSequence = [plane]
        one.PerFrameFunctionalGroupsSequence.append(group)
    orientation, measures, scale = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = one.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = one.PixelSpacing, one.SliceThickness
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 1, -1024, "HU"
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    shared.PixelValueTransformationSequence = [scale]
    one.SharedFunctionalGroupsSequence = [shared]
    for key in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(one, key)
    return {"1-001.dcm": content_of(one)}


def other_voxels() -> Iterator[Input]:
    for slope, intercept in ((2, -2048), (1, 0), (0.5, -512), (1, -1000.4)):
        expected = np.rint((VALUES.astype(float) + 1024) * slope + intercept)
        scaled = edited(setting(RescaleSlope=slope, RescaleIntercept=intercept))
        yield right(f"slope {slope} and intercept {intercept}", scaled, partial(is_series, values=expected))

    def signed(found: Slices) -> None:
        for one in found.values():
            one.PixelData = (np.frombuffer(one.PixelData, "<u2").astype("<i4") - 1024).astype("<i2").tobytes()
            one.PixelRepresentation, one.RescaleIntercept = 1, 0

    yield right("signed pixels", edited(signed), is_series)
    yield right("12 of 16 bits", edited(setting(BitsStored=12, HighBit=11)), is_series)
    yield right(
        "white is low (MONOCHROME1)", edited(setting(PhotometricInterpretation="MONOCHROME1")), is_series
    )

    def one_slope(found: Slices) -> None:
        one = found["1-003.dcm"]
        one.PixelData = (np.frombuffer(one.PixelData, "<u2") * 2).astype("<u2").tobytes()
        one.RescaleSlope = 0.5

    yield right("one slice with a slope of its own", edited(one_slope), is_series)
    yield refused(
        "slope 1e6, beyond 16 bits", edited(setting(RescaleSlope=1e6)), "images.zip:p/1-00", "32767"
    )
    low = partial(is_series, values=np.maximum(-3.0 * (VALUES + 1024.0) - 30000, -32768), warns="-32768")
    yield right("values below 16 bits", edited(setting(RescaleSlope=-3, RescaleIntercept=-30000)), low)
    for key, value in (
        ("RescaleSlope", 0),
        ("RescaleSlope", "nan"),
        ("RescaleSlope", ""),
        ("RescaleIntercept", "inf"),
    ):
        shown = edited(raw_setting("1-003.dcm", key, value))
        yield refused(f"{key} {value!r}", shown, SLICE, key)
    yield refused("colours", edited(coloured), SLICE, "RGB")
    for bits in (1, 12, 64):
        yield refused(f"{bits} bits allocated", edited(setting("1-003.dcm", BitsAllocated=bits)), SLICE)


def raw_setting(which: str, key: str, text: str | float) -> Callable[[Slices], None]:
    """Return a change that writes a text which pydicom would refuse to write as this attribute."""

    def change(found: Slices) -> None:
        element = pydicom.dataelem.DataElement(pydicom.datadict.tag_for_keyword(key), "LO", str(text))
        found[which][element.tag] = element
        element.VR = "DS"
        element._value = str(text)

    return change


def coloured(found: Slices) -> None:
    one = found["1-003.dcm"]
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "RGB", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
    one.PixelData = bytes(3 * SHAPE[1] * SHAPE[2])


def places() -> Iterator[Input]:
    yield right("rows and columns stored the other way round", edited(turn_in_plane), is_series)
    for offset in (0.03, 0.08, -0.09):
        yield right(f"a slice {offset} mm off", edited(moved(("1-003.dcm", offset, 2))), is_series)
    for offset in (1.5, 0.6, -2.0):
        yield refused(
            f"a slice {offset} mm off", edited(moved(("1-003.dcm", offset, 2))), "images.zip", "p", "mm"
        )
    for offset in (2.0, 30.0):
        aside = edited(moved(("1-003.dcm", offset, 0)))
        yield refused(f"a slice {offset} mm aside", aside, "images.zip:p/1-003.dcm", "mm")
    for gone in (("1-004.dcm",), ("1-003.dcm", "1-004.dcm"), ("1-002.dcm", "1-005.dcm")):
        left = edited(partial(remove, names=gone))
        yield right(f"{len(gone)} slices missing: {', '.join(gone)}", left, partial(is_filled, gone=gone))
        refuse = edited(partial(remove, names=gone), missing_slices="refuse")
        yield refused(f"{', '.join(gone)} missing, to be refused", refuse, "images.zip", "p", "missing", "mm")
    tilted = edited(moved(*((name, 0.5 * place, 1) for place, name in enumerate(FILES))))
    yield right("a tilted gantry", tilted, is_tilted)


def turn_in_plane(found: Slices) -> None:
    """Store rows and columns from the other end, as the orientation then says."""
    for one in found.values():
        pixels = np.frombuffer(one.PixelData, "<u2").reshape(SHAPE[1:])
        one.PixelData = np.ascontiguousarray(pixels[::-1, ::-1]).tobytes()
        place = np.array(one.ImagePositionPatient, float)
        one.ImagePositionPatient = [
            place[0] + 0.7 * (SHAPE[2] - 1),
            place[1] + 0.8 * (SHAPE[1] - 1),
            place[2],
        ]
        one.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]


def remove(found: Slices, names: tuple[str, ...]) -> None:
    for name in names:
        del found[name]


def filled(*gone: str) -> np.ndarray:
    """Return the voxels with missing slices linear between their neighbours; the files count from the top."""
    places = [SHAPE[0] - int(name[2:5]) for name in gone]
    there = [z for z in range(SHAPE[0]) if z not in places]
    expected = VALUES.astype(float)
    for z in places:
        low, high = max(k for k in there if k < z), min(k for k in there if k > z)
        expected[z] = ((high - z) * expected[low] + (z - low) * expected[high]) / (high - low)
    return expected


def is_filled(found: Volume, gone: tuple[str, ...]) -> None:
    places = sorted(SHAPE[0] - int(name[2:5]) for name in gone)
    np.testing.assert_allclose(found.array, filled(*gone), atol=1)
    assert found.filled == tuple(places), found.filled
    assert found.geometry.differences(SCAN.geometry) == []


def is_tilted(found: Volume) -> None:
    """Assert an orthogonal grid and a word of the tilt."""
    columns = found.geometry.affine[:3, :3] / np.linalg.norm(found.geometry.affine[:3, :3], axis=0)
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=1e-4)
    assert "tilt" in "; ".join(found.warnings + found.corrections)


def lacking() -> Iterator[Input]:
    needed = (
        "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SeriesInstanceUID", "Rows", "Columns",
        "BitsAllocated", "PixelData", "PixelRepresentation", "PhotometricInterpretation", "SamplesPerPixel", "BitsStored",
    )  # fmt: skip
    for key in needed:
        yield refused(f"{key} absent", edited(setting("1-003.dcm", **{key: None})), SLICE, key)
    for key in needed[:4]:
        yield refused(f"{key} empty", edited(setting("1-003.dcm", **{key: ""})), SLICE, key)
        yield refused(f"{key} absent from all", edited(setting(**{key: None})), "images.zip:p/1-0", key)
    for key, value in (
        ("ImagePositionPatient", [1, 2]), ("ImageOrientationPatient", [1, 0, 0, 0, 1]), ("PixelSpacing", 0.7),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]), ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [2, 0, 0, 0, 2, 0]), ("PixelSpacing", [0, 0.7]), ("PixelSpacing", [-0.8, 0.7]),
        ("PixelSpacing", [80, 70]), ("Rows", 0), ("Columns", 0),
    ):  # fmt: skip
        yield refused(f"{key} {value}", edited(setting(**{key: value})), "images.zip", "p", key)
    for key, value in (
        ("ImagePositionPatient", "nan\\0\\0"),
        ("PixelSpacing", "nan\\1"),
        ("ImagePositionPatient", "a\\b\\c"),
        ("PixelSpacing", "0,7\\0,7"),
    ):
        yield refused(f"{key} {value}", edited(raw_setting("1-003.dcm", key, value)), SLICE, key)


def mixed() -> Iterator[Input]:
    for key, value in (
        ("PixelSpacing", [0.9, 0.9]), ("ImageOrientationPatient", [1, 0, 0, 0, 0.9805807, 0.1961161]),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, -1]), ("FrameOfReferenceUID", "1.2.3"),
    ):  # fmt: skip
        one = edited(setting("1-003.dcm", **{key: value}))
        yield refused(f"one slice with {key} {value}", one, "images.zip", "1-003.dcm", key)
    yield refused(
        "one slice with fewer rows", edited(setting("1-003.dcm", Rows=4)), "images.zip", "1-003.dcm", "Rows"
    )
    yield refused(
        "two series",
        edited(setting("1-003.dcm", SeriesInstanceUID="1.2.3")),
        "images.zip",
        "p",
        "2",
        "series",
    )
    localiser = setting(
        "1-003.dcm",
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
    )
    found = partial(is_series, values=filled("1-003.dcm"), warns="locali", filled=(4,))
    yield right("a localiser among the slices", edited(localiser), found)

    def doubled(found: Slices, other: bool = False) -> None:
        copy = pydicom.dcmread(io.BytesIO(FILES["1-003.dcm"]))
        if other:
            copy.PixelData = bytes(len(copy.PixelData))
            copy.SOPInstanceUID = "1.2.3.4"
        found["copy of 1-003.dcm"] = copy

    yield right("one slice twice", edited(doubled), partial(is_series, warns="1-003.dcm"))
    yield refused(
        "two slices at one place",
        edited(partial(doubled, other=True)),
        "images.zip",
        "copy of 1-003.dcm",
        "mm",
    )
    yield refused("one slice alone", read(lambda: {"1-001.dcm": FILES["1-001.dcm"]}), "images.zip", "p", "1 ")
    for modality in ("MR", "PT", "RTSTRUCT", "SR"):
        yield refused(
            f"a slice of modality {modality}",
            edited(setting("1-003.dcm", Modality=modality)),
            "images.zip",
            "1-003.dcm",
            modality,
        )
    yield refused("two frames in a slice", edited(setting("1-003.dcm", NumberOfFrames=2)), SLICE)


def broken_files() -> Iterator[Input]:
    bare = {name: content[132:] for name, content in FILES.items()}
    yield right("slices without the first 132 bytes", read(lambda: bare), is_series)

    def with_file(content: bytes) -> Callable[[Path], Volume]:
        return read(lambda: FILES | {"1-003.dcm": content})

    whole = FILES["1-003.dcm"]
    contents = {
        "empty": b"",
        "a text": b"This directory holds 7 slices.\n",
        "HTML": b"<html>Forbidden</html>" * 30,
        "zeros": bytes(4000),
        "only preamble": whole[:132],
        "a PNG": b"\x89PNG\r\n\x1a\n" + bytes(300),
        "a directory (DICOMDIR)": directory(),
    }
    for kept in (140, 200, 400, len(whole) - 1, len(whole) - 60):
        contents[f"cut after {kept} bytes"] = whole[:kept]
    for name, content in contents.items():
        yield refused(f"slice: {name}", with_file(content), SLICE)
    for syntax in (
        "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.5",
    ):
        yield refused(
            f"pixels that are no {pydicom.uid.UID(syntax).name}", read(partial(said_to_be, syntax)), SLICE
        )


def said_to_be(syntax: str) -> dict[str, bytes]:
    """Return the series with one slice whose transfer syntax is not the one that its pixels have."""
    one = slices()["1-003.dcm"]
    one.file_meta.TransferSyntaxUID = syntax
    one.PixelData = encapsulate([one.PixelData])
    one["PixelData"].is_undefined_length = True
    return FILES | {"1-003.dcm": content_of(one, little_endian=True, implicit_vr=False, force_encoding=True)}


def directory() -> bytes:
    one = slices()["1-003.dcm"]
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    for key in ("PixelData", "Rows", "Columns", "Modality"):
        delattr(one, key)
    return content_of(one)
