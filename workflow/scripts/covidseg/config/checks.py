"""Checks of the keys and names in the configuration: each must be known."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from covidseg.errors import InputError
from covidseg.training.sections import Options

# Section -> former key -> present key. A user's own configuration may still have the former key.
RENAMED = {"weak": {"setting": "variant", "settings": "variants"}}
# Section -> former key that has no successor -> what has taken its place.
REMOVED = {
    "training": {
        "pretraining_schedule": "every strategy starts from the pre-training of its paper, which has a whole "
        "schedule or stops half-way"
    }
}


def check_renamed(sections: Mapping[str, Any], name: str) -> None:
    """Raise InputError for the first key that was renamed or removed; the message starts with `name`."""
    for section, removed in REMOVED.items():
        for old, successor in removed.items():
            if isinstance(sections.get(section), dict) and old in sections[section]:
                raise InputError(f"{name}: {section}: {old!r} is no longer used; remove it ({successor})")
    for section, keys in RENAMED.items():
        for old, new in keys.items():
            if isinstance(sections.get(section), dict) and old in sections[section]:
                raise InputError(f"{name}: {section}: {old!r} is now {new!r}; rename it")


def check_options(
    options: Options, allowed: Mapping[str, tuple[object, ...] | type[int] | type[float]], where: str
) -> None:
    """Raise InputError unless the options have exactly the allowed keys, with allowed values.

    Args:
        options: of a strategy or system.
        allowed: key -> tuple of the allowed values, or the type of a positive number.
        where: file and key of the options, for messages.
    """
    for key in options.keys() ^ allowed.keys():
        verb = "unknown" if key in options else "missing"
        raise InputError(f"{where}: {verb} option {key!r}; expected: {', '.join(allowed) or 'none'}")
    for key, value in options.items():
        expected = allowed[key]
        if isinstance(expected, tuple):
            check_known([value], dict.fromkeys(expected), f"{where}.{key}", "value")
        elif not isinstance(value, (int, expected)) or value <= 0:
            raise InputError(f"{where}.{key}: {value!r}; expected a positive {expected.__name__}")


def check_known(names: Iterable[object], known: Collection[object], where: str, kind: str) -> None:
    """Raise InputError for the first unknown name. `kind` says what is named, such as "data set"."""
    for name in names:
        if name not in known:
            raise InputError(f"{where}: unknown {kind} {name!r}; allowed: {', '.join(map(str, known))}")
