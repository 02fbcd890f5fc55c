"""What a licence in datasets.yaml asks of a model that has learned from the data, by its words."""

import re
from collections.abc import Mapping

CC = re.compile(r"\bCC[ -]BY((?:-(?:NC|SA|ND))*)\b(?:[ -](\d\.\d))?")
OPEN = re.compile(r"\bCC0\b|\bpublic domain\b|\bApache\b|\bMIT\b|\bBSD\b|\bODC-BY\b|\bPDDL\b", re.IGNORECASE)
# Words after which nobody can take a licence as given, whatever else the text names.
ASKS = re.compile(
    r"regist|held by|\bask|agree|permission|private|internal|confidential|restricted|nothing is said|"
    r"\bnot (?:to )?(?:be )?(?:share|publish|distribut|pass)|no redistribution|unknown",
    re.IGNORECASE,
)
# Term -> what it means for who shares or uses a model, from the strictest on.
TERMS = {
    "ask": "do not share the model before the holder of the data allows it",
    "no derivatives": "do not share the model before the holder of the data allows it: nothing derived from "
    "the data may be shared, and whether a model is derived from them is not settled",
    "non-commercial": "no commercial use",
    "share alike": "share the model under the same licence only",
    "attribution": "name the authors of the data",
}
PARTS = {"ND": "no derivatives", "NC": "non-commercial", "SA": "share alike"}


def terms_of(licence: str) -> list[str]:
    """Return the terms of a licence, keys of TERMS: of several licences in the text those of all.

    A text that names no licence which this module knows counts as one that allows no sharing.
    """
    found = CC.findall(licence)
    terms = {PARTS[part] for parts, _ in found for part in parts.split("-") if part}
    terms |= {"attribution"} if found else set()
    if ASKS.search(licence) or not (found or OPEN.search(licence)):
        terms.add("ask")
    return [term for term in TERMS if term in terms]


def licence_address(licence: str) -> str:
    """Return the address of the first Creative Commons licence that a text names; "" if it names none."""
    for parts, version in CC.findall(licence):
        if version:
            return f"https://creativecommons.org/licenses/by{parts.lower()}/{version}/"
    return ""


def summarise_terms(licences: Mapping[str, str]) -> list[str]:
    """Return what a user must keep to, one sentence per term, from the strictest on.

    Args:
        licences: title of a data set -> its licence.
    """
    terms = {title: terms_of(licence) for title, licence in licences.items()}
    sentences = []
    for term, meaning in TERMS.items():
        if titles := [title for title, found in terms.items() if term in found]:
            sentences.append(f"{meaning[0].upper()}{meaning[1:]} ({'; '.join(titles)}).")
    alike = sorted({licence_address(licences[title]) for title in terms if "share alike" in terms[title]})
    if len(alike) > 1:
        reason = f"{' and '.join(alike)} each ask for this licence alone"
        sentences.insert(0, f"Do not share the model before a holder allows it: {reason}.")
    return sentences
