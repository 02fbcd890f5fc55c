"""Scans with label maps: ids, grids, orientations, intensities, lungs and names of cases, through `ingest`."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from conftest import make_volume
from covidseg.volumes import Volume, nifti_bytes
from malformed.campaign import Input, refused, right
from malformed.cases import SHAPE, Ingested, label, nifti, scan, volumes

SCAN, LABEL = scan(), label()
A = "a.nii.gz"


def is_ingested(
    found: Ingested,
    cases: tuple[str, ...] = ("a",),
    marks: int = 1,
    warns: str = "",
    image: np.ndarray = SCAN.array,
) -> None:
    """Assert the cases' names, the first scan and label map, and what the table or the log says."""
    assert tuple(found.rows) == cases, tuple(found.rows)
    np.testing.assert_array_equal(found.image(cases[0]), image)
    assert np.count_nonzero(found.label(cases[0])) == marks
    assert found.label(cases[0])[2, 3, 4] == (marks > 0)
    row = found.rows[cases[0]]
    told = "; ".join([*row.corrections, *row.warnings, found.log])
    assert warns in told, f"no word of {warns!r}: {told}"


def of(mask: Volume | bytes, image: Volume | bytes = SCAN, **changes: Any) -> Any:
    """Return a function that ingests one case."""
    return volumes({A: image}, {A: mask}, changes)


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from ids()
    yield from grids()
    yield from intensities()
    yield from lungs()
    yield from names()


def ids() -> Iterator[Input]:
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint64, np.float32, np.float64):
        yield right(f"label of {kind.__name__}", of(nifti(LABEL, kind)), is_ingested)
    for value in (0.9999, 0.96, 1.03, 0.6):
        yield right(f"two values, 0 and {value}", of(label(value, np.float32)), is_ingested)
    background = np.where(LABEL.array, 0.97, 0.06).astype(np.float32)
    yield right("two values, 0.06 and 0.97", of(make_volume(background)), partial(is_ingested, warns="label"))
    for value in (2, 7, 255, -1, 40_000, 1e9):
        yield refused(
            f"label id {value:g}, which the map lacks",
            of(label(value, np.float64)),
            "labels.zip",
            "a",
            f"{value:g}",
            "[0, 1]",
        )
    three = {"labels": {"map": {0: 0, 1: 1, 2: 1}}}
    half = make_volume(np.where(LABEL.array, 1.5, np.arange(8) % 3).astype(np.float32))
    yield refused("half a label id", of(half, **three), "labels.zip", "a", "1.5")
    for value in (np.nan, np.inf):
        yield refused(
            f"a label of {value}", of(label(value, np.float32)), "labels.zip:a.nii.gz", "NaN or infinite: 1"
        )
    yield right(
        "an empty label", of(label(0)), partial(is_ingested, marks=0, warns="empty label infection: a")
    )
    yield right("a label with a scale", of(nifti_scaled(LABEL, 1 / 255)), is_ingested)


def nifti_scaled(volume: Volume, slope: float) -> bytes:
    content = bytearray(nifti(Volume((volume.array / slope).astype(np.uint8), volume.geometry), np.uint8))
    content[112:120] = np.array([slope, 0], "<f4").tobytes()
    return bytes(content)


def grids() -> Iterator[Input]:
    for codes in ("LPS", "RAS", "LAS", "LPI", "SAR", "PLS"):
        stored = nifti_bytes(LABEL, orientation=codes)
        yield right(f"label stored along {codes}", of(stored), is_ingested)
    for axis, name in enumerate("zyx"):
        longer = list(SHAPE)
        longer[axis] += 1
        mask = make_volume(np.zeros(longer, np.uint8))
        yield refused(f"one voxel more along {name}", of(mask), "labels.zip", "a", "shape", str(longer[axis]))
        spacing = [3.0, 1.5, 1.0]
        spacing[axis] *= 1.05
        mask = label(spacing=tuple(spacing))
        yield refused(
            f"5 % more spacing along {name}", of(mask), "labels.zip", "a", "spacing", f"{spacing[axis]:g}"
        )
    mask = make_volume(np.ascontiguousarray(LABEL.array.transpose(0, 2, 1)))
    yield refused("rows and columns exchanged", of(mask), "labels.zip", "a", "shape")
    for offset in (0.05, -0.09):
        yield right(f"label {offset} mm aside", of(label(origin=(-10.0 + offset, -20.0, 5.0))), is_ingested)
    for offset in (0.5, 4.0, 300.0):
        mask = label(origin=(-10.0, -20.0 - offset, 5.0))
        yield refused(f"label {offset} mm aside", of(mask), "labels.zip", "a", f"{offset:g} mm")
        taken = of(mask, labels={"geometry": "image"})
        yield right(
            f"label {offset} mm aside, geometry: image", taken, partial(is_ingested, warns=f"{offset:g} mm")
        )
    others = {
        "another spacing": (label(spacing=(2.0, 1.5, 1.0)), "spacing"),
        "a slice less": (make_volume(np.zeros((3, 6, 8), np.uint8)), "shape"),
    }
    for name, (mask, differs) in others.items():
        taken = of(mask, labels={"geometry": "image"})
        yield refused(f"geometry: image, but {name}", taken, "labels.zip", "a", differs)


