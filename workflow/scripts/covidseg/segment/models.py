"""Find trained models: by the name of an experiment, or in a folder of models."""

from pathlib import Path

from covidseg.errors import InputError
from covidseg.reading import read_rows
from covidseg.training.description import ModelDescription

RESULTS = Path("results/models")
INFECTION = ("infection",)  # regions that a model of the infection must know


def find_weights(name: str, models: Path = RESULTS) -> list[Path]:
    """Return the weights of all folds of a model.

    Args:
        name: name of an experiment, such as hybrid-multi; or the path of a folder with model.safetensors in
            itself or in its subfolders.
        models: folder of the experiments.

    Raises:
        InputError: there is no such model.
    """
    for folder in (models / name, Path(name)):
        found = sorted([*folder.glob("model.safetensors"), *folder.glob("fold*/model.safetensors")])
        if found:
            return found
    there = ", ".join(trained(models)) or "none"
    raise InputError(
        f"{name}: no such model in {models}, and no folder with model.safetensors; models: {there}"
    )


def trained(models: Path) -> list[str]:
    """Return the names of the experiments with a segmentation network that can be used."""
    return sorted({path.parents[1].name for path in models.glob("*/fold*/model.json") if labels_of(path)})


def labels_of(description: Path) -> set[str]:
    """Return the regions that a model knows; empty for a model of another kind."""
    try:
        return set(ModelDescription.read(description).labels.values())
    except InputError:
        return set()


def best_model(models: Path, regions: tuple[str, ...]) -> str:
    """Return the name of the model with the highest mean DSC by cross-validation of those that are there.

    Args:
        models: folder of the experiments; the table of scores lies beside it.
        regions: regions that the model must know; the mean is over their scores on the split "test".

    Raises:
        InputError: no model knows the regions.
    """
    fitting = [name for name in trained(models) if _knows(models / name, regions)]
    if not fitting:
        raise InputError(f"{models}: no model of {' and '.join(regions)}; name one with --model or --lungs")
    means = mean_scores(models.parent / "scores.csv", regions)
    return max(fitting, key=lambda name: (means.get(name, -1.0), name))


def _knows(folder: Path, regions: tuple[str, ...]) -> bool:
    known = labels_of(next(iter(sorted(folder.glob("fold*/model.json")))))
    return set(regions) <= known


def mean_scores(table: Path, regions: tuple[str, ...]) -> dict[str, float]:
    """Return experiment -> mean DSC of regions on the split "test"; empty where there is no table."""
    if not table.exists():
        return {}
    columns = ["experiment", "split", "region", "metric", "value"]
    sums: dict[str, list[float]] = {}
    for row in read_rows(table, columns):
        if (row["split"], row["metric"]) == ("test", "DSC") and row["region"] in regions and row["value"]:
            sums.setdefault(row["experiment"], []).append(float(row["value"]))
    return {name: sum(values) / len(values) for name, values in sums.items()}
