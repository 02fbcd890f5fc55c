"""Limits of agreement of volumes, by hand and in simulation, and their figure."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import stats

from covidseg.config.series import Series
from covidseg.evaluation.agreement import limits_of_agreement
from covidseg.paper.artefact import Artefact
from covidseg.paper.bland_altman import draw_agreement, make, read_volumes
from covidseg.paper.palette import look_of

SERIES = [
    Series("Train from scratch", "none", "infection", "test", "scratch", folds=2),
    Series("Continual Learning", "MSD", "infection", "test", "continual-msd", folds=2),
    Series("Not run", "none", "infection", "test", "absent", runs=False),
]


LOOKS = {"scratch": ("scratch", "none"), "continual-msd": ("continual", "msd")}


def agreement(differences, patients):
    return limits_of_agreement(pd.Series(differences, dtype=float), pd.Series(list(patients)))


def test_one_difference_per_patient_gives_the_usual_limits():
    """Mean 2, sample standard deviation 2: 2 ± 3.92."""
    found = agreement([0, 2, 4], "abc")
    assert found[:3] == pytest.approx((2, 2 - 1.96 * 2, 2 + 1.96 * 2))
    assert found[3:] == (3, 3)


def test_several_folds_per_patient_by_hand():
    """Patients 0, 2 and 4, 8: means 1 and 6, bias 3.5.

    Within: (1 + 1 + 4 + 4) / 2 = 5. Between: squares 2 * (6.25 + 6.25) / 1 = 25, so (25 - 5) / 2 = 10. Sum 15.
    """
    found = agreement([0, 2, 4, 8], "aabb")
    reach = 1.96 * math.sqrt(15)
    assert found[:3] == pytest.approx((3.5, 3.5 - reach, 3.5 + reach))
    assert found[3:] == (2, 4)


def test_the_squares_are_those_of_the_analysis_of_variance():
    """SciPy gives F, between / within; with groups of m values the variance is within * (1 + (F - 1) / m)."""
    generator = np.random.default_rng(0)
    values = generator.normal(0, 2, (8, 1)) + generator.normal(0, 1, (8, 4))
    ratio = stats.f_oneway(*values).statistic
    within = values.var(axis=1, ddof=1).mean()
    found = agreement(values.ravel(), np.repeat(list("abcdefgh"), 4))
    assert (found.high - found.bias) / 1.96 == pytest.approx(math.sqrt(within * (1 + (ratio - 1) / 4)))


def test_patients_alike_have_no_variance_between_them():
    """Means 0 and 0: the variance within, (1 + 1 + 1 + 1) / 2 = 2, alone."""
    found = agreement([-1, 1, -1, 1], "aabb")
    assert found.high == pytest.approx(1.96 * math.sqrt(2))


def test_undefined_differences_are_left_out_and_one_patient_has_no_limits():
    found = agreement([3, math.nan, 5], "aba")
    assert (found.bias, found.patients, found.values) == (4, 1, 2)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert agreement([0, 2, 4, math.nan], "abcc") == agreement([0, 2, 4], "abc")


def test_the_limits_hold_95_per_cent_of_new_patients_predictions():
    """200 patients of unequal numbers of folds; deviations 3 between and 1 within patients, mean 10."""
    generator = np.random.default_rng(1)
    patients = np.repeat(np.arange(200), generator.integers(1, 6, 200))
    shared = generator.normal(10, 3, 200)
    found = agreement(shared[patients] + generator.normal(0, 1, len(patients)), patients)
    new = generator.normal(10, 3, 10000) + generator.normal(0, 1, 10000)
    assert 0.93 <= np.mean((found.low < new) & (new < found.high)) <= 0.97


def make_scores(folder):
    """Truths of 10 and 100 mL; predictions of fold 0: 12 and 90, of fold 1: 14 and 0 mL."""
    rows = [
        {
            "experiment": experiment, "fold": fold, "dataset": "covid20", "split": "test", "case": f"{patient}_1",
            "patient": patient, "region": "infection", "metric": metric, "value": value,
        }
        for experiment in ("scratch", "continual-msd")
        for fold, predictions in enumerate([(12, 90), (14, 0)])
        for patient, truth, prediction in zip("ab", (10, 100), predictions, strict=True)
        for metric, value in (("volume_truth_mL", truth), ("volume_error_mL", prediction - truth))
    ]  # fmt: skip
    path = folder / "scores.csv"
    pd.DataFrame(rows).astype({"fold": str}).to_csv(path, index=False)
    return path


def make_artefact(folder):
    return Artefact(
        base=folder / "agreement",
        paper="wang2021",
        entry={"title": "Volumes", "panels": [{"region": "infection", "split": "test"}]},
        config_name="toy",
        remarks=["One patient is everywhere."],
        inputs={"scores": [make_scores(folder)]},
        parameters={"series": [(*vars(one).values(),) for one in SERIES], "looks": LOOKS},
    )


def test_a_dot_is_a_case_of_a_fold_at_the_mean_of_both_volumes(tmp_path):
    scores = pd.read_csv(make_scores(tmp_path), dtype={"fold": str})
    volumes = {one: read_volumes(scores, one) for one in SERIES[:2]}
    found = volumes[SERIES[0]]
    assert found["mean"].tolist() == [11, 95, 12, 50]
    assert found["difference"].tolist() == [2, -10, 4, -100]
    assert found["patient"].tolist() == ["a", "b", "a", "b"]
    limits = {one: limits_of_agreement(part.difference, part.patient) for one, part in volumes.items()}
    looks = {name: look_of(*found) for name, found in LOOKS.items()}
    figure = draw_agreement(volumes, limits, looks, make_artefact(tmp_path))
    shown = [axis for axis in figure.axes if axis.collections]
    assert len(shown) == 2
    axis = shown[0]
    assert axis.collections[0].get_offsets().tolist() == [[11, 2], [95, -10], [12, 4], [50, -100]]
    heights = [line.get_ydata()[0] for line in axis.lines]
    bias, low, high = limits[SERIES[0]][:3]
    assert heights == pytest.approx([low, high, 0, bias])
    (band,) = axis.patches
    assert (band.get_y(), band.get_height()) == pytest.approx((low, high - low))
    titles = [[text.get_text() for text in axis.artists[0].findobj(Text)] for axis in shown]
    assert titles[0][0] == "Train from scratch"
    assert titles[0][1].startswith("bias −26.0 mL, n = 2\nlimits −")
    assert titles[1][0] == "Continual Learning, MSD"
    text = " ".join(figure.get_supxlabel().split())
    assert "Configuration: toy." in text
    assert "95 % limits of agreement" in text
    assert "One patient is everywhere." in text


def test_the_table_beside_the_figure_has_the_limits(tmp_path):
    make(make_artefact(tmp_path))
    assert all((tmp_path / f"agreement{suffix}").stat().st_size > 500 for suffix in (".svg", ".pdf", ".png"))
    table = pd.read_csv(tmp_path / "agreement.csv", keep_default_na=False)
    assert table.columns.tolist() == [
        "row", "source", "region", "split", "bias", "low", "high", "patients", "values",
    ]  # fmt: skip
    assert table.iloc[1].tolist()[:5] == ["Continual Learning", "MSD", "infection", "test", -26.0]
    assert table["patients"].tolist() == [2, 2]


def test_one_patient_has_a_bias_and_no_limits(tmp_path):
    scores = pd.read_csv(make_scores(tmp_path), dtype={"fold": str})
    found = read_volumes(scores[scores["patient"] == "a"], SERIES[0])
    limits = {SERIES[0]: limits_of_agreement(found.difference, found.patient)}
    looks = {name: look_of(*found) for name, found in LOOKS.items()}
    figure = draw_agreement({SERIES[0]: found}, limits, looks, make_artefact(tmp_path))
    (axis,) = (axis for axis in figure.axes if axis.collections)
    texts = [text.get_text() for text in axis.artists[0].findobj(Text)]
    assert texts == ["Train from scratch", "bias 3.0 mL, n = 1\nno limits"]
