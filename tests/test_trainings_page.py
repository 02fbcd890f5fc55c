"""The page of the trainings: means, thinned curves and labels by hand, and the page in a real browser."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from covidseg.config import site_needs
from covidseg.errors import InputError
from covidseg.site import trainings_part
from covidseg.site.assets import write_assets
from covidseg.site.curves import Axes, differing_part, end_labels, mean_curve, region_words, spread, thin
from covidseg.site.pages import Site
from covidseg.site.part import Part
from covidseg.site.trainings import Words, read_training
from site_browser import HOSTILE, faults_of, opened, stand_in

LOGS = {
    "scratch/fold0": "epoch,learning_rate,momentum,loss,validation_dice,seconds\n0,.3,.9,1,,\n1,.2,.9,.5,,\n",
    "scratch/fold1": "epoch,learning_rate,momentum,loss,validation_dice,seconds\n0,.3,.9,.5,,\n1,.2,.9,0,,\n",
    "pretrain-msd/fold0": "epoch,learning_rate,momentum,loss,validation_dice,seconds\n"
    "0,.3,.9,.9,.25,2\n1,.2,.9,.4,,3\n",
    "continual-msd/fold0": "epoch,learning_rate,momentum,loss,validation_dice,seconds\n0,.15,.9,.7,,\n",
    "both-msd/fold0": "epoch,learning_rate,momentum,loss,validation_dice,seconds,segmentation_loss,target_loss\n"
    "0,.3,.9,-1,,,.8,-1.8\n1,.2,.9,-2,,,.3,-2.3\n",
    "weak-full/fold0": "epoch,seconds,loss,critic_loss\n0,,20,1.5\n1,,9,.5\n",
}


def method(experiment, strategy, source="none"):
    return {
        "experiment": experiment, "paper": "wang2021", "strategy": strategy, "strategy_title": strategy.title(),
        "source": source, "source_title": {"none": "none", "msd": "MSD"}.get(source, HOSTILE),
        "model": experiment, "folds": 1,
    }  # fmt: skip


METHODS = [
    method("pretrain-msd", "pretrain", "msd"),
    method("scratch", "scratch"),
    method("continual-msd", "continual", "msd"),
    method("both-msd", "mine", "strange"),  # a strategy and a source that the palette lacks
    method("task2-msd", "other-data", "msd") | {"model": "pretrain-msd"},
]


def make_part(folder, *, logs=LOGS, timed=False):
    """Write logs and descriptions, and return the part."""
    inputs = {"logs": [], "descriptions": []}
    for name, text in logs.items():
        place = folder / "results" / "models" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "log.csv").write_text(text)
        start = {"experiment": "pretrain-msd"} if name.startswith("continual") else None
        lineage = {"pretrained": start, "training_cases": ["covid20/a", "covid20/b", "msd/c"]}
        (place / "model.json").write_text(json.dumps({"lineage": lineage}))
        inputs["logs"].append(place / "log.csv")
        inputs["descriptions"].append(place / "model.json")
    parameters = {
        "models": list(logs),
        "methods": METHODS,
        "regions": {one["experiment"]: ["infection"] for one in METHODS},
        "weak": {"weak-full": {"system": "decomposition", "title": HOSTILE, "classifier": None, "source_title": "x"}},
        "folds": {"covid20": 5, "msd": 1},
        "timed": timed,
    }  # fmt: skip
    site = Site(folder / "results" / "report", "toy", phantom=True)
    return Part(site, "trainings", inputs, parameters)


def write_site(folder, **made):
    part = make_part(folder, **made)
    write_assets(part.site.folder / "assets")
    stand_in(part.site.folder)
    entries = trainings_part.make(part)
    return part.path / "index.html", entries


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("trainings"))[0]


def read(folder, name):
    part = make_part(folder)
    return next(one for one in trainings_part.read_trainings(part) if one.name == name)


def test_the_mean_is_that_of_the_epochs_that_all_folds_have():
    folds = [pd.Series([1, 0.5], [0, 1]), pd.Series([0.5, 0, 9], [0, 1, 2])]
    assert mean_curve(folds).to_dict() == {0: 0.75, 1: 0.25}


def test_a_short_curve_is_not_thinned():
    curve = pd.Series([3.0, 1, 2])
    assert thin(curve, bins=2).tolist() == [3, 1, 2]


def test_a_thinned_curve_keeps_ends_and_peaks():
    values = np.zeros(1000)
    values[0], values[123], values[500], values[999] = 5, 9, -7, 3
    thinned = thin(pd.Series(values))
    assert thinned.index.is_monotonic_increasing
    assert len(thinned) <= 162
    assert [thinned[epoch] for epoch in (0, 123, 500, 999)] == [5, 9, -7, 3]


def test_axes_are_those_of_all_curves():
    axes = Axes.around([pd.Series([0.0, 1]), pd.Series([-1.0, 0, 0.5])])
    assert axes.low == pytest.approx(-1.06)
    assert axes.high == pytest.approx(1.06)
    assert axes.ticks == [-1, 0, 1]
    assert axes.epoch_ticks == [0, 1, 2]
    assert axes.x(1) == axes.width / 2
    assert axes.y(0) == pytest.approx(axes.height / 2)


def test_a_curve_of_one_epoch_is_a_dash_and_an_empty_one_is_nothing():
    axes = Axes.around([pd.Series([2.0])])
    assert axes.path(pd.Series([2.0])) == f"M0 {axes.height / 2:.0f} 4 {axes.height / 2:.1f}"
    assert axes.path(pd.Series([], dtype=float)) == ""
    assert Axes.around([]).epoch_ticks == [0]


def test_labels_are_moved_apart_within_the_panel():
    assert spread({"a": 10, "b": 11, "c": 50}, 12, 0, 112) == {"a": 10, "b": 22, "c": 50}
    assert spread({"a": 110, "b": 111}, 12, 0, 112) == {"a": 100, "b": 112}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["c-backbone-multi2", "c-rc-g-multi2", "c-rc-g-rc-t-multi2"], ["backbone", "rc-g", "rc-g-rc-t"]),
        (["pretrain-msd", "pretrain-msd-halfway"], ["", "halfway"]),
    ],
)
def test_names_are_shown_by_what_differs(names, parts):
    assert [differing_part(name, names) for name in names] == parts


def test_regions_in_few_words():
    assert region_words(["left_lung", "right_lung", "infection"]) == "lungs, infection"


def test_models_of_one_source_are_told_apart(tmp_path):
    one = read(tmp_path, "scratch/fold0")
    lungs = Words(
        group="scratch", colour="", title="", source="none", source_title="None", regions=("left_lung",)
    )
    other = read_training(one.log, one.model_json, lungs, model="task1-lung", fold=0)
    assert end_labels({"scratch": one, "task1-lung": other}) == {
        "scratch": "infection",
        "task1-lung": "lungs",
    }
    assert end_labels({"scratch": one}) == {"scratch": "None"}


def test_what_a_training_has_logged(tmp_path):
    both, pretraining = read(tmp_path, "both-msd/fold0"), read(tmp_path, "pretrain-msd/fold0")
    assert both.loss.to_dict() == {0: 0.8, 1: 0.3}, "the segmentation loss, which all models have"
    assert both.last_loss == 0.3
    assert both.validation_dice is None
    assert both.seconds is None
    assert pretraining.validation_dice == 0.25
    assert pretraining.seconds == 5
    assert list(both.columns("Loss")) == ["Loss", "Learning rate", "Target loss"]


def test_a_damaged_log_is_one_line(tmp_path):
    part = make_part(tmp_path)
    part.inputs["logs"][0].write_text("epoch,loss\n0,much\n")
    with pytest.raises(InputError, match=r"scratch/fold0/log\.csv: .*much"):
        trainings_part.read_trainings(part)


def test_names_are_escaped_and_nothing_is_nan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page, entries = write_site(tmp_path)
    text = page.read_text()
    assert HOSTILE not in text
    assert "&lt;img" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "not measured" in text
    assert "#continual-msd/fold0" in " ".join(entry["page"] for entry in entries)
    assert 'href="../data/covid20.html#fold1" title="covid20">2</a>' in text, "the second fold of scratch"
    assert 'href="../data/msd.html#fold0" title="msd">1</a>' in text


def test_files_lie_beside_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "logs" / "train" / "scratch" / "fold0.log"
    log.parent.mkdir(parents=True)
    log.write_text("training on CPU")
    page, _ = write_site(tmp_path, timed=True)
    files = page.parent / "files" / "scratch" / "fold0"
    assert (files / "job.log").read_text() == "training on CPU"
    assert (files / "log.csv").read_text() == LOGS["scratch/fold0"]
    assert not (page.parent / "files" / "scratch" / "fold1" / "job.log").exists()
    joined = pd.read_csv(page.parent / "all-logs.csv.gz")
    assert joined[joined.model == "weak-full"].loss.tolist() == [20, 9]
    assert len(joined) == 11


def test_without_times_the_site_lacks_logs_with_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "logs" / "train" / "scratch" / "fold0.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-11-26 training on CPU")
    page, _ = write_site(tmp_path)
    assert not list(page.parent.rglob("job.log")), "all runs make the same site"
    assert "logs/train" in page.read_text()


def test_without_trainings_there_is_a_page(tmp_path):
    assert "0 trainings" in write_site(tmp_path, logs={})[0].read_text()


def test_the_page_of_the_papers_run_is_light(tmp_path, config):
    parameters = site_needs.training_parameters(config)
    part = make_part(tmp_path, logs={"scratch/fold0": _long_log()})
    count = len(parameters["models"])
    inputs = {name: paths * count for name, paths in part.inputs.items()}
    part = Part(part.site, "trainings", inputs, parameters)
    values = trainings_part.page_values(trainings_part.read_trainings(part), part)
    part.site.write("trainings/index.html", "trainings.html", title="x", plotly=True, **values)
    assert count >= 143
    assert (part.path / "index.html").stat().st_size < 1e6


def _long_log():
    noise = np.random.default_rng(0).normal(0, 0.05, 1000)
    rows = [
        f"{e},{0.01 * (1 - e / 1000) ** 0.9},.99,{np.exp(-e / 200) + noise[e] - 0.8},,180"
        for e in range(1000)
    ]
    return "\n".join([LOGS["scratch/fold0"].partition("\n")[0], *rows, ""])


def test_filters_hide_rows_curves_and_panels(chromium, page):
    with opened(chromium, page) as (tab, complaints):
        shown = tab.locator("#trainings tbody tr:visible")
        assert shown.count() == 6
        assert tab.locator("#shown").inner_text() == "6 of 6 shown"
        tab.locator('input[value="scratch"]').uncheck()
        assert shown.count() == 4
        assert tab.locator(".panel.strategy-scratch").is_hidden()
        tab.locator('input[value="msd"]').uncheck()
        assert shown.count() == 2
        assert tab.locator(".panel.strategy-pretrain").is_hidden()
        tab.locator('input[value="scratch"]').check()
        tab.get_by_role("button", name="1", exact=True).click()
        assert shown.count() == 1
        assert tab.locator("#shown").inner_text() == "1 of 6 shown"
        assert complaints == []


def test_a_pin_adds_curves_with_learning_rates_and_dashes(chromium, page):
    with opened(chromium, page) as (tab, complaints):
        tab.wait_for_selector("#plots .js-plotly-plot .scatterlayer .trace")
        pins, traces = (
            tab.locator("#pins .chip"),
            tab.locator("#plots figure").first.locator(".scatterlayer .trace"),
        )
        assert pins.count() == 2 == traces.count(), "scratch and continual learning are compared at first"
        tab.locator('[id="scratch/fold1"] .pin').click()
        expect(tab.locator("#pins .chip")).to_have_count(3)
        assert traces.count() == 3
        assert "Learning rate" in tab.locator("#plots").inner_text()
        lines = traces.locator("path.js-line").evaluate_all(
            "all => all.map(one => one.style.strokeDasharray)"
        )
        assert len({line for line in lines if line}) == 1, "the second fold of scratch is dashed"
        tab.locator('.fold[data-name="both-msd/fold0"] .hit').dispatch_event("click")
        expect(tab.locator("#pins .chip")).to_have_count(4)
        assert "Target loss" in tab.locator("#plots").inner_text()
        pins.first.click()
        expect(tab.locator("#pins .chip")).to_have_count(3)
        assert complaints == []


def test_an_address_pins_a_training_and_shows_its_row(chromium, page):
    with opened(chromium, f"{page}#weak-full/fold0") as (tab, complaints):
        tab.wait_for_selector("#plots .js-plotly-plot")
        assert tab.locator("#pins .chip").count() == 1
        assert f"Loss of {HOSTILE}" in tab.locator("#plots").inner_text(), "its losses are of another kind"
        expect(tab.locator('[id="weak-full/fold0"]')).to_be_in_viewport()
        tab.locator('[id="continual-msd/fold0"] a[href="#pretrain-msd/fold0"]').click()
        expect(tab.locator("#pins .chip")).to_have_count(2)
        assert complaints == []


def test_the_table_sorts_down_and_back(chromium, page):
    with opened(chromium, page) as (tab, _):
        last = tab.locator("#trainings th button", has_text="Last")
        column = tab.locator("#trainings tbody tr")
        printed = column.evaluate_all("rows => rows.map(row => row.id)")
        last.click()
        up = column.evaluate_all("rows => rows.map(row => +row.cells[5].dataset.value)")
        assert up == [0, 0.3, 0.4, 0.5, 0.7, 9]
        assert tab.locator('th[aria-sort="ascending"]').inner_text().startswith("Last")
        last.click()
        assert column.evaluate_all("rows => rows.map(row => +row.cells[5].dataset.value)") == up[::-1]
        last.click()
        assert column.evaluate_all("rows => rows.map(row => row.id)") == printed


@pytest.mark.slow
def test_the_page_fits_narrow_wide_and_dark(chromium, page, tmp_path):
    assert faults_of(chromium, page, tmp_path) == []
