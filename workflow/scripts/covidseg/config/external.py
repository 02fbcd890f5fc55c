"""Rows of experiments.yaml whose predictions were made elsewhere: checks, and the regions of their labels."""

from covidseg.archives.dataset import Datasets
from covidseg.cases.external_files import FIELDS, SUFFIXES, fields_of
from covidseg.config.checks import check_known
from covidseg.config.sheets import ExperimentRow
from covidseg.errors import InputError
from covidseg.regions import LESIONS

EXTERNAL = "external"  # the strategy of predictions that were made elsewhere
KEYS = ("paper", "predictions", "regions", "train", "folds", "evaluate", "source")


def check_external(row: ExperimentRow, where: str) -> None:
    """Raise InputError for a key of a training, and for a path that names no files of a known format.

    Args:
        row: the row.
        where: file and key of the row, for messages.
    """
    if further := row.keys() - set(KEYS):
        raise InputError(
            f"{where}.{min(further)}: beside predictions, for which nothing is trained; remove it"
        )
    pattern = row["predictions"]
    check_known(fields_of(pattern), FIELDS, f"{where}.predictions", "field")
    if not pattern.lower().endswith(SUFFIXES):
        raise InputError(f"{where}.predictions: {pattern!r}; can be read: {', '.join(SUFFIXES)}")
    if not row["evaluate"]:
        raise InputError(f"{where}.evaluate: empty; name the data sets that were predicted")
    check_known(row.get("train", []), row["evaluate"], f"{where}.train", "data set of evaluate")


def regions_of(row: ExperimentRow, datasets: Datasets, where: str) -> dict[int, str]:
    """Return label id in the predictions -> region: those of the row, or else those of the data sets.

    Raises:
        InputError: the row has none, and the data sets give a label id different regions.
    """
    if "regions" in row:
        return row["regions"]
    found: dict[int, str] = {}
    for name in row["evaluate"]:
        for label, region in datasets[name]["regions"].items():
            other = found.setdefault(label, region)
            if other != region and not {other, region} <= set(LESIONS):
                raise InputError(
                    f"{where}.regions: not there, and label {label} is {other} or, in {name}, {region}; "
                    "write the region of each label of the predictions"
                )
    return found
