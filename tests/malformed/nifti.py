"""NIfTI files: odd and broken headers, voxels and compressions, read as a scan."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from covidseg.volumes import Volume, nifti_bytes, read_volume
from malformed.campaign import Input, refused, right
from malformed.cases import scan

SCAN = scan()
PLAIN = gzip.decompress(nifti_bytes(SCAN))
# field of the header -> (offset, format of struct)
FIELDS = {
    "sizeof_hdr": (0, "<i"), "dim[0]": (40, "<h"), "dim[1]": (42, "<h"), "dim[3]": (46, "<h"), "dim[4]": (48, "<h"),
    "datatype": (70, "<h"), "bitpix": (72, "<h"), "pixdim[0]": (76, "<f"), "pixdim[1]": (80, "<f"), "pixdim[3]": (88, "<f"),
    "vox_offset": (108, "<f"), "scl_slope": (112, "<f"), "scl_inter": (116, "<f"), "xyzt_units": (123, "<B"),
    "qform_code": (252, "<h"), "sform_code": (254, "<h"), "quatern_b": (256, "<f"), "srow_x[0]": (280, "<f"), "srow_x[3]": (292, "<f"),
    "srow_y[1]": (300, "<f"), "srow_z[2]": (320, "<f"), "srow_z[1]": (316, "<f"), "magic": (344, "<4s"),
}  # fmt: skip


def patch(*changes: tuple[str, float | bytes]) -> bytes:
    """Return the scan with other values in fields of its header."""
    content = bytearray(PLAIN)
    for field, value in changes:
        offset, kind = FIELDS[field]
        struct.pack_into(kind, content, offset, value)
    return bytes(content)


def stored_as(kind: type, affine: np.ndarray | None = None, image: type = nib.Nifti1Image) -> bytes:
    """Return the scan's voxels as another type, along the axes L, P, S (nibabel's RAS with two signs)."""
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ SCAN.geometry.affine if affine is None else affine
    return image(SCAN.array.T.astype(kind), affine, dtype=kind).to_bytes()


def read(content: bytes, name: str = "scan.nii.gz") -> Callable[[Path], Volume]:
    """Return a function that writes a file and reads it as a volume."""

    def run(folder: Path) -> Volume:
        (folder / name).write_bytes(content)
        return read_volume(folder / name)

    return run


def is_scan(found: Volume, factor: float = 1, offset: float = 0, warns: str = "") -> None:
    """Assert that voxels, spacing and position are those of the scan."""
    np.testing.assert_allclose(found.array, SCAN.array * factor + offset)
    assert found.geometry.differences(SCAN.geometry) == [], found.geometry.differences(SCAN.geometry)
    assert warns in "; ".join(found.warnings + found.corrections), f"no warning of {warns}: {found.warnings}"


def whole(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=1)


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("scan.nii", content)
    return buffer.getvalue()


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from odd_but_right()
    yield from broken_headers()
    yield from contradictions()
    yield from broken_files()


def odd_but_right() -> Iterator[Input]:
    for codes in ("LPS", "RAS", "LAS", "SPL", "ARI", "IRP", "PLI"):
        yield right(f"stored along {codes}", read(nifti_bytes(SCAN, orientation=codes)), is_scan)
    for kind in (np.int32, np.int64, np.uint64, np.float32, np.float64):
        voxels = SCAN if kind != np.uint64 else Volume(SCAN.array + 2000, SCAN.geometry)
        shift = 2000 if kind == np.uint64 else 0
        image = nib.Nifti1Image(
            voxels.array.T.astype(kind), np.diag([-1.0, -1, 1, 1]) @ SCAN.geometry.affine, dtype=kind
        )
        yield right(f"voxels of {kind.__name__}", read(image.to_bytes()), partial(is_scan, offset=shift))
    swapped = nib.Nifti1Image.from_bytes(PLAIN)
    big = nib.Nifti1Image(np.asarray(swapped.dataobj), swapped.affine, swapped.header.as_byteswapped(">"))
    yield right("big-endian", read(big.to_bytes()), is_scan)
    yield right("NIfTI-2", read(stored_as(np.int16, image=nib.Nifti2Image)), is_scan)
    yield right("not compressed, but named .nii.gz", read(PLAIN), is_scan)
    yield right("compressed, but named .nii", read(nifti_bytes(SCAN), "scan.nii"), is_scan)
    yield right("compressed in two parts", read(whole(PLAIN[:500]) + whole(PLAIN[500:])), is_scan)
    yield right("a block of zeros after the voxels", read(whole(PLAIN + bytes(512))), is_scan)
    four = nib.Nifti1Image(SCAN.array.T[..., None], np.diag([-1.0, -1, 1, 1]) @ SCAN.geometry.affine)
    yield right("a fourth dimension of one", read(four.to_bytes()), is_scan)
    five = nib.Nifti1Image(SCAN.array.T[..., None, None], np.diag([-1.0, -1, 1, 1]) @ SCAN.geometry.affine)
    yield right("a fourth and a fifth dimension of one", read(five.to_bytes()), is_scan)
    image = nib.Nifti1Image.from_bytes(PLAIN)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"scanned upside down" * 9))
    yield right("an extension between header and voxels", read(image.to_bytes()), is_scan)
    yield right("only the sform", read(patch(("qform_code", 0))), is_scan)
    yield right("only the qform", read(patch(("sform_code", 0))), is_scan)
    yield right("scaling 0, which means none", read(patch(("scl_slope", 0))), is_scan)
    yield right(
        "scaling NaN, which means none", read(patch(("scl_slope", np.nan), ("scl_inter", np.nan))), is_scan
    )
    yield right(
        "scaling 2 and -24",
        read(patch(("scl_slope", 2), ("scl_inter", -24))),
        partial(is_scan, factor=2, offset=-24),
    )
    yield right("units unknown", read(patch(("xyzt_units", 0))), is_scan)
    yield right("units of time beside mm", read(patch(("xyzt_units", 2 + 8))), is_scan)
    metres = np.diag([-0.001, -0.001, 0.001, 1.0]) @ SCAN.geometry.affine
    for unit, scale in (("meter", 1.0), ("micron", 1e6)):
        scaled = metres.copy()
        scaled[:3] *= scale
        image = nib.Nifti1Image(SCAN.array.T, scaled)
        image.header.set_xyzt_units(unit)
        yield right(
            f"lengths in units of {unit}", read(image.to_bytes()), partial(is_scan, warns="converted to mm")
        )


def broken_headers() -> Iterator[Input]:
    for axis in (1, 3):
        for value in (0.0, -1.0, np.nan, np.inf):
            yield refused(
                f"spacing {value} on axis {axis}",
                read(patch((f"pixdim[{axis}]", value))),
                "scan.nii.gz: ",
                "spacing",
            )
    for value in (0, 2, 8, -1, 1283):
        yield refused(f"number of dimensions {value}", read(patch(("dim[0]", value))), "scan.nii.gz: ")
    for field, value in (("dim[1]", 0), ("dim[1]", -8), ("dim[3]", 30000), ("dim[4]", 3), ("dim[3]", -4)):
        changes = [(field, value)] + ([("dim[0]", 4)] if field == "dim[4]" else [])
        yield refused(f"{field} = {value}", read(patch(*changes)), "scan.nii.gz: ")
    for code, name in (
        (128, "RGB"),
        (2304, "RGBA"),
        (32, "complex64"),
        (1, "binary"),
        (3, "unknown"),
        (0, "none"),
    ):
        bits = {128: 24, 2304: 32, 32: 64, 1: 1}.get(code, 16)
        yield refused(
            f"voxels of type {code} ({name})",
            read(patch(("datatype", code), ("bitpix", bits))),
            "scan.nii.gz: ",
        )
    yield right("bits of a voxel contradict its type", read(patch(("bitpix", 64))), is_scan)
    for value in (np.nan, np.inf, -352.0, 1e9, 10.0):
        yield refused(f"voxels begin at byte {value}", read(patch(("vox_offset", value))), "scan.nii.gz: ")
    yield right("scaling infinite", read(patch(("scl_slope", np.inf))), partial(is_scan, warns="scl_slope"))
    yield refused("size of the header off by one", read(patch(("sizeof_hdr", 349))), "scan.nii.gz: ", "348")
    yield right("five dimensions, three longer than one", read(patch(("dim[0]", 5))), is_scan)
    yield refused("magic of ANALYZE", read(patch(("magic", b"\0\0\0\0"))), "scan.nii.gz: ")
    yield refused("magic of a pair .hdr and .img", read(patch(("magic", b"ni1\0"))), "scan.nii.gz: ", "ni1")


def contradictions() -> Iterator[Input]:
    for value in (0.0, np.nan, np.inf):
        yield refused(
            f"sform with {value} in its first row",
            read(patch(("srow_x[0]", value))),
            "scan.nii.gz: ",
            "sform",
        )
    yield refused("sform with a row of zeros", read(patch(("srow_z[2]", 0.0))), "scan.nii.gz: ", "sform")
    yield refused("position NaN", read(patch(("srow_x[3]", np.nan))), "scan.nii.gz: ", "sform")
    yield refused(
        "sheared by 30 degrees", read(patch(("qform_code", 0), ("srow_z[1]", 0.87))), "scan.nii.gz: "
    )
    for value in (0.001, 200.0):
        affine = np.diag([-value, -value, value, 1.0])
        yield refused(
            f"spacing of {value} mm on every axis",
            read(stored_as(np.int16, affine)),
            "scan.nii.gz: ",
            f"{value:g}",
            "mm",
        )
    found = read(patch(("pixdim[3]", 5.0), ("qform_code", 0)))
    yield right("spacings of header and sform differ", found, partial(is_scan, warns="pixdim"))
    found = read(patch(("quatern_b", 1.0)))
    yield right("sform and qform turned against each other", found, partial(is_scan, warns="qform"))
    yield right("neither sform nor qform", read(patch(("qform_code", 0), ("sform_code", 0))), is_without_form)


def is_without_form(found: Volume) -> None:
    """Assert the spacing; the position is unknown."""
    assert found.geometry.spacing == SCAN.geometry.spacing
    assert "form" in "; ".join(found.warnings), f"no warning: {found.warnings}"


def broken_files() -> Iterator[Input]:
    contents = {
        "empty": b"",
        "a page of HTML": b"<!DOCTYPE html><html><body>Sign in</body></html>" * 20,
        "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "JSON": b'{"message": "Not Found"}',
        "zeros": bytes(5000),
        "a zip": zipped(PLAIN),
        "compressed twice": whole(whole(PLAIN)),
        "DICOM": bytes(128) + b"DICM" + bytes(500),
        "without a checksum at the end": nifti_bytes(SCAN)[:-8],
        "with a wrong checksum": nifti_bytes(SCAN)[:-8] + bytes(8),
        "a flipped byte in the middle": flipped(nifti_bytes(SCAN)),
        "followed by rubbish": nifti_bytes(SCAN) + b"rubbish" * 9,
        "much more than its header says": whole(PLAIN + bytes(200_000_000)),
        "a bomb": whole(whole(bytes(600_000_000))),
    }
    for name, content in contents.items():
        yield refused(f"file: {name}", read(content), "scan.nii.gz: ")
    for kept in (1, 4, 200, 348, 352, len(PLAIN) - 2):
        yield refused(f"cut after {kept} bytes", read(PLAIN[:kept]), "scan.nii.gz: ", "truncated")
        yield refused(
            f"cut after {kept} bytes, then compressed",
            read(whole(PLAIN[:kept])),
            "scan.nii.gz: ",
            "truncated",
        )
    for value in (np.nan, np.inf, -np.inf):
        voxels = SCAN.array.astype(np.float32)
        voxels[1, 2, 3] = value
        yield refused(
            f"one voxel {value}",
            read(nifti_bytes(Volume(voxels, SCAN.geometry))),
            "scan.nii.gz: voxels that are NaN or infinite: 1",
            "NaN",
        )


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]
