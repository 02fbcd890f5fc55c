"""Hours of the whole configuration on each GPU whose benchmark is committed (benchmarks/results)."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from covidseg.runs.epoch_times import PUBLISHED_SAMPLES, EpochTime
from covidseg.runs.hours import WEIGHTS, Known, job_hours
from covidseg.training.strategies import STRATEGIES

# Strategies whose network is the same, and as long in training, as that of another strategy.
SAME_NETWORK = {
    "pretrain": "scratch",
    "continual": "scratch",
    "body-finetune": "scratch",
    "collaborative-backbone": "multi-encoder",
}
COLUMNS = ["Card", "Trainings", "Predictions", "All on GPUs", "Measured"]


def card_hours(known: Known, tables: list[Path]) -> pd.DataFrame:
    """Return one row per card: hours of trainings, of predictions, and of all jobs on GPUs.

    The benchmarks are of the papers' network and patch, so a phantom configuration gets no row.

    Args:
        known: all facts that the estimates are computed from. Seconds that a table lacks stay as known.
        tables: the files gpu-<card>.csv.
    """
    rows = [_row(known, table) for table in tables if known.config.sections["phantom"] is None]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(known: Known, table: Path) -> dict[str, object]:
    training = known.config.sections["training"]
    samples = training["iterations"] * training["batch"]
    card, epochs = read_card(table, scale=samples / PUBLISHED_SAMPLES)
    jobs = job_hours(replace(known, epochs=known.epochs | epochs))
    jobs = jobs[jobs["on"] == "GPU"]
    trainings = jobs[jobs["file"].str.endswith(WEIGHTS)]["hours"].sum()
    predictions = jobs[jobs["rule"] == "predict"]["hours"].sum()
    numbers = [round(hours) for hours in (trainings, predictions, jobs["hours"].sum())]
    return dict(zip(COLUMNS, [card, *numbers, ", ".join(epochs)], strict=True))


def read_card(table: Path, *, scale: float) -> tuple[str, dict[str, EpochTime]]:
    """Return a card's name, and strategy -> seconds per epoch: eager or compiled, whichever is faster.

    A strategy without a row of its own takes as long as the strategy with the same network.

    Args:
        table: the file gpu-<card>.csv.
        scale: samples per epoch of the configuration, divided by those of the papers.
    """
    rows = pd.read_csv(table)
    ours = rows["contender"].str.startswith("covidseg") & rows["what"].isin(STRATEGIES)
    fastest = rows[ours & (rows["unit"] == "s per iteration")].groupby("what")["epoch_seconds"].min()
    seconds = {str(name): float(value) * scale for name, value in fastest.items()}
    for name, same in SAME_NETWORK.items():
        if same in seconds:
            seconds.setdefault(name, seconds[same])
    card = str(rows["card"].iloc[0])
    return card, {name: EpochTime(value, f"benchmarked on {card}") for name, value in seconds.items()}
