"""Pictures (PNG, JPEG) that an archive has one file a slice of."""

import io
import re

from PIL import Image

from covidseg.errors import InputError


def read_picture(content: bytes, name: str) -> Image.Image:
    """Decode a whole picture.

    Args:
        content: bytes of the file.
        name: how messages call it.

    Raises:
        InputError: truncated, or no picture.
    """
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{name}: truncated or no picture ({error})") from error
    return picture


def numbers(name: str) -> list[str | int]:
    """Return text and numbers of a name in turn: names sorted by it have 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
