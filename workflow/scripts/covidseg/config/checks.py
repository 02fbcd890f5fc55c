"""What is named in the configuration must exist."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from covidseg.errors import InputError
from covidseg.training.sections import Options

# Section -> its former key -> the key's name now: a configuration of one's own may be older than a name.
RENAMED = {"weak": {"setting": "variant", "settings": "variants"}}


def check_renamed(sections: Mapping[str, Any], name: str) -> None:
    """Raise InputError, which calls the configuration `name`, at the first key that has another name now."""
    for section, keys in RENAMED.items():
        for old, new in keys.items():
            if isinstance(sections.get(section), dict) and old in sections[section]:
                raise InputError(f"{name}: {section}: {old!r} is now {new!r}; rename it")


def check_options(
    options: Options, allowed: Mapping[str, tuple[object, ...] | type[int] | type[float]], where: str
) -> None:
    """Raise InputError unless the options are those allowed: key -> tuple of values, or a type."""
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
    """Raise InputError at the first name that is not known, with those that are."""
    for name in names:
        if name not in known:
            raise InputError(f"{where}: unknown {kind} {name!r}; allowed: {', '.join(map(str, known))}")