def intensities() -> Iterator[Input]:
    def image(low: float, high: float, kind: type = np.float32) -> Volume:
        return make_volume(np.linspace(low, high, SCAN.array.size).reshape(SHAPE).astype(kind))

    windowed = {"intensity": {"*": "windowed"}}
    for low, high in ((0, 255), (-0.001, 255), (0, 255.4), (-0.9, 255.9)):
        voxels = image(low, high)
        yield right(
            f"windowed scan from {low} to {high}",
            of(LABEL, voxels, **windowed),
            partial(is_ingested, image=np.clip(voxels.array, 0, 255)),
        )
    for low, high in ((-1000, 400), (0, 300), (-5, 255)):
        found = of(LABEL, image(low, high), **windowed)
        yield refused(
            f"windowed scan from {low} to {high}", found, "a", f"{low}", f"{high}", "0 to 255", "intensity"
        )
    for low, high in ((0, 1), (0, 255), (0, 4095), (5, 5)):
        yield refused(
            f"HU from {low} to {high}",
            of(LABEL, image(low, high)),
            "a",
            f"{low}",
            f"{high}",
            "Hounsfield",
            "intensity",
        )
    for low, high in ((-1024, 3071), (-3024, 1500), (-1000, 8000)):
        voxels = image(low, high, np.int16)
        yield right(f"HU from {low} to {high}", of(LABEL, voxels), partial(is_ingested, image=voxels.array))
    grey = {"intensity": {"*": "grey"}}
    yield refused("a grey scan of one level", of(LABEL, image(7, 7), **grey), "a", "7", "grey level")
    yield refused("no intensity for this case", of(LABEL, intensity={"b*": "grey"}), "case a", "b*", "'*'")


def lungs() -> Iterator[Input]:
    """Voxel columns 1 to 3 are on the patient's right, and 5 to 6 on the left: x grows to the left."""
    values = np.zeros(SHAPE, np.uint8)
    values[:, 1:5, 1:4], values[:, 1:5, 5:7] = 2, 1
    exchanged = np.array([0, 2, 1], np.uint8)[values]
    air = np.where(values, -800, 40).astype(np.int16)
    air[0, 0, 0] = -1000
    image = make_volume(air)

    def of_lungs(mask: np.ndarray, belief: str) -> Any:
        both = {"member": A, "format": "nifti", "map": {0: 0, 1: 1, 2: 2}}
        changes = {"labels": both, "lungs": {"archive": "own/labels.zip", **both}, "sides": {"*": belief}}
        changes["lungs"]["member"] = changes["labels"]["member"] = "{case}.nii.gz"
        return of(make_volume(mask), image, regions={1: "left_lung", 2: "right_lung"}, **changes)

    def are(found: Ingested, expected: np.ndarray, voxels: np.ndarray = air, warns: str = "") -> None:
        np.testing.assert_array_equal(found.label(), expected)
        np.testing.assert_array_equal(found.image(), voxels)
        told = "; ".join([*found.rows["a"].corrections, *found.rows["a"].warnings, found.log])
        assert warns in told, f"no word of {warns!r}: {told}"

    yield right("lungs as the header says", of_lungs(values, "refuse"), partial(are, expected=values))
    yield right(
        "lungs exchanged, the header is right",
        of_lungs(exchanged, "header"),
        partial(are, expected=values, warns="exchanged"),
    )
    mirrored = partial(are, expected=exchanged[..., ::-1], voxels=air[..., ::-1], warns="mirrored")
    yield right("lungs exchanged, the labels are right", of_lungs(exchanged, "labels"), mirrored)
    yield refused(
        "lungs exchanged, and nothing is trusted",
        of_lungs(exchanged, "refuse"),
        "labels.zip",
        "a",
        "labelled left",
        "sides",
    )
    for missing, name in ((1, "left"), (2, "right")):
        one = np.where(values == missing, 0, values)
        yield right(
            f"no {name} lung", of_lungs(one, "refuse"), partial(are, expected=one, warns=f"{name} lung")
        )


