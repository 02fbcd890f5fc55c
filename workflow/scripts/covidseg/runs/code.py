"""What a script runs: itself and the library modules it imports."""

import ast
from pathlib import Path


def imported(folder: Path, scripts: tuple[str, ...]) -> list[Path]:
    """Return scripts and the library modules they import, directly or through others, sorted.

    A package's own file is not among them: a new entry in a registry changes nothing that there is.

    Args:
        folder: of the scripts, and of the package `covidseg`.
        scripts: paths in it without their suffix.
    """
    found, waiting = [], [folder / f"{script}.py" for script in scripts]
    while waiting:
        path = waiting.pop()
        found.append(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("covidseg"):
                module = folder.joinpath(*node.module.split(".")).with_suffix(".py")
                if module.exists() and module not in found + waiting:
                    waiting.append(module)
    return sorted(found)
