"""Reads JSON schemas, checks content against them, and describes a violation in one line."""

import math
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker, validators
from jsonschema.exceptions import ValidationError

from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputErrors


def _is_whole(checker: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(checker: TypeChecker, value: object) -> bool:
    return _is_whole(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON schema takes 3.0 as an integer, and Python's JSON has numbers that are not finite.
STRICT = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_whole, "number": _is_finite}
    ),
)


def read_schema(path: Path) -> dict[str, Any]:
    """Return a JSON schema that is written as YAML."""
    return read_yaml(path)


def check_schema(content: object, name: str, schema: dict[str, Any]) -> None:
    """Check content against a JSON schema.

    Args:
        content: the content of a YAML file.
        name: name of the file in the error message.
        schema: the JSON schema.

    Raises:
        InputErrors: the content violates the schema; there is one message per violation.
    """
    validator = STRICT(schema)
    errors = sorted(
        validator.iter_errors(content), key=lambda error: [str(part) for part in error.absolute_path]
    )
    if errors:
        raise InputErrors([f"{name}: {_explain(error)}" for error in errors])


def _explain(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "anyOf":
        fitting = [one for one in error.context if one.validator != "type"]  # the value has the right type
        return "; or ".join(_explain(alternative) for alternative in fitting or error.context)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = ", ".join(repr(name) for name in error.instance if name not in known)
        return f"{key}: unknown key {unknown}; allowed: {', '.join(known)}"
    if error.validator == "enum":
        return f"{key}: {error.instance!r}; allowed: {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern":
        return f"{key}: {error.instance!r}; expected {error.schema['description']}"
    if error.validator == "type":
        types = error.validator_value
        types = [types] if isinstance(types, str) else types
        return f"{key}: {error.instance!r} is not of type {' or '.join(types)}{_hint(error.instance, types)}"
    return f"{key}: {error.message}"


def _hint(value: object, types: list[str]) -> str:
    """Return a remedy for a value that YAML or the command line reads as another type than it looks."""
    if isinstance(value, bool | int | float) and "string" in types:
        return " (write a text in quotes, also no, yes, on and off)"
    if not isinstance(value, str):
        return ""
    if value.lower() in ("true", "false", "null", "none"):
        return " (a text: write it without quotes; in --config write True, False, or nothing after =)"
    if not _looks_numeric(value):
        return ""
    if not re.search(r"[eE]", value):
        return " (a text: write it without quotes; keys within a section cannot be set by --config)"
    return " (YAML reads 1e-3 as text: write 0.001)"


def _looks_numeric(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
