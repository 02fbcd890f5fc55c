"""How the pages name the papers: author and year, topic, and what a paper is about in a sentence."""

from typing import NamedTuple


class Paper(NamedTuple):
    """A paper.

    Attributes:
        name: authors and year.
        topic: its method, or what it is known for.
        sentence: what it is about.
    """

    name: str
    topic: str
    sentence: str


PAPERS = {
    "wang2021": Paper(
        "Wang et al. 2021",
        "Hybrid-encoder",
        "Does non-COVID-19 lung lesion help? Four ways to carry lesions over, and a Hybrid-encoder that "
        "fuses old and new features.",
    ),
    "wang2020": Paper(
        "Wang et al. 2020",
        "Multi-encoder",
        "The preprint of the same study, whose fourth strategy gives every pre-trained model an encoder of "
        "its own.",
    ),
    "zhang2021": Paper(
        "Zhang et al. 2021",
        "Collaborative learning",
        "COVID-19 and other lesions are learned at once; relations between features tie the two encoders "
        "together.",
    ),
    "ma2021": Paper(
        "Ma et al. 2021",
        "The benchmark",
        "Three tasks for few annotations: four COVID-19 cases alone, other data alone, and both together; "
        "lungs and infection.",
    ),
    "yang2021": Paper(
        "Yang et al. 2021",
        "Weak supervision",
        "No outlines at all: one label per image, and a network that splits each slice into healthy tissue "
        "and lesion.",
    ),
}


def paper_of(key: str) -> Paper:
    """Return how the pages name a paper; a paper that a user adds has its key as name."""
    return PAPERS.get(key, Paper(key, "", ""))
