"""Pages of the part data."""

from covidseg.site.part import Entry, Part


def make(part: Part) -> list[Entry]:
    """Write the pages of a part, and return what the search finds in it."""
    page = f"{part.folder}/index.html"
    part.site.write(page, "data.html", title="data")
    return [{"title": "data", "kind": "page", "page": page}]
