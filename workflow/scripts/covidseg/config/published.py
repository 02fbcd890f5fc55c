"""Check artefacts.yaml against published.csv: a wrong name of a table would leave its numbers empty."""

from pathlib import Path

from covidseg.config.checks import check_known
from covidseg.config.entries import ArtefactEntry
from covidseg.errors import InputError, told_together
from covidseg.reading import read_rows

COLUMNS = (*("paper", "table", "row", "source", "fold", "region", "split", "metric", "unit", "mean", "std"),)


def check_published(artefacts: dict[str, dict[str, ArtefactEntry]], folder: Path) -> None:
    """Check published.csv, and that it has the tables that artefacts.yaml names.

    Args:
        artefacts: content of artefacts.yaml.
        folder: the folder config/.

    Raises:
        InputErrors: published.csv is damaged, numbers in it are none, or it has no tables of some names.
    """
    path = folder / "published.csv"
    tables: dict[str, dict[str, None]] = {}
    with told_together() as faults:
        for line, row in enumerate(read_rows(path, COLUMNS, "correct the file"), start=2):
            tables.setdefault(row["paper"], {})[row["table"]] = None
            for column in ("mean", "std"):
                with faults.gathered():
                    _check_number(row[column], f"{path}: line {line}: {column}")
        for paper, group in artefacts.items():
            for name, entry in group.items():
                named = entry.get("published", [])
                names = [named] if isinstance(named, str) else [*named]
                names += [entry["elsewhere"]] if "elsewhere" in entry else []
                where = f"{folder / 'artefacts.yaml'}: {paper}.{name}.published"
                with faults.gathered():
                    check_known(names, tables.get(paper, {}), where, "table of published.csv")


def _check_number(cell: str, where: str) -> None:
    try:
        float(cell or 0)
    except ValueError as error:
        raise InputError(f"{where}: {cell!r}; expected a number, or nothing") from error