def names() -> Iterator[Input]:
    for name in (
        "patient 1",
        "Jürgen",
        "a.b.c",
        "-rf",
        "100%",
        "x" * 150,
        "a,b",
        'a"b',
        "0001",
        "#1",
        "{0}",
        "a'b",
    ):
        found = volumes({f"{name}.nii.gz": SCAN}, {f"{name}.nii.gz": LABEL})
        yield right(f"a case named {name[:12]}", found, partial(is_ingested, cases=(name,)))
    yield refused(
        "a line feed in a case's name", volumes({"a\nb.nii.gz": SCAN}, {"a\nb.nii.gz": LABEL}), "labels.zip"
    )
    for prefix in ("./", "labels/", "./labels/"):
        found = volumes({f"{prefix}{A}": SCAN}, {f"{prefix}{A}": LABEL})
        yield right(f"everything below {prefix}", found, is_ingested)
    for twin in ("._a.nii.gz", "__MACOSX/._a.nii.gz", "Thumbs.db", ".DS_Store", "readme.txt"):
        yield right(
            f"{twin} beside the case", volumes({A: SCAN, twin: b"x"}, {A: LABEL, twin: b"x"}), is_ingested
        )
    yield right(
        "not compressed: a.nii",
        volumes({"a.nii": nifti(SCAN, np.int16)}, {"a.nii": nifti(LABEL, np.uint8)}),
        is_ingested,
    )
    both = {A: SCAN, "a.nii": nifti(SCAN, np.int16)}
    yield refused("a.nii and a.nii.gz", volumes(both, {A: LABEL}), "images.zip", "a.nii", "a.nii.gz")
    yield refused(
        "names in capitals",
        volumes({"A.NII.GZ": SCAN}, {"A.NII.GZ": LABEL}),
        "labels.zip",
        "A.NII.GZ",
        "upper and lower case",
    )
    yield refused(
        "other names",
        volumes({A: SCAN}, {"mask/a.seg.nrrd": b"x"}),
        "labels.zip",
        "{case}.nii.gz",
        "mask/a.seg.nrrd",
    )
    yield refused("an archive without files", volumes({A: SCAN}, {}), "labels.zip", "{case}.nii.gz")
    two = {A: SCAN, "b.nii.gz": scan(1)}
    yield right("a scan without label", volumes(two, {A: LABEL}), partial(is_ingested, warns="b"))
    yield refused(
        "a label without scan", volumes({A: SCAN}, {A: LABEL, "b.nii.gz": LABEL}), "images.zip", "b"
    )
    broken = {A: nifti_bytes(SCAN)[:-40], "b.nii.gz": SCAN, "c.nii.gz": b"x"}
    labels = {A: LABEL, "b.nii.gz": label(3), "c.nii.gz": LABEL}
    yield refused(
        "three cases broken in three ways",
        volumes(broken, labels),
        "images.zip:a.nii.gz",
        "label id 3",
        "images.zip:c.nii.gz",
    )
    apart = volumes(
        broken | {"d.nii.gz": SCAN},
        labels | {"d.nii.gz": LABEL},
        {"leave_out": {"a": "cut", "b": "id", "c": "text"}},
    )
    yield right("broken cases left out", apart, partial(is_ingested, cases=("d",), warns="cut"))
    yield refused("leave_out of an unknown case", of(LABEL, leave_out={"b": "odd"}), "leave_out", "b")
    yield refused("every case left out", of(LABEL, leave_out={"a": "odd"}), "no case is left", "a (odd)")
