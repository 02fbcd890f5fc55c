"""How long the jobs of the DAG take.

An estimate comes from the number of epochs, from the number of tiles, or from jobs of the same rule that ran
in this checkout. The limit of the rule is given beside the estimate.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.evaluation.sections import Inference
from covidseg.evaluation.sliding_window import tile_starts
from covidseg.runs.dag import Rule
from covidseg.runs.epoch_times import REFERENCE, EpochTime, epoch_times, measured_times, published_times
from covidseg.runs.grids import Cohort, at_target_spacing, known_target_spacing, predicted_grids, read_cohort
from covidseg.runs.network_sizes import NetworkSize, network_size, plain_size
from covidseg.runs.rehearsal_plan import few_cases, key_of
from covidseg.runs.rehearsed_times import read_rehearsal, rehearsed_epochs, rehearsed_seconds
from covidseg.runs.wall_times import wall_times
from covidseg.training.strategies import STRATEGIES

WEIGHTS = "model.safetensors"  # the first output file of every training
PASSES = 3  # cost of a training step: one forward pass, and a backward pass with twice its operations


@dataclass(frozen=True)
class Known:
    """All facts that the estimates are computed from.

    Attributes:
        config: the checked configuration.
        rules: name -> rule.
        jobs: one row per job, as returned by `list_jobs`.
        epochs: strategy or system -> seconds per epoch.
        walls: rule -> seconds of each job that ran in this checkout.
        rehearsed: (rule, strategy or data set) -> seconds of the rule's longest job in a rehearsal.
        cohorts: data set -> cases of the data set.
        target_spacing: (z, y, x) in mm, or None while the cases of the target data set are unknown.
        sizes: experiment -> size of the experiment's network; not of one that predicted elsewhere.
    """

    config: Configuration
    rules: dict[str, Rule]
    jobs: pd.DataFrame
    epochs: dict[str, EpochTime]
    walls: dict[str, list[float]]
    rehearsed: dict[tuple[str, str], float]
    cohorts: dict[str, Cohort]
    target_spacing: tuple[float, ...] | None
    sizes: dict[str, NetworkSize]


def gather(
    config: Configuration,
    rules: dict[str, Rule],
    jobs: pd.DataFrame,
    *,
    results: Path | None,
    logs: Path,
    rehearsal: Path,
) -> Known:
    """Collect all facts that the estimates are computed from.

    Args:
        config: the checked configuration.
        rules: name -> rule.
        jobs: one row per job, as returned by `list_jobs`.
        results: the folder results/ of this checkout, or None if it has no results of this configuration.
        logs: folder of the logs of the same runs.
        rehearsal: rehearsal.csv of the configuration, which may be absent.
    """
    sections = config.sections
    training, network, plan = sections["training"], sections["network"], sections["plan"]
    sizes = {name: network_size(one, network, plan) for name, one in config.experiments.items() if one.model}
    plain = plain_size(network, plan)
    # A strategy that trains on its source takes three passes through an encoder and one through a decoder;
    # scratch takes one of each (zhang2021, Algorithm 1).
    operations = {
        name: 1 + 2 * plain.encoder / plain.forward * entry.trains_on_source
        for name, entry in STRATEGIES.items()
    }
    strategies = {name: training_of(config, name)[0] for name in (*config.experiments, *config.weak_models)}
    cases, rehearsed = results and results / "cases", read_rehearsal(rehearsal)
    measured = measured_times(results / "models", strategies) if results else {}
    return Known(
        config,
        rules,
        jobs,
        epochs=epoch_times(
            rehearsed_epochs(rehearsed, config) | measured,
            published_times(config),
            operations,
            samples=training["iterations"] * training["batch"],
            comparable=sections["phantom"] is None,
        ),
        walls=wall_times(logs) if results else {},
        rehearsed=rehearsed_seconds(rehearsed),
        cohorts={
            name: read_cohort(config, name, cases)
            for name, dataset in config.datasets.items()
            if "images" in dataset
        },
        target_spacing=known_target_spacing(config, cases),
        sizes=sizes,
    )


def job_hours(known: Known) -> pd.DataFrame:
    """Return the jobs with the additional columns on, hours, at_most and basis.

    Args:
        known: all facts that the estimates are computed from.

    Returns:
        One row per job. Column `on`: "GPU" or "CPU". Column `hours`: estimated hours of a GPU or, for a job
        on CPUs, hours of a core; NaN without an estimate. Column `at_most`: hours if the job runs up to the
        limit of the rule; NaN for a training, which has no limit because a scheduler continues a stopped
        training in another job. Column `basis`: where the estimate comes from.
    """
    jobs = zip(known.jobs["rule"], known.jobs["file"], strict=True)
    found = [_estimate(known, rule, Path(file)) for rule, file in jobs]
    without_gpu = known.config.sections["training"]["device"] == "cpu"
    rules = known.jobs["rule"].map(known.rules)
    on = rules.map(lambda rule: "CPU" if without_gpu or not rule.gpu else "GPU")
    endless = known.jobs["file"].str.endswith(WEIGHTS)
    cores = rules.map(lambda rule: rule.threads).where(on == "CPU", 1)
    return known.jobs.assign(
        on=on,
        hours=cores * [hours for hours, _ in found],
        at_most=(cores * rules.map(lambda rule: rule.minutes / 60)).mask(endless),
        basis=[basis for _, basis in found],
    )


def _estimate(known: Known, rule: str, file: Path) -> tuple[float, str]:
    if file.name == WEIGHTS:
        return _training(known, file.parts[-3])
    if rule in known.walls:
        return mean(known.walls[rule]) / 3600, "its jobs here"
    if rule == "predict":
        return _prediction(known, file.parts[-2], int(file.name.removeprefix("fold")))
    key = key_of(known.config, file)
    if (rule, key) in known.rehearsed:
        return known.rehearsed[rule, key] * _cases_ratio(known, rule, key) / 3600, "a rehearsal"
    return float("nan"), "no estimate"


def _cases_ratio(known: Known, rule: str, key: str) -> float:
    """Return how many times as many cases a job has as the rehearsal's, where its time depends on them."""
    if rule not in ("ingest", "preprocess"):
        return 1
    return len(known.cohorts[key].grids) / len(few_cases(known.config, key))


