"""The metrics over all slices, for draws of the patients: against the slices written out."""

import numpy as np
import pytest

from covidseg.evaluation.counts import patient_of_slice, read_counts, write_counts
from covidseg.evaluation.pixels import pixel_sample, read_sample
from covidseg.evaluation.statistics import Resampling, draw_patients, sample_interval
from covidseg.weak.evaluation import (
    LEVELS,
    Counts,
    area_under_curve,
    count_pixels,
    lower_bound,
    threshold_curve,
)

LIMITS = (0.1, 0.4)
PATIENTS = ["b", "a", "b", "c", "c", "c", "d"]


@pytest.fixture(scope="module")
def counts():
    generator = np.random.default_rng(0)
    masks = generator.random((7, 8, 8)) < 0.3
    heat = generator.integers(0, LEVELS + 1, masks.shape) * (0.4 + 0.6 * masks)
    masks[6], heat[6] = False, 0  # neither lesion nor heat: its Dice is undefined above 0
    return count_pixels(heat.astype(np.uint16), masks)


WHOLE = {"AUPRC": area_under_curve, "DSC_lower_bound": lambda curve: lower_bound(curve, LIMITS)}


@pytest.mark.parametrize("metric", WHOLE)
def test_a_draw_gives_what_the_slices_of_the_drawn_patients_give(counts, metric):
    sample = pixel_sample(counts, np.array(PATIENTS), metric, LIMITS)
    assert sample.patients.tolist() == list("abcd")
    assert sample.estimate() == pytest.approx(WHOLE[metric](threshold_curve(counts)))
    drawn = sample.resample(20, 3)
    for value, draw in zip(drawn, draw_patients(4, 20, 3), strict=True):
        times = [int(draw["abcd".index(patient)]) for patient in PATIENTS]
        slices = np.repeat(np.arange(7), times)
        written_out = Counts(counts.found[slices], counts.marked[slices], counts.lesion[slices])
        if written_out.lesion.any():
            assert value == pytest.approx(WHOLE[metric](threshold_curve(written_out)))


def test_intervals_of_the_metrics_over_all_slices_hold_them(counts):
    sample = pixel_sample(counts, np.arange(7).astype(str), "DSC_lower_bound", LIMITS)
    found = sample_interval(sample, Resampling(resamples=500, confidence=0.95, seed=1))
    assert found.low < found.mean < found.high
    assert found.n == 7


def test_counts_are_read_as_written_and_give_the_same_bytes(counts, tmp_path):
    for name in ("one", "two"):
        write_counts(tmp_path / f"{name}.npz", {"x": (counts, PATIENTS), "y": (counts, PATIENTS[::-1])})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found, patients = read_counts(tmp_path / "one.npz", "y")
    assert patients.tolist() == PATIENTS[::-1]
    for name, array in vars(counts).items():
        assert (getattr(found, name) == array).all()
    sample = read_sample(tmp_path / "one.npz", "x", "AUPRC", LIMITS)
    assert sample.estimate() == pytest.approx(area_under_curve(threshold_curve(counts)))


def test_patients_of_slices():
    volumes = {"patient": r"coronacases_\d+|radiopaedia_\d+_\d+"}
    assert patient_of_slice(volumes, "radiopaedia_10_85902_1_014") == "radiopaedia_10_85902"
    assert patient_of_slice(volumes, "radiopaedia_10_85902_3_014") == "radiopaedia_10_85902"
    assert patient_of_slice({"patient": ".*"}, "study_0255_003") == "study_0255"
    assert patient_of_slice({}, "12/3") == "12", "CC-CCII: a folder is a scan"
    assert patient_of_slice({}, "153") == "153", "the patient is not known"
