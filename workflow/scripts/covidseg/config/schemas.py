"""Reads JSON schemas, checks content against them, and describes a violation in one line."""

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputError


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
        InputError: the content violates the schema; the message describes the first violation.
    """
    validator = Draft202012Validator(schema)
    errors = sorted(
        validator.iter_errors(content), key=lambda error: [str(part) for part in error.absolute_path]
    )
    if errors:
        raise InputError(f"{name}: {_explain(errors[0])}")


def _explain(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "anyOf":
        return "; or ".join(_explain(alternative) for alternative in error.context)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = ", ".join(repr(name) for name in error.instance if name not in known)
        return f"{key}: unknown key {unknown}; allowed: {', '.join(known)}"
    if error.validator == "enum":
        return f"{key}: {error.instance!r}; allowed: {', '.join(map(str, error.validator_value))}"
    if error.validator == "type":
        hint = " (YAML reads 1e-3 as text: write 0.001)" if _looks_numeric(error.instance) else ""
        return f"{key}: {error.instance!r} is not of type {error.validator_value}{hint}"
    return f"{key}: {error.message}"


def _looks_numeric(value: object) -> bool:
    try:
        return isinstance(value, str) and float(value) is not None
    except ValueError:
        return False
