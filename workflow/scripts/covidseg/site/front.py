"""The pages that need all parts: start, the indices, what is ours, errata, provenance, and the search."""

import json

from covidseg.files import write_text
from covidseg.site.assets import write_assets
from covidseg.site.part import Entry, Part


def make(part: Part) -> list[Entry]:
    """Write the pages, the shared files, and the index that the search reads."""
    site = part.site
    write_assets(site.folder / "assets")
    site.write("index.html", "start.html", title="Start")
    entries = [
        entry for folder in part.inputs["parts"] for entry in json.loads((folder / "search.json").read_text())
    ]
    write_text(site.folder / "assets" / "search-index.js", f"window.SEARCH = {json.dumps(entries)};\n")
    return []
