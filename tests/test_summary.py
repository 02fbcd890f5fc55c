"""The two numbers of every strategy that DVC compares."""

import json
import math

import pandas as pd

from covidseg.evaluation.summary import as_metrics, mean_scores, read_scores


def row(experiment, fold, metric, value, **changes):
    place = {"dataset": "covid20", "region": "infection", "split": "test"}
    return {"experiment": experiment, "fold": fold, **place, "metric": metric, "value": value, **changes}


def test_means_pool_the_cases_of_all_folds_and_leave_out_what_is_undefined():
    """scratch: (0.2 + 0.4 + 0.9) / 3 and (0.5 + 0.7) / 2; b has no defined NSD."""
    scores = pd.DataFrame(
        [
            row("scratch", "0", "DSC", 0.2),
            row("scratch", "0", "DSC", 0.4),
            row("scratch", "1", "DSC", 0.9),
            row("scratch", "0", "NSD", 0.5),
            row("scratch", "0", "NSD", math.nan),
            row("scratch", "1", "NSD", 0.7),
            row("b", "0", "DSC", 0.0),
            row("b", "0", "NSD", math.nan),
            row("scratch", "0", "DSC", 1.0, split="mosmed"),
            row("scratch", "0", "DSC", 1.0, dataset="msd"),
            row("scratch", "0", "DSC", 1.0, region="left_lung"),
            row("scratch", "0", "Sensitivity", 1.0),
            row("elsewhere", "0", "DSC", 1.0, dataset="msd"),
        ]
    )
    means = mean_scores(scores, dataset="covid20", region="infection", split="test")
    assert means.columns.tolist() == ["experiment", "DSC", "NSD"]
    assert means["experiment"].tolist() == ["scratch", "b"]
    metrics = as_metrics(means)
    assert metrics == {"scratch": {"DSC": 0.5, "NSD": 0.6}, "b": {"DSC": 0.0, "NSD": None}}
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_names_that_are_numbers_stay_names(tmp_path):
    """Slices of published pictures have numbers as names, and so have their patients in the files of pixels."""
    path = tmp_path / "scores.csv"
    place = "covid20,infection,test,DSC"
    rows = f"x,0,007,007,0.5,{place}\nx,0,12,12,,{place}\n"
    path.write_text(f"experiment,fold,case,patient,value,dataset,region,split,metric\n{rows}")
    scores = read_scores(path)
    assert scores["fold"].tolist() == ["0", "0"]
    assert scores["case"].tolist() == scores["patient"].tolist() == ["007", "12"]
    assert scores["value"].isna().tolist() == [False, True]
