"""Seconds per training epoch: measured in this checkout, or published by the papers."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from covidseg.config.configuration import Configuration
from covidseg.evaluation.scoring import Score, time_scores
from covidseg.paper.tables import TIME, read_published

REFERENCE = "scratch"  # the strategy that others are compared with
PUBLISHED_SAMPLES = 250 * 2  # an epoch of the papers: iterations (ma2021 III) by batch (wang2021 4.2)
PUBLISHED_ON = "Tesla V100 32 GB"  # wang2021 4.2; wang2020, experimental settings


@dataclass(frozen=True)
class EpochTime:
    """Seconds of one epoch, and where the number comes from."""

    seconds: float
    basis: str


def measured_times(folder: Path, strategies: dict[str, str]) -> dict[str, EpochTime]:
    """Return strategy -> the median over its finished trainings of their epochs' median.

    Args:
        folder: results/models, of the configuration in question.
        strategies: name of a model's folder -> its strategy.
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
    """Return strategy -> the papers' average over folds, of every table that prints time."""
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
    """Return the seconds per epoch of every strategy; of those measured alone if there is no other clue.

    What was measured stands. Anything else is the reference strategy's time, measured or published, times
    the published ratio of the two or, where no paper has one, the ratio of their operations.

    Args:
        measured: of `measured_times`.
        published: of `published_times`.
        operations: strategy -> those of a training step, by the reference's.
        samples: of an epoch, iterations by batch; a published time is scaled by it.
        comparable: whether network and patch are the papers', so that their seconds mean something.
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
