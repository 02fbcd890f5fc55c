"""The page of provenance and licences, which is written when a run has ended."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.files import write_text
from covidseg.reading import read_table
from covidseg.site.pages import Site

TITLE = "Provenance and licences"
LICENCES = ["dataset", "title", "licence", "citation", "homepage", "used"]


def write_provenance_page(
    site: Site, found: dict[str, Any], tables: dict[str, pd.DataFrame], licences: Path
) -> None:
    """Write provenance.html and run.js, which has the commit for the banner of every page.

    No rule makes these files, so that a new commit makes no page anew.

    Args:
        site: the site.
        found: content of provenance.json.
        tables: heading -> table, of what was found.
        licences: results/paper/licences.csv, which may be missing.
    """
    rows = (
        read_table(licences, LICENCES, dtype=str).fillna("").to_dict("records") if licences.exists() else []
    )
    shown = {
        heading: (list(table.columns), table.astype(object).to_numpy().tolist())
        for heading, table in tables.items()
    }
    site.write("provenance.html", "provenance.html", title=TITLE, found=found, tables=shown, licences=rows)
    run = {"commit": found["commit"]["id"], "written": found["written"]}
    write_text(site.folder / "run.js", f"window.RUN = {json.dumps(run)};\n")
