"""Values for the scripts of pages."""

import json


def as_json(value: object) -> str:
    """Return a value as JSON in one line, which is also JavaScript.

    Raises:
        ValueError: a number is not finite, which no JSON has.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
