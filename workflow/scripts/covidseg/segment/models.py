"""Find trained models: in results/models, in a release (a folder, an archive, an address), or in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from covidseg.device import Compute
from covidseg.errors import InputError
from covidseg.reading import read_rows
from covidseg.regions import LUNGS
from covidseg.segment.ensemble import KNOWN_SCHEME, Ensemble, load_ensemble
from covidseg.segment.fetching import fetch_release, is_address, unpack_release
from covidseg.segment.release import (
    PICKLES,
    SCORES,
    check_files,
    check_release,
    identity,
    is_release,
    release_around,
)
from covidseg.training.description import ANEW, ModelDescription

RESULTS = Path("results/models")
INFECTION = ("infection",)  # regions that a model of the infection must know
WEIGHTS, SAFE = "model.safetensors", ".safetensors"
ELSEWHERE = "train the model anew, or get it again from where it comes from"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model: the weights of its folds.

    Attributes:
        name: what is printed: an experiment, and where it comes from.
        weights: model.safetensors of each fold; model.json lies beside each.
        regions: what the model is asked to find.
        release: the release that the model lies in, or None.
    """

    name: str
    weights: list[Path]
    regions: tuple[str, ...]
    release: Path | None = None


def load_models(models: Sequence[Model], compute: Compute) -> list[Ensemble]:
    """Load the networks of all folds of some models; the same model is loaded once.

    Raises:
        InputError: a file is damaged, the weights are of another architecture, or a model does not know its
            regions.
    """
    loaded: dict[tuple[Path, ...], Ensemble] = {}
    for model in models:
        weights = tuple(model.weights)
        ensemble = loaded.get(weights) or load_ensemble(model.weights, compute)
        if missing := [region for region in model.regions if region not in ensemble.channels]:
            raise InputError(
                f"{model.name}: this model does not know {' and '.join(missing)}; choose another one"
            )
        loaded[weights] = ensemble
    return [loaded[tuple(model.weights)] for model in models]


def find_models(infection: str | None, lungs: str | None, models: Path = RESULTS) -> tuple[Model, Model]:
    """Return the model of the infection and the model of the lungs.

    Args:
        infection: a model, as `find_model` takes it; None: the best one of `models`.
        lungs: the same for the lungs; None: the best one of the release that the model of the infection lies
            in, or else of `models`.
        models: folder of the experiments, or a release.

    Raises:
        InputError: there is no such model, or its release is damaged.
    """
    first = find_model(infection, INFECTION, models)
    return first, find_model(lungs, LUNGS, first.release or models)


def find_model(given: str | None, regions: tuple[str, ...], models: Path = RESULTS) -> Model:
    """Return a model. The files of a model in a release are compared with their checksums.

    Args:
        given: the name of an experiment, such as hybrid-multi; a release, of which the best model is taken (a
            folder, a zip or tar archive, or https://host/release.zip#sha256=CHECKSUM); the folder of a model,
            in a release or anywhere else; or one model.safetensors. None: the best model of `models`.
        regions: what the model has to know.
        models: folder of the experiments, or a release.

    Raises:
        InputError: there is no such model, or its release is damaged.
    """
    place = _place_of(given, models).absolute()
    if release := release_around(place):
        sums = check_release(release)
        check_files(release, [*release.glob(SCORES), *release.glob("*/fold*/model.json")], sums)
        _check_kind(sorted(release.glob(f"*/fold*/{WEIGHTS}")))
    if given is None or place == release:
        place = place / best_model(place, regions)
    if not (weights := _weights_in(place)):
        raise InputError(_not_found(str(given), place, models))
    _check_kind(weights)
    if release is None:
        return Model(name=given or place.name, weights=weights, regions=regions)
    check_files(release, weights, sums)
    name = f"{place.relative_to(release)} of release {identity(release)}"
    return Model(name=name, weights=weights, regions=regions, release=release)


def _place_of(given: str | None, models: Path) -> Path:
    """Return the file or folder that a user means."""
    if given is None:
        return models
    if is_address(given):
        return fetch_release(given)
    if _weights_in(models / given):
        return models / given
    path = Path(given)
    return unpack_release(path) if path.is_file() and path.suffix != SAFE else path


def _weights_in(place: Path) -> list[Path]:
    """Return the weights of a model: in a folder of folds, in one fold, or the file itself."""
    if place.suffix == SAFE and place.is_file():
        return [place]
    return sorted([*place.glob(WEIGHTS), *place.glob(f"fold*/{WEIGHTS}")])


def _check_kind(weights: list[Path]) -> None:
    """Refuse models of another project or of another kind, before their weights are read."""
    for path in weights:
        try:
            ModelDescription.read(path.with_suffix(".json"))
        except InputError as error:
            reason = str(error).replace(ANEW, ELSEWHERE)
            raise InputError(f"{path.parent}: no segmentation network of covidseg: {reason}") from error


def _not_found(given: str, place: Path, models: Path) -> str:
    """Return why there is no model; of those that are there, the one with the nearest name comes first."""
    if pickles := sorted(
        path.name for path in [*place.glob("*"), *place.glob("*/*")] if path.suffix in PICKLES
    ):
        return f"{given}: no model of covidseg: it holds pickles, as {pickles[0]}, which are never read"
    nearest = sorted(trained(models), key=lambda name: -SequenceMatcher(None, given, name).ratio())
    there = ", ".join(nearest) or "none"
    return f"{given}: no such model in {models}, and no folder with {WEIGHTS}; models: {there}"


def trained(models: Path) -> list[str]:
    """Return the names of the experiments with a segmentation network that can be used."""
    return sorted({path.parents[1].name for path in models.glob("*/fold*/model.json") if labels_of(path)})


def labels_of(description: Path) -> set[str]:
    """Return the regions that a model knows; empty for a model of another kind or normalisation."""
    try:
        found = ModelDescription.read(description)
    except InputError:
        return set()
    return set(found.labels.values()) if found.normalisation["scheme"].startswith(KNOWN_SCHEME) else set()


def best_model(models: Path, regions: tuple[str, ...]) -> str:
    """Return the name of the model with the highest mean DSC by cross-validation of those that are there.

    Args:
        models: folder of the experiments, beside which the table of scores lies; or a release, which has it.
        regions: regions that the model must know; the mean is over their scores on the split "test".

    Raises:
        InputError: no model knows the regions.
    """
    fitting = [name for name in trained(models) if _knows(models / name, regions)]
    if not fitting:
        raise InputError(f"{models}: no model of {' and '.join(regions)}; name one with --model or --lungs")
    means = mean_scores((models if is_release(models) else models.parent) / SCORES, regions)
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
