"""Intervals, tests and ranks of tables whose metrics are over all slices together."""

import numpy as np
import pandas as pd
import pytest

from covidseg.config.series import Series
from covidseg.evaluation.counts import write_counts
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows, ranking_rows
from covidseg.weak.evaluation import count_pixels

ENTRY = {
    "panels": [{"region": "lesion", "split": "s"}],
    "metrics": ["AUPRC", "DSC_lower_bound"],
    "unit": "percent",
}
PATIENTS = list("aabbccddeeffgghh")  # two slices of each


@pytest.fixture
def bootstrap(tmp_path):
    """Slices of four pixels, half of them lesion: `good` finds the lesion, `bad` the rest in odd patients' slices."""
    masks = np.tile(np.array([[[True, True], [False, False]]]), (len(PATIENTS), 1, 1))
    wrong = np.repeat([False, True] * 4, 2)[:, None, None]
    heat = {"good": np.where(masks, 900, 0), "bad": np.where(masks ^ wrong, 900, 0)}
    for name, values in heat.items():
        write_counts(
            tmp_path / f"{name}.npz", {"s": (count_pixels(values.astype(np.uint16), masks), PATIENTS)}
        )
    pixels = {name: tmp_path / f"{name}.npz" for name in heat}
    return Bootstrap(resamples=300, confidence=0.95, seed=1, pixels=pixels, limits=(0.1, 0.4))


@pytest.fixture
def table():
    """The series, and the rows of scores.csv: one value of each metric for all slices, of no patient."""
    rows = [
        {"experiment": name, "fold": "0", "case": "all", "patient": "", "region": "lesion", "split": "s",
         "metric": metric, "value": 0.5}
        for name in ("good", "bad") for metric in ENTRY["metrics"]
    ]  # fmt: skip
    return [Series(name, "none", "lesion", "s", name) for name in ("good", "bad")], pd.DataFrame(rows)


def test_metrics_over_all_slices_have_intervals_by_patient(table, bootstrap):
    """`bad` finds half of the lesion at a precision of 1/2: 3/8 below the line from precision 1, and 1/4."""
    intervals = interval_rows(*_arguments(table, bootstrap)).set_index(["row", "metric"])
    assert (intervals["n"] == 8).all(), "patients, not slices"
    assert intervals.loc["good", ["mean", "low", "high"]].to_numpy().tolist() == [[100] * 3] * 2
    assert intervals.loc[("bad", "AUPRC"), "mean"] == pytest.approx(62.5)
    bound = intervals.loc[("bad", "DSC_lower_bound")]
    assert bound["mean"] == pytest.approx(50), "Dice 1 and 0 in turn"
    assert 0 < bound["low"] < 50 < bound["high"] < 100


def test_metrics_over_all_slices_are_tested_and_ranked(table, bootstrap):
    tests = comparison_rows(*_arguments(table, bootstrap))
    assert tests[["metric", "a", "b", "n"]].to_numpy().tolist() == [
        ["AUPRC", "good", "bad", 8], ["DSC_lower_bound", "good", "bad", 8],
    ]  # fmt: skip
    assert tests["difference"].tolist()[1] == pytest.approx(50)
    assert (tests["p"] < 0.05).all()
    ranks = ranking_rows(*_arguments(table, bootstrap))
    assert ranks["rank"].tolist() == [1, 2, 1, 2]


def _arguments(table, bootstrap):
    series, scores = table
    return series, ENTRY, scores, bootstrap
