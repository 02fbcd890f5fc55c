"""Read pictures (PNG, JPEG) of slices, one file per slice."""

import io
import re

from PIL import Image

from covidseg.errors import InputError

# What Pillow raises for a damaged picture.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")


def read_picture(content: bytes, name: str) -> Image.Image:
    """Decode a whole picture.

    Args:
        content: bytes of the file.
        name: name of the picture in messages.

    Raises:
        InputError: the file is truncated, no picture, or several pictures.
    """
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        picture.load()
        frames = getattr(picture, "n_frames", 1)
    except BROKEN as error:
        raise InputError(f"{name}: truncated or no picture ({error})") from error
    if frames > 1:
        raise InputError(f"{name}: has {frames} pictures, expected 1; save each slice as a file of its own")
    return picture


def numbers(name: str) -> list[str | int]:
    """Return the texts and numbers of a name in turn: a key that sorts 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