def _training(known: Known, name: str) -> tuple[float, str]:
    strategy, epochs = training_of(known.config, name)
    if strategy not in known.epochs:
        return float("nan"), "no estimate"
    return epochs * known.epochs[strategy].seconds / 3600, "epochs (below)"


def training_of(config: Configuration, name: str) -> tuple[str, int]:
    """Return the strategy or system of a model, and the number of epochs of the model's training."""
    if name in config.weak_models:
        return config.weak_models[name].system, config.sections["weak"]["epochs"]
    return config.experiments[name].strategy, config.sections["training"]["epochs"]


def _prediction(known: Known, name: str, fold: int) -> tuple[float, str]:
    """Estimate the hours of a prediction from its forward passes.

    The time of a forward pass follows from the time of the reference strategy's training step. Reading,
    resampling and writing are not included.
    """
    experiment, sections = known.config.experiments[name], known.config.sections
    training, inference, plan = sections["training"], sections["inference"], sections["plan"]
    grids = [
        grid
        for dataset in experiment.evaluate
        for grid in predicted_grids(
            known.config, known.cohorts[dataset], dataset, trained_on=experiment.train, fold=fold
        )
    ]
    if REFERENCE not in known.epochs or not (grids and known.target_spacing):
        return float("nan"), "no estimate"
    shapes = [at_target_spacing(grid, known.target_spacing) for grid in grids]
    tiles = sum(count_tiles(shape, plan["patch"], inference) for shape in shapes)
    passes = tiles * 2 ** len(inference["mirror_axes"])
    seconds = known.epochs[REFERENCE].seconds / (PASSES * training["iterations"] * training["batch"])
    relative = known.sizes[name].forward / plain_size(sections["network"], plan).forward
    return passes * seconds * relative / 3600, "tiles, each a third of a training sample's time"


def count_tiles(shape: tuple[int, ...], patch: list[int], inference: Inference) -> int:
    """Return the number of tiles that a preprocessed case of shape (z, y, x) is cut into."""
    tiles = 1
    for length, size in zip(shape, patch, strict=True):
        tiles *= len(tile_starts(length, size, inference["step"]))
    return tiles
