"""Sort the slices of a stack by the numbers in the names of their files: counters, or positions in mm.

A hyphen before a number is a sign in "-12.5" and a separator in "scan-12", and a point may be a decimal point
or a separator. The names of all slices together decide; what they do not decide is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from covidseg.errors import InputError

NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)")
POINT = re.compile("[.,]")
SIGNS = {"-": "-", "\u2212": "-", "+": "+"}
OPENS = "/_=("  # a hyphen after one of these is a sign: it has nothing to separate
ENOUGH = 3  # fewer slices are too few to compare two numbers in their names


@dataclass(frozen=True)
class Number:
    """A number in the name of a slice.

    Attributes:
        text: what stands between the number before and this number, without the sign.
        after: the character directly before the sign; "0" for any digit.
        sign: "-", "+" or "".
        digits: the number without its sign, for example "12.5" or "1.2.840".
    """

    text: str
    after: str
    sign: str
    digits: str


Column = dict[str, Number]  # name of the slice -> its number at one place of the name


def sort_slices(files: Mapping[str, str], before: Mapping[str, str]) -> dict[str, Decimal]:
    """Return name of each slice -> the number that sorts it, from the lowest number to the highest.

    The first number that differs among the names counts.

    Args:
        files: name of the slice -> name of its file in messages.
        before: name of the slice -> the character before the name in the path of the file.

    Raises:
        InputError: no number tells two slices apart, or the names allow more than one order.
    """
    rows = {slice_: _split(slice_, before[slice_]) for slice_ in files}
    columns = [dict(zip(rows, column, strict=True)) for column in zip(*rows.values(), strict=False)]
    varied = [column for column in columns if len(set(column.values())) > 1]
    ordered = dict.fromkeys(sorted(rows), Decimal())
    if varied and len({number.text for number in varied[0].values()}) == 1:
        ordered = dict(sorted(_values(varied[0], files).items(), key=lambda item: item[1]))
    for (low, value), (high, next_) in pairwise(ordered.items()):
        if value == next_:
            raise InputError(
                f"{files[low]}: no number tells this slice from the next ({high}); give each its own"
            )
    for column in varied[1:]:
        _refuse_falling({slice_: column[slice_] for slice_ in ordered}, files)
    return ordered


def _split(slice_: str, before: str) -> list[Number]:
    """Return the numbers in a name."""
    *texts, _ = NUMBER.split(slice_)
    numbers = []
    for text, digits in zip(texts[::2], texts[1::2], strict=True):
        sign = SIGNS.get(text[-1:], "")
        text = text[: len(text) - len(sign)]
        after = text[-1:] or before
        numbers.append(Number(text, "0" if after.isdecimal() else after, sign, digits))
        before = "0"
    return numbers


def _values(column: Column, files: Mapping[str, str]) -> dict[str, Decimal]:
    """Return the values of the numbers, which are read alike in all names."""
    signed = _has_signs(column, files)
    parts = {slice_: POINT.split(number.digits) for slice_, number in column.items()}
    longest = max(map(len, parts.values()))
    # Read as separate numbers, a missing one counts as 0.
    apart = {
        slice_: [_value(part, column[slice_], signed=signed) for part in (found + longest * ["0"])[:longest]]
        for slice_, found in parts.items()
    }
    if longest > 2:
        places = (i for i in range(longest) if len({values[i] for values in apart.values()}) > 1)
        place = next(places, 0)
        return {slice_: values[place] for slice_, values in apart.items()}
    decimals = {
        slice_: _value(".".join(found), column[slice_], signed=signed) for slice_, found in parts.items()
    }
    if sorted(apart, key=apart.__getitem__) != sorted(decimals, key=decimals.__getitem__):
        raise InputError(
            f"{next(iter(files.values()))}: the point in the numbers of the slices can be a decimal point or "
            "a separator, and the order differs; give all numbers as many digits"
        )
    return decimals


def _value(digits: str, number: Number, *, signed: bool) -> Decimal:
    value = Decimal(digits)
    return value.copy_negate() if signed and number.sign == "-" else value


def _has_signs(column: Column, files: Mapping[str, str]) -> bool:
    """Return whether the hyphens before the numbers are signs. Names without any hyphen have no sign.

    A hyphen between two numbers separates them. If only some names have a hyphen, or if no letter stands
    before the hyphen, the hyphen is a sign. A letter and a hyphen in all names are one word, as in "scan-12".
    """
    hyphened = [number for number in column.values() if number.sign == "-"]
    if not hyphened or any(number.after == "0" for number in hyphened):
        return False
    if len(hyphened) < len(column) or all(number.after in OPENS for number in hyphened):
        return True
    if any(POINT.search(number.digits) for number in hyphened):
        raise InputError(
            f"{next(iter(files.values()))}: the hyphen in the names of all slices can be a sign or a "
            "separator; write _ for a separator, or nothing before a sign"
        )
    return False


def _refuse_falling(column: Column, files: Mapping[str, str]) -> None:
    """Refuse a second number that falls from slice to slice: it may be the position of the slice."""
    if len(column) < ENOUGH or len({number.text for number in column.values()}) > 1:
        return
    values = _values(column, files)
    if all(values[low] > values[high] for low, high in pairwise(column)):
        low, high = list(column)[:2]
        raise InputError(
            f"{files[high]}: follows slice {low} by its first number and precedes it by another; "
            "keep the number that counts from the lowest slice up"
        )
