"""Seconds per training epoch: measured in this checkout, rehearsed, published, or derived from these."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from covidseg.config.configuration import Configuration
from covidseg.evaluation.scoring import Score, time_scores
from covidseg.paper.tables import TIME, read_published

REFERENCE = "scratch"  # the strategy that all other strategies are compared with
PUBLISHED_SAMPLES = 250 * 2  # per epoch: iterations (ma2021 III) times batch (wang2021 4.2)
PUBLISHED_ON = "Tesla V100 32 GB"  # wang2021 4.2; wang2020, experimental settings


@dataclass(frozen=True)
class EpochTime:
    """Seconds of one epoch.

    Attributes:
        seconds: duration of one epoch in s.
        basis: where the number comes from, as printed in the table.
    """

    seconds: float
    basis: str


def measured_times(folder: Path, strategies: dict[str, str]) -> dict[str, EpochTime]:
    """Return strategy -> seconds per epoch: the median over finished trainings of their median epochs.

    Args:
        folder: results/models of the configuration in question.
        strategies: name of a model's folder -> the model's strategy.
    """
    found: dict[str, list[Score]] = {}
    for table in sorted(folder.glob("*/fold*/log.csv")):
        if strategy := strategies.get(table.parts[-3]):
            found.setdefault(strategy, []).extend(time_scores(table, table.with_name("model.json")))
    return {
        strategy: EpochTime(
            statistics.median(time.value for time in times),
            f"measured here on {'; '.join(sorted({time.case for time in times}))}",
        )
        for strategy, times in found.items()
        if times
    }


def published_times(config: Configuration) -> dict[str, EpochTime]:
    """Return strategy -> seconds per epoch in the papers' tables of times, averaged over folds."""
    found = {}
    for paper, artefacts in config.artefacts.items():
        for artefact in artefacts.values():
            if TIME not in artefact.get("metrics", []):
                continue
            tables = artefact["published"]
            published = read_published(config.folder / "published.csv", paper, tables)
            for one in config.series(artefact):
                key = (one.row, one.source, "avg", one.region, one.split, TIME, "seconds")
                strategy = config.all_experiments[one.experiment].strategy
                if key in published.index and strategy not in found:
                    basis = f"published ({paper} table {tables}), {PUBLISHED_ON}"
                    found[strategy] = EpochTime(float(published["mean"].loc[[key]].iloc[0]), basis)
    return found


def epoch_times(
    measured: dict[str, EpochTime],
    published: dict[str, EpochTime],
    operations: dict[str, float],
    *,
    samples: int,
    comparable: bool,
) -> dict[str, EpochTime]:
    """Return strategy -> seconds per epoch.

    A measured time is used as measured. The time of any other strategy is the time of the reference strategy,
    measured or published, times a ratio. The ratio is that of the two published times or, if the papers
    do not print both, that of the operations per training step. Without a time of the reference
    strategy, only the measured times are returned.

    Args:
        measured: strategy -> time, as returned by `measured_times`.
        published: strategy -> time, as returned by `published_times`.
        operations: strategy -> operations per training step, divided by those of the reference strategy.
        samples: samples per epoch, iterations times batch; published times are scaled to this number.
        comparable: whether network and patch size are those of the papers, so that published times apply.
    """
    reference = measured.get(REFERENCE) or (published.get(REFERENCE) if comparable else None)
    if not reference:
        return dict(measured)
    scale = 1 if REFERENCE in measured else samples / PUBLISHED_SAMPLES
    found = {}
    for strategy, ratio in operations.items():
        means = "operations"
        if strategy in published and REFERENCE in published:
            ratio, means = published[strategy].seconds / published[REFERENCE].seconds, "published times"
        basis = f"{REFERENCE}, {reference.basis}, times {ratio:.2f} by {means}"
        if strategy in published and REFERENCE not in measured:
            basis = published[strategy].basis
        found[strategy] = EpochTime(reference.seconds * ratio * scale, basis)
    return found | measured
