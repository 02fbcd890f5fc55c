"""List the licences, citations and sizes of the data sets, for users who must agree to the licences."""

import shutil
from pathlib import Path

import pandas as pd

from covidseg.archives.dataset import Datasets
from covidseg.errors import InputError


def licence_table(datasets: Datasets, phantom: list[str]) -> pd.DataFrame:
    """Return a table with one row per data set.

    Args:
        datasets: entries of datasets.yaml, of the data sets to list.
        phantom: names of the data sets whose archives are generated instead of downloaded.
    """
    return pd.DataFrame(
        {
            "dataset": name,
            "title": entry["title"],
            "licence": entry["licence"],
            "citation": entry.get("citation", "none given"),
            "homepage": entry["homepage"],
            "gigabytes": entry.get("gigabytes", float("nan")),
            "used": "phantom, nothing of it was fetched" if name in phantom else "real",
        }
        for name, entry in datasets.items()
    )


def describe_licences(datasets: Datasets, folder: Path) -> str:
    """Return the text that is printed before real data sets are downloaded, with one line per data set.

    Raises:
        InputError: the disk of `folder` has less free space than the archives need.
    """
    table = licence_table(datasets, [])
    total, free = table["gigabytes"].sum(), shutil.disk_usage(folder).free / 1e9
    if total > free:
        raise InputError(
            f"{folder.absolute()}: {total:.0f} GB of archives are to be fetched, {free:.0f} GB are free; "
            "free some, or make data/ a link to a larger disk"
        )
    lines = [
        f"  {row.title}: {row.licence}. Citation: {row.citation}. {row.homepage}"
        for row in table.itertuples()
    ]
    about = "at least" if table["gigabytes"].isna().any() else "about"
    return "\n".join(
        [f"To be fetched, {about} {total:.0f} GB ({free:.0f} GB are free), under these licences:", *lines]
    )
