"""The rankings of tables and their figure."""

import pandas as pd
import pytest
from matplotlib.text import Text

from covidseg.config.series import Series
from covidseg.paper.figures import plt, save_figure
from covidseg.paper.palette import look_of
from covidseg.paper.ranking_figure import LARGEST, draw_rankings
from covidseg.paper.uncertainty import Bootstrap, ranking_rows

BOOTSTRAP = Bootstrap(resamples=400, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))
ARTEFACT = {
    "title": "Ranks",
    "panels": [{"region": "infection", "split": "test"}, {"region": "lesion", "split": "in_domain"}],
    "metrics": ["DSC", "NSD"],
    "unit": "percent",
}
SERIES = [
    Series("Train from scratch", "none", "infection", "test", "scratch"),
    Series("Body Fine-tuning", "MSD", "infection", "test", "b-msd"),
    Series("Body Fine-tuning", "NSCLC", "infection", "test", "b-nsclc"),
    Series("Body Fine-tuning", "StructSeg", "infection", "test", "b-structseg", runs=False),
    Series("Body Fine-tuning", "MSD", "lesion", "in_domain", "b-msd"),
]
LOOKS = {
    ("Train from scratch", "none"): look_of("scratch", "none"),
    ("Body Fine-tuning", "MSD"): look_of("body-finetune", "msd"),
    ("Body Fine-tuning", "NSCLC"): look_of("body-finetune", "nsclc"),
}
VALUES = {"scratch": (0.3, 0.5, 0.7), "b-msd": (0.4, 0.6, 0.8), "b-nsclc": (0.5, 0.5, 0.5)}


@pytest.fixture
def scores():
    return pd.DataFrame(
        [
            {"experiment": name, "fold": fold, "region": "infection", "split": "test", "case": f"{patient}_1",
             "patient": patient, "metric": metric, "value": value if metric == "DSC" else 1 - value}
            for name, values in VALUES.items() for patient, value in zip("pqr", values, strict=True)
            for fold in "01" for metric in ("DSC", "NSD")
        ]
    )  # fmt: skip


def test_one_row_per_series_and_metric_with_the_share_of_every_rank(scores):
    ranks = ranking_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    assert ranks.columns.tolist() == [
        *("row", "source", "region", "split", "metric", "n", "value", "rank", "mean_rank", "median_rank"),
        *("low", "high", "frequency_1", "frequency_2", "frequency_3", "experiment"),
    ]
    assert set(ranks.region) == {"infection"}, "one series of lesions has no ranking, nor has one not run"
    dsc = ranks[ranks.metric == "DSC"].set_index("source")
    assert dsc["value"].to_dict() == pytest.approx({"none": 50, "MSD": 60, "NSCLC": 50})
    assert dsc["rank"].to_dict() == {"none": 2, "MSD": 1, "NSCLC": 2}
    assert (dsc["n"] == 3).all()
    assert dsc["experiment"].to_dict() == {one.source: one.experiment for one in SERIES if one.runs}
    shares = dsc[["frequency_1", "frequency_2", "frequency_3"]]
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert shares.loc["none", "frequency_1"] == 0, "from scratch is behind MSD in every patient"
    # MSD - NSCLC is -0.1, 0.1 and 0.3 in p, q and r: behind in the draw ppp and the three of two p and one q.
    assert shares.loc["MSD", "frequency_1"] == pytest.approx(23 / 27, abs=0.05)


def test_rankings_are_drawn_from_the_best_to_the_worst_and_give_the_same_bytes(scores, tmp_path):
    ranks = ranking_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    for name in ("one", "two"):
        figure = draw_rankings(
            ranks, ARTEFACT, BOOTSTRAP, looks=LOOKS, config_name="toy", remarks=["Not run: some."]
        )
        titles = [axis.get_title(loc="left") for axis in figure.axes[:2]]
        assert titles == ["DSC, Infection (test)", "NSD, Infection (test)"]
        boxes = [found.findobj(Text) for found in figure.axes[0].artists]
        labels = ["".join(text.get_text() for text in box) for box in boxes]
        assert labels[0] == "Body Fine-tuning, MSD"
        assert set(labels[1:]) == {"Train from scratch", "Body Fine-tuning, NSCLC"}
        assert figure.axes[0].texts[0].get_text() == "●"
        first = ranks[(ranks.source == "MSD") & (ranks.metric == "DSC")].iloc[0]
        areas = figure.axes[0].collections[0].get_sizes() / LARGEST
        assert areas.tolist() == pytest.approx([first[f"frequency_{rank}"] for rank in (1, 2, 3)])
        bottom = " ".join(figure.get_supxlabel().split())
        assert "Configuration: toy." in bottom
        assert "400 bootstrap samples" in bottom
        assert bottom.endswith("Not run: some.")
        assert figure.axes[0].get_xlabel() == "Rank (n = 3)"
        save_figure(figure, tmp_path / name)
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    plt.close("all")


def test_a_figure_without_any_ranking_still_is_one(scores, tmp_path):
    nothing = ranking_rows(SERIES[:1], ARTEFACT, scores, BOOTSTRAP)
    assert nothing.empty
    save_figure(
        draw_rankings(nothing, ARTEFACT, BOOTSTRAP, looks=LOOKS, config_name="toy", remarks=[]),
        tmp_path / "empty",
    )
    assert (tmp_path / "empty.png").exists()


def test_a_metric_that_no_patient_has_a_value_of_has_an_empty_panel(scores):
    scores.loc[scores["metric"] == "NSD", "value"] = float("nan")
    ranks = ranking_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    figure = draw_rankings(ranks, ARTEFACT, BOOTSTRAP, looks=LOOKS, config_name="toy", remarks=[])
    first, second, _ = figure.axes
    assert (first.axison, second.axison) == (True, False)
    assert second.get_title() == ""
    plt.close("all")
