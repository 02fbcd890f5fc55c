"""Pages of the part slices."""

from covidseg.site.part import Entry, Part


def make(part: Part) -> list[Entry]:
    """Write the pages of a part, and return what the search finds in it."""
    page = f"{part.folder}/index.html"
    part.site.write(page, "slices.html", title="slices")
    return [{"title": "slices", "kind": "page", "page": page}]
