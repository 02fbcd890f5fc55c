"""Made-up comparisons of claims, and made-up scores that judge them."""

from dataclasses import replace

import pandas as pd

from covidseg.config.series import Series
from covidseg.paper.measured import Evidence
from covidseg.paper.uncertainty import Bootstrap

BOOTSTRAP = Bootstrap(resamples=500, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
EIGHT = [0.3, 0.4, 0.5, 0.6, 0.3, 0.4, 0.5, 0.6]
BETTER, WORSE = ([value + change for value in EIGHT] for change in (0.1, -0.1))


def cell(experiment, metric="DSC", fold="avg", region="infection", split="test", **changes):
    one = Series(experiment, "none", region, split, experiment, **{"folds": 2, **changes})
    return {
        "series": tuple(vars(one).values()),
        "title": experiment.capitalize(),
        "metric": metric,
        "fold": fold,
        "published": [],
    }


def comparison(a, b=(), above=0.0, below=None, printed=None):
    return {"a": list(a), "b": list(b), "above": above, "below": below, "printed": printed}


def rows_of(experiment, values, metric="DSC", fold="0", **place):
    """Rows of scores.csv: one per patient."""
    return [
        {"experiment": experiment, "metric": metric, "fold": fold, "case": f"{number}_scan", "patient": f"p{number}"}
        | {"region": "infection", "split": "test", "value": value, "dataset": "covid20", **place}
        for number, value in enumerate(values)
    ]  # fmt: skip


def evidence_of(*rows, files=(), pixels=None):
    table = pd.DataFrame([row for group in rows for row in group])
    bootstrap = replace(BOOTSTRAP, pixels=pixels or {})
    scores = {str(name): part for name, part in table.groupby("experiment")} if len(table) else {}
    return Evidence(scores, list(files), bootstrap)
