"""What is added to the papers' tables: intervals, tests and rankings, all of which resample patients."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from covidseg.config.entries import ArtefactEntry
from covidseg.config.series import Series
from covidseg.evaluation.comparisons import compare_means, compare_samples, paired_tests, rankings
from covidseg.evaluation.pixels import read_sample
from covidseg.evaluation.statistics import Resampling, Sample, mean_sample, patient_means, sample_interval
from covidseg.paper.measures import measure_of
from covidseg.paper.tables import SERIES, TIME, scale_of, select
from covidseg.weak.evaluation import WHOLE

PANEL = ["region", "split", "metric"]
COMPARED = [*PANEL, "a", "b", "n", "difference", "low", "high", "median_difference", "test", "p", "p_holm"]
RANKED = [*SERIES, "metric", "n", "value", "rank", "mean_rank", "median_rank", "low", "high"]


@dataclass(frozen=True)
class Bootstrap(Resampling):
    """How the patients are resampled, and where the metrics over all slices are computed from.

    Attributes:
        pixels: localiser -> file of its numbers of pixels, for the metrics over all slices.
        limits: lowest and highest threshold for the lower bound of the Dice.
    """

    pixels: Mapping[str, Path]
    limits: tuple[float, float]

    @classmethod
    def of(cls, parameters: Mapping[str, Any], pixels: list[Path]) -> "Bootstrap":
        """Return the settings that the parameters of an artefact give (kinds.py)."""
        return cls(
            resamples=parameters["bootstrap"],
            confidence=parameters["confidence"],
            seed=parameters["seed"],
            pixels={path.stem: path for path in pixels},
            limits=tuple(parameters["threshold_range"]),
        )

    def sample(self, scores: pd.DataFrame, one: Series, metric: str) -> Sample:
        """Return the average over all folds that the table prints, as a statistic that can be resampled."""
        if metric in WHOLE:
            return read_sample(self.pixels[one.experiment], one.split, metric, self.limits)
        return mean_sample(select(scores, one, metric))


def interval_rows(
    series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return one row per series and metric: the average over all folds, and its bootstrap interval.

    Args:
        series: the rows of the table, per panel.
        artefact: entry of artefacts.yaml.
        scores: table scores.csv.
        bootstrap: how the patients are resampled.

    Returns:
        Mean, interval from `low` to `high`, number `n` of patients and number of `undefined` values, in the
        unit of the table. Undefined values do not enter the mean. `experiment` is the key of our experiment.
    """
    found = []
    for one in (one for one in series if one.runs):
        for metric in _scored(artefact):
            interval = sample_interval(bootstrap.sample(scores, one, metric), bootstrap)
            limits = (scale_of(metric, artefact) * limit for limit in interval[:3])
            undefined = int(select(scores, one, metric)["value"].isna().sum())
            found.append((*astuple(one)[:4], metric, *limits, interval.n, undefined, one.experiment))
    columns = [*SERIES, "metric", "mean", "low", "high", "n", "undefined", "experiment"]
    return pd.DataFrame(found, columns=columns)


def comparison_rows(
    series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return one row per paired test, for every two series of a panel and every metric.

    The differences are in the unit of the table. Holm's correction covers the tests of one panel and metric.
    A metric over all slices has no value per patient and is compared by a bootstrap test.
    """
    found = []
    for panel, compared in _panels(series, artefact):
        metric = panel["metric"]
        if metric in WHOLE:
            samples = {one.experiment: bootstrap.sample(scores, one, metric) for one in compared}
            tests = paired_tests(samples, partial(compare_samples, resampling=bootstrap))
        else:
            means = {one.experiment: patient_means(select(scores, one, metric)) for one in compared}
            tests = paired_tests(means, partial(compare_means, resampling=bootstrap))
        found += [panel | test for test in tests]
    rows = pd.DataFrame(found, columns=COMPARED)
    scales = [scale_of(metric, artefact) for metric in rows["metric"]]
    scaled = ["difference", "low", "high", "median_difference"]
    return rows.assign(**{column: scales * rows[column] for column in scaled})


def ranking_rows(
    series: list[Series], artefact: ArtefactEntry, scores: pd.DataFrame, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Return one row per series and metric: its rank in the panel, and how often it has each rank.

    A panel with one series has no ranking, nor has one whose series were tested on different patients. The
    columns `frequency_1`, `frequency_2`, ... are the shares of the bootstrap samples with rank 1, 2, ...
    The last column is `experiment`, the key of our experiment.
    """
    found = []
    for panel, ranked in _panels(series, artefact):
        samples = [bootstrap.sample(scores, one, panel["metric"]) for one in ranked]
        for one, ranking in zip(ranked, rankings(samples, bootstrap), strict=False):
            *numbers, frequencies = ranking
            own = dict(zip(RANKED, (*astuple(one)[:4], panel["metric"], *numbers), strict=True))
            own["value"] = scale_of(panel["metric"], artefact) * ranking.value
            shares = {f"frequency_{rank}": share for rank, share in enumerate(frequencies, start=1)}
            found.append(own | shares | {"experiment": one.experiment})
    rows = pd.DataFrame(found, columns=None if found else [*RANKED, "experiment"])
    # A panel with fewer rows than another lacks the highest ranks, which so come after its own last column.
    return rows[[*rows.columns.drop("experiment"), "experiment"]]


def _panels(series: list[Series], artefact: ArtefactEntry) -> Iterator[tuple[dict[str, str], list[Series]]]:
    """Yield each panel and metric with its series that are run, if they are two or more.

    A metric of which no value is better than another is left out.
    """
    metrics = [metric for metric in _scored(artefact) if measure_of(metric).better]
    for region, split in dict.fromkeys((one.region, one.split) for one in series):
        compared = [one for one in series if one.runs and (one.region, one.split) == (region, split)]
        for metric in metrics if len(compared) > 1 else ():
            yield dict(zip(PANEL, (region, split, metric), strict=True)), compared


def _scored(artefact: ArtefactEntry) -> list[str]:
    """Return the metrics of the entry that patients have, and not trainings."""
    return [metric for metric in artefact["metrics"] if metric != TIME]
