"""Unusual archives. Each function returns the changed files (name, content) of an archive."""

import gzip
import io
from collections.abc import Iterator
from pathlib import PurePosixPath

import nibabel as nib
import numpy as np
from PIL import Image

Member = tuple[str, bytes]
APPLE_DOUBLE = bytes.fromhex("00051607") + bytes(208)  # the file in which macOS keeps what zips cannot
SCALE = slice(112, 116)  # bytes of scl_slope in the header of a NIfTI file
FAINT = 12  # grey level of the brightest pixel of a mask without a visible lesion


def hidden_twins(members: Iterator[Member]) -> Iterator[Member]:
    """Put the hidden file ._NAME, which macOS writes, before every .nii.gz file."""
    for name, content in members:
        if name.endswith(".nii.gz"):
            path = PurePosixPath(name)
            yield str(path.with_name(f"._{path.name}")), APPLE_DOUBLE
        yield name, content


def dot_before_paths(members: Iterator[Member]) -> Iterator[Member]:
    """Let every path start with "./", as `tar -C FOLDER -cf x.tar .` does."""
    for name, content in members:
        yield f"./{name}", content


def one_folder_more(members: Iterator[Member], *, folder: str) -> Iterator[Member]:
    """Put everything into one more folder."""
    for name, content in members:
        yield f"{folder}/{name}", content


def unlabelled_scan(members: Iterator[Member]) -> Iterator[Member]:
    """Add the first scan of imagesTr to imagesTs, the folder of the scans without published labels."""
    first = None
    for name, content in members:
        first = first or ("/imagesTr/" in name and content)
        yield name, content
    assert first, "the archive has a scan"
    yield "Task06_Lung/imagesTs/lung_002.nii.gz", first


def uncompressed(members: Iterator[Member], *, folder: str) -> Iterator[Member]:
    """Store the .nii.gz files of one folder as .nii files."""
    for name, content in members:
        if name.startswith(f"{folder}/"):
            yield name.removesuffix(".gz"), gzip.decompress(content)
        else:
            yield name, content


def scale_not_a_number(members: Iterator[Member]) -> Iterator[Member]:
    """Write NaN, which means "no scale", as the scale of the voxels into the header of a .nii.gz file."""
    for name, content in members:
        changed = bytearray(gzip.decompress(content))
        changed[SCALE] = np.float32(np.nan).astype("<f4").tobytes()
        yield name, gzip.compress(bytes(changed), compresslevel=1, mtime=0)


def further_reviewer(members: Iterator[Member]) -> Iterator[Member]:
    """Add a second reviewer's mask beside each first one: the same mask, one voxel further to a side."""
    for name, content in members:
        yield name, content
        image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
        moved = nib.Nifti1Image(np.roll(np.asanyarray(image.dataobj), 1, axis=0), image.affine)
        other = name.replace("first_reviewer", "second_reviewer").replace("primary", "secondary")
        yield other, gzip.compress(moved.to_bytes(), compresslevel=1, mtime=0)


def masks_without_lesion(members: Iterator[Member]) -> Iterator[Member]:
    """Add two lesion slices whose masks show no lesion: one mask is black, one has a few faint pixels."""
    normal: list[Member] = []
    last = 0
    for name, content in members:
        yield name, content
        normal += [(name, content)] * ("/normal/" in name and len(normal) < 2)
        last += "/lesion/lesion_" in name
    for level, (name, content) in enumerate(normal):
        picture = Image.open(io.BytesIO(content))
        mask = np.zeros((picture.height // 2, picture.width // 2), np.uint8)
        mask[mask.shape[0] // 2, mask.shape[1] // 4 :][:9] = level * FAINT
        root, number = name.partition("/normal/")[0], last + level + 1
        yield f"{root}/lesion/lesion_{number}.png", _png(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        yield f"{root}/eval/select_mask_f_resized/lesion_{number}_mask.png", _png(Image.fromarray(mask))


def unrelated_pictures(members: Iterator[Member]) -> Iterator[Member]:
    """Add a page and pictures that are neither slices nor the masks of the evaluation."""
    root = ""
    for name, content in members:
        root = root or name.partition("/data/gan/")[0]
        yield name, content
    yield f"{root}/README.md", b"# Weakly supervised lesion localisation\n"
    for path in ("imgs/overview.png", "data/gan/eval/lesion_mask/img/lesion10.png"):
        yield f"{root}/{path}", _png(Image.new("L", (8, 8), 255))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()
