"""config/README.md: every key of the configuration, from the schemas. `python tests/config_page.py` writes it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from covidseg.config.kinds import with_kinds  # noqa: E402
from covidseg.config.schemas import read_schema  # noqa: E402

PAGE = ROOT / "config" / "README.md"
SHEETS = {
    "config": "A configuration: `config.yaml` (phantom), `paper.yaml`, `public.yaml`, or one of your own. Each "
    "value is explained in `paper.yaml`. A configuration with `extends: <file>` has the missing keys of "
    "that file. Settings within a section cannot be set by `--config`.",
    "datasets": "`datasets.yaml`. The head of the file explains every key.",
    "splits": "`splits.json`: the published folds.",
    "experiments": "`experiments.yaml`. The head of the file explains every key.",
    "artefacts": "`artefacts.yaml`. The head of the file explains every key.",
    "claims": "`claims.yaml`. The head of the file explains every key.",
}
PAPERS = ("wang2021", "wang2020", "zhang2021", "ma2021", "yang2021")
HEAD = """# Configuration

Choose a configuration with `--configfile`; without the option `config.yaml` is read. Every configuration reads the sheets in this folder, and [your own additions](local/README.md) in `local/`. `snakemake check` checks all of them. This page is made from the schemas in `schemas/`, which also check the values; `python tests/config_page.py` makes it anew. Names in angle brackets stand for a name of your choice.
"""


def rows(schema: dict[str, Any], root: dict[str, Any], key: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield key, allowed values, and whether the key must be there, of everything below a schema."""
    schema = resolved(schema, root)
    required = schema.get("required", [])
    for name, inside in schema.get("properties", {}).items():
        own = f"{key}.{name}" if key else name
        yield own, allowed(inside, root), name in required
        yield from rows(inside, root, own)
    if isinstance(further := schema.get("additionalProperties"), dict):
        own = f"{key}.<name>" if key else "<name>"
        yield own, allowed(further, root), False
        yield from rows(further, root, own)
    if isinstance(items := schema.get("items"), dict):
        yield from rows(items, root, f"{key}[]")
    for choice in (*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])):
        yield from rows(resolved(choice, root).get("then", choice), root, key)


def resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema refers to; {} for `true`."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" not in schema:
        return schema
    found: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found, root) | {name: value for name, value in schema.items() if name != "$ref"}


def allowed(schema: Any, root: dict[str, Any]) -> str:
    """Return the allowed values in words."""
    schema = resolved(schema, root)
    if choices := (*schema.get("anyOf", []), *schema.get("oneOf", [])):
        return " or ".join(dict.fromkeys(filter(None, (allowed(choice, root) for choice in choices))))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    types = schema.get("type", "")
    names = [types] if isinstance(types, str) else types
    words = {"object": "keys and values", "array": "list", "string": "text", "null": "nothing"}
    said = " or ".join(words.get(name, name) for name in names)
    if "items" in schema and (inside := allowed(schema["items"], root)):
        said = said.replace("list", f"list of: {inside}", 1)
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema]
    return f"{said} {', '.join(limits)}".strip()


def page() -> str:
    """Return the text of config/README.md."""
    parts = [HEAD]
    for sheet, text in SHEETS.items():
        schema = read_schema(ROOT / "config" / "schemas" / f"{sheet}.schema.yaml")
        schema = with_kinds(schema) if sheet == "artefacts" else schema
        found: dict[str, tuple[str, bool]] = {}
        for key, values, needed in rows(schema, schema):
            first, *rest = key.split(".")
            key = ".".join(["<paper>" if first in PAPERS else first, *rest])
            before = found.get(key, ("", needed))
            said = [one for one in (before[0], values) if one]
            found[key] = (" or ".join(dict.fromkeys(said)), before[1] and needed)
        lines = [
            f"| `{key}` | {values.replace('|', chr(92) + '|') or 'any'} | {'yes' if needed else ''} |"
            for key, (values, needed) in found.items()
        ]
        table = "\n".join(["| key | values | needed |", "|---|---|---|", *lines])
        parts.append(f"## {sheet}\n\n{text}\n\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
