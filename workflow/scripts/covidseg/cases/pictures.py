"""Read pictures (PNG, JPEG) of slices, one file per slice."""

import io
import re

from PIL import Image

from covidseg.errors import InputError


def read_picture(content: bytes, name: str) -> Image.Image:
    """Decode a whole picture.

    Args:
        content: bytes of the file.
        name: name of the picture in messages.

    Raises:
        InputError: the file is truncated or no picture.
    """
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}: truncated or no picture ({error})") from error
    return picture


def numbers(name: str) -> list[str | int]:
    """Return the texts and numbers of a name in turn: a key that sorts 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
