"""A small made-up paper, whose page the tests build: three methods, one of them with a hostile name."""

import json
from dataclasses import astuple

import pandas as pd

from conftest import ROOT
from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.files import write_csv
from covidseg.paper.claims import COLUMNS as CLAIM_COLUMNS
from covidseg.paper.tables import read_published, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows, ranking_rows
from covidseg.site import paper_part
from covidseg.site.assets import write_assets
from covidseg.site.pages import Site
from covidseg.site.part import Part
from site_browser import HOSTILE, stand_in

FOLDS, PATIENTS = 2, ("p1", "p2", HOSTILE)
PLACE = ("infection", "test")
SERIES = [
    Series("Train from scratch", "none", *PLACE, "scratch", FOLDS),
    Series("Continual Learning", "MSD", *PLACE, "continual-msd", FOLDS),
    Series(HOSTILE, HOSTILE, *PLACE, "own", FOLDS),
    Series("Body Fine-tuning", "NSCLC", *PLACE, "body-finetune-nsclc", FOLDS, runs=False, left_out="nsclc"),
]
# experiment -> DSC of each patient; in fold 1 all are 0.2 higher than in fold 0
VALUES = {"scratch": (0.1, 0.3, 0.5), "continual-msd": (0.2, 0.3, 0.7), "own": (0.0, 0.1, 0.2)}
BOOTSTRAP = Bootstrap(resamples=200, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
TABLE = {
    "kind": "table", "title": f"Strategies, {HOSTILE}", "published": "1", "across": "folds", "metrics": ["DSC", "NSD"],
    "unit": "fraction", "panels": [{"region": "infection", "split": "test"}],
}  # fmt: skip
CLAIM = {
    "claim": "better", "section": "4.5", "source": "Table 1", "sentence": f"{HOSTILE} is better.", "most": False,
    "remark": "", "claim_verdict": "does not hold (phantom)", "shown": True, "a": "own", "b": "scratch",
    "metric": "DSC", "region": "infection", "split": "test", "fold": "avg", "compared": f"{HOSTILE} minus scratch",
    "side": "higher", "above": 0, "published": 0.03, "ours": -0.2, "low": -0.3, "high": -0.1, "n": 3,
    "verdict": "does not hold (phantom)", "reason": "",
}  # fmt: skip
COUNTS = {
    "encoder": {"trained": 0, "frozen": 9, "loaded": 9, "new": 0},
    "decoder": {"trained": 5, "frozen": 0, "loaded": 0, "new": 5},
}
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20"/></svg>'


def made_scores(folder):
    """Write and read scores.csv."""
    rows = [
        {
            "experiment": name, "paper": "wang2021", "strategy": name, "source": "none", "fold": str(fold),
            "dataset": "covid20", "split": "test", "case": patient, "patient": patient, "region": "infection",
            "metric": metric, "value": value + 0.2 * fold,
        }
        for name, values in VALUES.items()
        for fold in range(FOLDS)
        for patient, value in zip(PATIENTS, values, strict=True)
        for metric in ("DSC", "NSD", "volume_truth_mL", "volume_error_mL")
    ]  # fmt: skip
    write_csv(folder / "scores.csv", pd.DataFrame(rows))
    return read_scores(folder / "scores.csv")


def made_table(folder, scores, entry=TABLE, series=SERIES):
    """Write the sheets of Table 1, and return their base."""
    base = folder / "table1"
    published = read_published(ROOT / "config" / "published.csv", "wang2021", "1")
    write_csv(f"{base}.csv", table_cells(series, entry, scores, published), digits=9)
    for name, rows in (("intervals", interval_rows), ("tests", comparison_rows), ("ranks", ranking_rows)):
        write_csv(f"{base}_{name}.csv", rows(series, entry, scores, BOOTSTRAP), digits=9)
    return base


def made_method(name, strategy, title, source):
    """Return a `Method`."""
    return {
        "experiment": name, "paper": "wang2021", "strategy": strategy, "strategy_title": title, "source": source,
        "source_title": source, "model": name, "folds": FOLDS,
    }  # fmt: skip


METHODS = {
    "scratch": made_method("scratch", "scratch", "Train from scratch", "none"),
    "continual-msd": made_method("continual-msd", "continual", "Continual Learning", "msd"),
    "own": made_method("own", HOSTILE, HOSTILE, HOSTILE),
    "body-finetune-nsclc": made_method("body-finetune-nsclc", "body-finetune", "Body Fine-tuning", "nsclc"),
}
ARTEFACTS = {
    "claims": {"kind": "claims", "title": "Claims", "claims": "wang2021"},
    "table1": TABLE,
    "parameters": {"kind": "parameters", "title": "Parameters", "rows": {}},
    "violin": {"kind": "violin", "title": "Every patient", "rows": {}, "metrics": ["DSC"], "panels": TABLE["panels"]},
    "agreement": {"kind": "bland_altman", "title": "Volumes", "rows": {}, "panels": TABLE["panels"]},
    "figure2": {"kind": "visual", "title": f"Slices, {HOSTILE}"},
}  # fmt: skip


def write_inputs(folder, series):
    """Write everything that the page of a paper reads, and return the inputs of its part."""
    results, models = folder / "results" / "paper" / "wang2021", folder / "results" / "models"
    made_table(results, made_scores(folder / "results"), series=series)
    write_csv(results / "claims.csv", pd.DataFrame([CLAIM], columns=CLAIM_COLUMNS))
    write_csv(
        results / "parameters.csv",
        [
            {"row": name, "source": "none", "experiment": name, "status": "run", "left_out": "", "part": "encoder",
             "parameters": number}
            for name, number in (("b", 9), ("a", 1234567), (HOSTILE, 10))
        ],
    )  # fmt: skip
    (results / "figure2.svg").write_text(PICTURE)
    (results / "figure2.png").write_bytes(b"PNG")
    for name in METHODS:
        path = models / name / "fold0" / "model.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"lineage": {"pretrained": None}, "parameters": COUNTS}))
    return {
        "artefacts": sorted(results.iterdir()),
        "scores": [folder / "results" / "scores.csv"],
        "citation": [ROOT / "CITATION.cff"],
        "descriptions": sorted(models.rglob("model.json")),
        "logs": [],
    }


def build_page(folder, series=SERIES):
    """Build the page of the made-up paper; return the site's folder and what the search finds."""
    parameters = {
        "paper": "wang2021",
        "artefacts": ARTEFACTS,
        "series": {key: [astuple(one) for one in series] for key in ARTEFACTS},
        "remarks": {key: [f"Note that {HOSTILE}."] for key in ARTEFACTS},
        "scored": [one.experiment for one in series if one.runs],
        "methods": METHODS,
        "systems": {},
        "slices": [],
        "tolerances": {"infection": 3.0},
        "confidence": 0.95,
    }
    site = Site(folder / "results" / "report", "toy", phantom=True)
    part = Part(site, "papers/wang2021", write_inputs(folder, series), parameters)
    part.path.mkdir(parents=True)
    entries = paper_part.make(part)
    write_assets(site.folder / "assets")
    stand_in(site.folder)
    (site.folder / "assets" / "search-index.js").write_text(f"window.SEARCH = {json.dumps(entries)};\n")
    return site.folder, entries
