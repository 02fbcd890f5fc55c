"""Compare values that come from a JSON file with Python's type hints."""

from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

Hint = Any  # a type, or what stands for several types


def misfit(value: object, hint: Hint, place: str, *, complete: bool = True) -> str:
    """Return where and how a value does not fit a type, or an empty text if it fits.

    Args:
        value: value from a JSON file; a whole number fits float.
        hint: a TypedDict, list[...], dict[str, ...], Literal[...], a union, or a plain type.
        place: name of the value in the result.
        complete: whether a TypedDict must have all of its required keys.
    """
    origin: Hint = get_origin(hint)
    parts = get_args(hint)
    if hint is Any or origin is NotRequired:
        return misfit(value, parts[0], place, complete=complete) if parts else ""
    if origin in (Union, UnionType):
        misfits = [misfit(value, part, place, complete=complete) for part in parts]
        return "" if "" in misfits else misfits[0]
    if origin is Literal:
        return "" if value in parts else f"{place}: {value!r}; expected {' or '.join(map(str, parts))}"
    if is_typeddict(hint):
        return _misfit_of_keys(value, hint, place, complete=complete)
    kind: Hint = {float: (int, float), None: NoneType}.get(hint, origin or hint)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return f"{place}: {str(value)[:40]!r}; expected {getattr(hint, '__name__', hint)}"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (misfit(item, parts[-1], f"{place}.{key}", complete=complete) for key, item in items if parts)
    return next(filter(None, found), "")


def _misfit_of_keys(value: object, hint: Hint, place: str, *, complete: bool) -> str:
    if not isinstance(value, dict):
        return f"{place}: {str(value)[:40]!r}; expected keys and values"
    if complete and (missing := hint.__required_keys__ - value.keys()):
        return f"{place}: lacks {min(missing)}"
    types = get_type_hints(hint)
    found = (
        misfit(item, types[key], f"{place}.{key}", complete=complete)
        for key, item in value.items()
        if key in types
    )
    return next(filter(None, found), "")
