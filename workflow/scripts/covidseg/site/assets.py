"""Puts the files that all pages share into the site: styles, scripts, and the bundles of kept libraries."""

import importlib.util
import re
import shutil
from pathlib import Path

from covidseg.files import write_text
from covidseg.site.case_packing import pack, write_script
from covidseg.site.pages import palette_rules

STATIC = Path(__file__).parent / "static"
# Files of the packages itables and plotly. The packages are not imported, which would take a second.
TABLES = ("html/dt_bundle.css", "html/dt_bundle.js")
PLOTLY = "package_data/plotly.min.js"  # 4.8 MB, a third of it as gzip


def write_assets(folder: Path) -> None:
    """Write the shared files.

    Args:
        folder: results/report/assets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(STATIC.iterdir()):
        shutil.copyfile(path, folder / path.name)
    for name in TABLES:
        shutil.copyfile(_package("itables") / name, folder / Path(name).name)
    write_plotly(folder)
    # A browser loads no module from disk. As a plain script, the bundle names what the pages need.
    module = (folder / "dt_bundle.js").read_text(encoding="utf-8")
    write_text(folder / "dt_bundle.js", as_script(module, {"default": "DataTable"}))
    write_text(folder / "palette.css", str(palette_rules()) + "\n")


def write_plotly(folder: Path) -> None:
    """Write plotly.js, packed."""
    write_script(folder / "plotly.js", "plotly", pack((_package("plotly") / PLOTLY).read_bytes()))


def as_script(module: str, names: dict[str, str]) -> str:
    """Return a JavaScript module as a plain script.

    Args:
        module: text whose last statement exports names; it imports nothing.
        names: exported name -> name of the global variable that gets its value.
    """
    start, exported = re.split(r"\bexport\s*\{(?=[^{}]*\}\s*;?\s*(?:/\*.*\*/\s*)?$)", module, flags=re.DOTALL)
    pairs = (re.split(r"\s+as\s+", pair.strip()) for pair in exported.partition("}")[0].split(","))
    values = {pair[-1]: pair[0] for pair in pairs}
    lines = [f"window.{name} = {values[key]};" for key, name in names.items()]
    return "\n".join([f"(() => {{{start}", *lines, "})();", exported.partition("}")[2].lstrip(";\n"), ""])


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is pinned in envs/requirements.txt"
    assert spec.origin is not None
    return Path(spec.origin).parent
