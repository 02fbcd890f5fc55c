"""Volumes and other bytes as text in a script: a page that was opened from disk may load scripts alone."""

import base64
import gzip
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

# Values that a code of 8 bits stands for: HU -> code. Steps are small in soft tissue, for its narrow window.
HU_KNOTS, CODE_KNOTS = (-1024.0, -200.0, 300.0, 1500.0), (0.0, 115.0, 215.0, 255.0)
QUALITY = 40  # of WebP: noise loses detail, edges do not
ROWS = 16_000  # of a picture with masks; WebP allows 16,383


def value_table(kind: str, low: float, high: float) -> list[float]:
    """Return the value that each of the codes 0 to 255 stands for.

    Args:
        kind: hounsfield, windowed or grey, see `intensity_of`.
        low, high: lowest and highest voxel of a scan with grey levels.
    """
    codes = np.arange(256)
    if kind == "hounsfield":
        return np.interp(codes, CODE_KNOTS, HU_KNOTS).round(1).tolist()
    if kind == "windowed":
        low, high = 0, 255
    return (low + codes * (high - low) / 255).round(3).tolist()


def encode(values: np.ndarray, table: list[float]) -> np.ndarray:
    """Return the codes, uint8, of a scan's values by a table of values."""
    return np.rint(np.interp(values, table, np.arange(256))).astype(np.uint8)


def pack_slices(codes: np.ndarray, *, lossless: bool = False) -> list[str]:
    """Return one picture (WebP, in base 85) per slice, uint8 (z, y, x), with loss unless stated otherwise."""
    return [_picture(part, lossless) for part in codes]


def _picture(codes: np.ndarray, lossless: bool) -> str:
    buffer = io.BytesIO()
    Image.fromarray(codes).save(buffer, "WEBP", quality=QUALITY, method=4, lossless=lossless)
    return base64.b85encode(buffer.getvalue()).decode()


def pack_masks(masks: list[np.ndarray]) -> list[list[str]]:
    """Return masks, bool (z, y, x), as pictures: 8 masks are the bits of one volume of codes.

    The slices of a volume stand below each other; a picture has at most ROWS rows. Nothing is lost, and the
    same masks always give the same text.

    Returns:
        One list of pictures (WebP, in base 85) per 8 masks.
    """
    volumes = [
        np.packbits(np.stack(masks[n : n + 8]), axis=0, bitorder="little")[0] for n in range(0, len(masks), 8)
    ]
    rows = [volume.reshape(-1, volume.shape[2]) for volume in volumes]
    return [[_picture(one[n : n + ROWS], True) for n in range(0, len(one), ROWS)] for one in rows]


def pack(content: bytes) -> str:
    """Return bytes as text: gzip, base64. The same bytes always give the same text."""
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()


def write_script(path: Path, name: str, content: object) -> None:
    """Write a script that hands content to the viewer under a name.

    The job's folder appears as a whole, so that the file need not be flushed to disk by itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"covidseg.receive({json.dumps(name)}, {json.dumps(content, separators=(',', ':'))});\n"
    path.write_text(text, encoding="ascii")
