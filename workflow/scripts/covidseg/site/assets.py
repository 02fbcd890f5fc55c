"""Puts the files that all pages share into the site: styles, scripts, and the bundles of kept libraries."""

import importlib.util
import shutil
from pathlib import Path

from covidseg.files import write_text
from covidseg.site.pages import palette_rules

STATIC = Path(__file__).parent / "static"
# Package -> its files that the site takes. The packages are not imported, which would take a second.
BUNDLES = {
    "itables": ("html/dt_bundle.css", "html/dt_bundle.js"),
    "plotly": ("package_data/plotly.min.js",),
}


def write_assets(folder: Path) -> None:
    """Write the shared files.

    Args:
        folder: results/report/assets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(STATIC.iterdir()):
        shutil.copyfile(path, folder / path.name)
    for package, files in BUNDLES.items():
        for name in files:
            shutil.copyfile(_package(package) / name, folder / Path(name).name)
    write_text(folder / "palette.css", str(palette_rules()) + "\n")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is pinned in envs/requirements.txt"
    assert spec.origin is not None
    return Path(spec.origin).parent
