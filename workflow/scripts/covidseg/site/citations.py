"""Title, authors and year of the papers, from CITATION.cff, and what each paper says."""

from dataclasses import dataclass
from pathlib import Path

from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputError

# In one sentence, in our words.
SAYS = {
    "wang2021": "A model that has seen several kinds of lung lesion helps, however it is carried over, and "
    "the Hybrid-encoder carries it over best.",
    "wang2020": "A model that has seen several kinds of lung lesion helps, and an encoder of its own beside "
    "the pre-trained one, the Multi-encoder, helps most.",
    "zhang2021": "Two encoders that learn COVID-19 infection and other lesions together use the shared "
    "knowledge better than pre-training does; losses on relations between features tie the two together.",
    "ma2021": "Four annotated COVID-19 scans teach infection better than many annotated scans of other "
    "lesions; three tasks with fixed splits make methods comparable.",
    "yang2021": "Labels of whole slices suffice to find lesions, if a network splits each slice into healthy "
    "tissue and lesion.",
}


@dataclass(frozen=True)
class Citation:
    """A paper.

    Attributes:
        title: of the paper.
        authors: their names in order.
        year: of publication.
        url: where the paper is found.
        says: what it says in one sentence; "" for a paper without one.
    """

    title: str
    authors: list[str]
    year: int
    url: str
    says: str


def read_citation(path: Path, paper: str) -> Citation:
    """Return the paper whose notes in CITATION.cff begin with its key.

    Raises:
        InputError: there is none.
    """
    for entry in read_yaml(path)["references"]:
        if entry.get("notes", "").startswith(f"{paper} in this project"):
            names = [f"{author['given-names']} {author['family-names']}" for author in entry["authors"]]
            url = f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url", "")
            return Citation(entry["title"], names, entry["year"], url, SAYS.get(paper, ""))
    raise InputError(f'{path}: no reference with notes "{paper} in this project"; add one')
