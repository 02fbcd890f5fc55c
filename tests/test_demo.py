"""What the phantom pipeline came to, where it has been run in this checkout."""

import pandas as pd
import pytest
import yaml

from conftest import ROOT

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def scores():
    marker = RESULTS / "configuration.txt"
    if not marker.exists() or "phantom" not in marker.read_text() or not (RESULTS / "scores.csv").exists():
        pytest.skip("the phantom pipeline has not been run here; make demo does")
    return pd.read_csv(RESULTS / "scores.csv")


def test_every_artefact_is_there(scores):
    for paper, artefacts in yaml.safe_load((ROOT / "config" / "artefacts.yaml").read_text()).items():
        for name, artefact in artefacts.items():
            suffix = ".png" if artefact["kind"] not in ("table", "datasets") else ".md"
            assert (RESULTS / "paper" / paper / f"{name}{suffix}").stat().st_size > 500


@pytest.mark.parametrize("split", ["test_covid_cell", "test_covid19_image_data_collection"])
@pytest.mark.parametrize("rival", ["cam", "grad-cam"])
def test_the_framework_finds_lesions_better_than_class_activation(scores, split, rival):
    areas = scores[(scores["metric"] == "AUPRC") & (scores["split"] == split)].set_index("experiment")[
        "value"
    ]
    assert areas["weak-full"] > areas[rival] > 0
