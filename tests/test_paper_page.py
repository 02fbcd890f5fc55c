"""What the page of a paper computes: marks, intervals against from scratch, patients, parts of networks, files."""

import base64
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidseg.config.series import Series
from covidseg.site.agreements import agreements_of
from covidseg.site.assets import as_script
from covidseg.site.axes import Axis
from covidseg.site.downloads import labelled, lighter, pack
from covidseg.site.looks import look_of
from covidseg.site.losses import loss_panels
from covidseg.site.measures import marks_of
from covidseg.site.networks import in_words, parts_of
from covidseg.site.pages import SHAPES, place, polyline, typeset
from covidseg.site.patients import patients_of, slice_link
from covidseg.site.plain_tables import cell_of, read_plain_table
from covidseg.site.rankings import read_ranks
from covidseg.site.score_sheets import read_score_table
from covidseg.site.violins import density_of, violin_panels
from paper_page import METHODS, SERIES, TABLE, build_page, made_scores, made_table
from site_browser import HOSTILE


@pytest.fixture(scope="module")
def looks():
    return {name: look_of(name, METHODS, {}) for name in METHODS}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The scores by experiment, and the base of the sheets of Table 1."""
    folder = tmp_path_factory.mktemp("made")
    scores = made_scores(folder)
    return dict(list(scores.groupby("experiment"))), made_table(folder, scores)


@pytest.fixture
def table(made, looks):
    return read_score_table(made[1], TABLE, looks, {"infection": 3.0})


def cells_of(table, metric="DSC"):
    (measure,) = (one for one in table.measures if one.metric == metric)
    return [row.cells[measure] for row in table.rows]


def test_a_table_has_our_means_beside_the_published_ones(table):
    scratch, continual, own, missing = cells_of(table)
    # Fold 0 has 0.1, 0.3 and 0.5; fold 1 is 0.2 higher.
    assert scratch.mean == pytest.approx(0.4)
    assert [fold.ours for fold in scratch.folds] == pytest.approx([0.3, 0.5])
    assert (scratch.published, continual.published) == (0.673, 0.703)  # Table 1 of wang2021
    assert np.isnan(own.published)
    assert missing.status == "not run"
    assert missing.left_out == "nsclc"
    assert np.isnan(missing.mean)
    assert missing.published == 0.671


def test_the_best_two_means_are_marked(table):
    assert [cell.mark for cell in cells_of(table)] == ["second", "best", "", ""]


def test_means_that_are_printed_alike_share_a_mark():
    part = pd.DataFrame(
        {"row": list("abc"), "source": "none", "metric": "DSC", "ours_mean": [0.5001, 0.5004, 0.4]}
    )
    assert marks_of(part, 3) == {("a", "none"): "best", ("b", "none"): "best", ("c", "none"): "second"}
    assert marks_of(part.assign(metric="time"), 3)["c", "none"] == "best"  # the fewest seconds
    assert marks_of(part.iloc[:1], 3) == {}
    assert marks_of(part.assign(metric="volume_truth_mL"), 3) == {}


def test_rows_stand_in_blocks_by_strategy_and_repeat_no_name(table):
    assert [block.title for block in table.blocks] == [
        "Train from scratch", "Continual Learning", HOSTILE, "Body Fine-tuning",
    ]  # fmt: skip
    assert [block.label(row) for block in table.blocks for row in block.rows] == [
        "no source", "MSD", HOSTILE, "NSCLC",
    ]  # fmt: skip
    assert table.label_heading == "Source"


def test_a_row_is_compared_with_the_row_from_scratch_by_patient(table):
    _, continual, own, missing = cells_of(table)
    assert table.reference.name == "Train from scratch"
    low, difference, high = table.against_reference(continual)
    assert difference == pytest.approx(
        (0.1 + 0.0 + 0.2) / 3
    )  # minus scratch, which stands first in the sheet
    assert low <= difference <= high
    assert table.against_reference(own)[1] == pytest.approx(-(0.1 + 0.2 + 0.3) / 3)
    assert table.against_reference(missing) is None


def test_patients_stand_from_best_to_worst_beside_from_scratch(made, table):
    scratch, continual, *_ = cells_of(table)
    patients = patients_of(made[0], continual, scratch, [])
    assert [one.name for one in patients] == [HOSTILE, "p2", "p1"]
    assert [one.value for one in patients] == pytest.approx([0.8, 0.4, 0.3])
    assert [one.reference for one in patients] == pytest.approx([0.6, 0.4, 0.2])
    assert patients[2].link == "cases/covid20/p1.html#a=continual-msd/fold0&b=scratch/fold0"
    assert "<" not in patients[0].link
    assert np.isnan(patients_of(made[0], scratch, scratch, [])[0].reference)


def test_a_row_that_is_not_run_has_no_patients(made, table):
    assert patients_of(made[0], cells_of(table)[3], None, []) == []


def test_a_slice_is_named_by_its_place():
    assert slice_link("capepoint", 3, ["cam", "weak-full"]) == (
        "slices/capepoint/index.html#a=cam&b=weak-full&slice=3"
    )


def test_measures_say_what_they_measure_and_are_shown_two_at_a_time(table):
    assert [one.title for one in table.measures] == ["DSC, overlap", "NSD, border within 3 mm"]
    assert [len(batch) for batch in table.batches(1)] == [1, 1]
    assert [one.metric for one in table.by_patient] == ["DSC"]
    assert table.measures[0].text(-0.01234) == "−0.012"


def test_an_axis_need_not_reach_zero():
    axis = Axis.around([0.3, 0.7], margin=0)
    assert (axis.low, axis.high) == (0.3, 0.7)
    assert axis.share(0.4) == pytest.approx(0.25)
    assert [axis.label(tick) for tick in axis.ticks] == ["0.3", "0.4", "0.5", "0.6", "0.7"]
    assert Axis.around([np.nan], margin=0).ticks == (0, 0.5, 1)
    assert Axis.around([5.0]).low < 5 < Axis.around([5.0]).high
    assert Axis.around([0.0], margin=0).share(0.0) == 0, "as of a training of one epoch"


def test_the_parts_of_a_network_are_told_by_their_parameters():
    counts = {
        "encoder": {"trained": 0, "frozen": 3, "loaded": 3, "new": 0},
        "decoder": {"trained": 3, "frozen": 0, "loaded": 3, "new": 0},
        "fusion": {"trained": 3, "frozen": 0, "loaded": 1, "new": 2},
        "head": {"trained": 3, "frozen": 0, "loaded": 0, "new": 3},
    }
    parts = parts_of(counts)
    assert [part.state for part in parts] == ["loaded and frozen", "loaded", "partly loaded", "new"]
    assert in_words(parts) == (
        "encoder loaded and frozen; decoder loaded; fusion partly loaded; segmentation heads new"
    )
    assert in_words(parts_of({"encoder": counts["head"], "decoder": counts["head"]})) == "all weights new"


def test_looks_follow_strategy_and_source():
    assert look_of("continual-msd", METHODS, {}).css == "strategy-continual"
    assert look_of("continual-msd", METHODS, {}).shape == SHAPES["msd"]
    assert look_of("own", METHODS, {}).css == "other-strategy"  # no name of a user becomes a class
    systems = {
        "cam": {"system": "cam", "model": "classifier", "without": ""},
        "less": {"system": "decomposition", "model": "less", "without": "critic"},
    }
    assert (look_of("cam", {}, systems).css, look_of("cam", {}, systems).dash) == ("system-cam", "")
    assert look_of("less", {}, systems).dash == "8 2 2 2"


def test_violins_have_quartiles_over_patients_and_leave_out_what_is_not_run(made, looks):
    (panel,) = violin_panels(SERIES, ["DSC"], made[0], looks)
    assert panel.title == "DSC"
    assert [violin.series.experiment for violin in panel.violins] == ["scratch", "continual-msd", "own"]
    # Means over the two folds: 0.2, 0.4 and 0.6.
    assert panel.violins[0].quartiles == pytest.approx((0.3, 0.4, 0.5))
    assert panel.reference == pytest.approx(0.4)
    assert [(group.title, group.first, group.count) for group in panel.groups] == [
        ("Train from scratch", 0, 1), ("Continual Learning", 1, 1), (HOSTILE, 2, 1),
    ]  # fmt: skip


def test_a_density_needs_three_different_values():
    assert density_of(np.array([0.5, 0.5, 0.7])) == []
    density = density_of(np.array([0.0, 0.5, 1.0]))
    assert density[0][0] == 0
    assert density[-1][0] == 1
    assert max(share for _, share in density) == 1


def test_ranks_go_from_the_best_to_the_worst(made, looks):
    ranks = read_ranks([Path(f"{made[1]}_ranks.csv")], looks)
    assert list(ranks) == ["DSC, Infection (test)", "NSD, Infection (test)"]
    found = ranks["DSC, Infection (test)"]
    assert [one.name for one in found] == ["Continual Learning", "Train from scratch", HOSTILE]
    assert sum(share for _, share in found[0].shares) == pytest.approx(1)


def test_volumes_have_bias_and_every_scan(made, looks):
    found = agreements_of(SERIES, made[0], looks)
    assert [len(one.points) for one in found] == [6, 6, 6]
    assert found[0].bias == pytest.approx(0.4)  # the made-up errors are the scores
    case, mean, error = found[0].points[0]
    assert (case, mean, error) == ("p1, fold 0", pytest.approx(0.15), pytest.approx(0.1))


def test_losses_stand_by_kind(tmp_path):
    for name, text in (
        ("a", "epoch,seconds,loss\n0,,2\n1,,1\n"),
        ("b", "epoch,seconds,loss,critic_loss\n0,,3,7\n"),
    ):
        path = tmp_path / name / "fold0" / "log.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    systems = {name: {"system": "va-gan", "model": name, "without": ""} for name in "ab"}
    looks = {name: look_of(name, {}, systems) for name in systems}
    panels = loss_panels([tmp_path / name / "fold0" / "log.csv" for name in "ab"], looks)
    assert [(panel.title, [curve.model for curve in panel.curves]) for panel in panels] == [
        ("Loss", ["a", "b"]), ("Critic loss", ["b"]),
    ]  # fmt: skip
    assert panels[0].curves[0].points == [(0, 2), (1, 1)]


def test_plain_tables_say_what_is_not_run(tmp_path):
    path = tmp_path / "table1.csv"
    path.write_text("row,least,status,left_out\nLung,4,run,\nInfection,,not run,nsclc\n")
    table = read_plain_table(path, "settings")
    assert table.columns == [("Method", False), ("Least", True), ("Not run", False)]
    assert table.rows == [
        [("Lung", None), ("4", 4), ("", None)],
        [("Infection", None), ("", None), ("needs nsclc", None)],
    ]


def test_volumes_become_a_column_per_metric(tmp_path):
    path = tmp_path / "volumes.csv"
    path.write_text(
        "row,source,fold,region,split,metric,unit,ours_mean,ours_std,n,status,left_out\n"
        "a,MSD,avg,infection,test,volume_truth_mL,mL,1013.0725,903.56,19,run,\n"
        "a,MSD,avg,infection,test,lesion_F1,fraction,0.51236,,19,run,\n"
    )
    table = read_plain_table(path, "volumes")
    assert [heading for heading, _ in table.columns] == ["Method", "Source", "Truth, mL", "Lesion F1"]
    assert table.rows == [[("a", None), ("MSD", None), ("1013 ± 903.6", 1013), ("0.5124", 0.5124)]]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("25080", ("25 080", 25080)),
        ("-0.123456", ("−0.1235", -0.123456)),
        ("300+", ("300+", None)),
        ("", ("", None)),
    ],
)
def test_cells_are_printed_with_four_digits(text, cell):
    assert cell_of(text) == cell


def test_losses_in_names_are_typeset_and_names_escaped():
    assert (
        typeset("Ours (L_rc^G+L_rc^T)")
        == "Ours (<i>L</i><sub>rc</sub><sup>G</sup>+<i>L</i><sub>rc</sub><sup>T</sup>)"
    )
    assert "<img" not in typeset(HOSTILE)


def test_files_of_an_artefact_have_labels():
    files = [
        Path(name) for name in ("table1.csv", "table1_tests.csv", "table10.csv", "table1.html", "table1.pdf")
    ]
    assert labelled("table1", files) == {
        "CSV": "table1.csv",
        "Tests": "table1_tests.csv",
        "PDF": "table1.pdf",
    }


def test_a_figure_for_the_screen_keeps_its_text_and_nearly_its_places_and_picture():
    grey = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    svg = (
        '<svg><path d="M 1.234567 2 L 30.5 4.999"/><text x="1.23456" transform="scale(0.015625)">p = 0.12345</text>'
        f'<g transform="translate(7.891 2.5)"><image xlink:href="data:image/png;base64,{picture}"/></g></svg>'
    )
    light = lighter(svg)
    assert light.startswith(
        '<svg><path d="M 1.23 2 L 30.5 4.99"/><text x="1.23" transform="scale(0.015625)">p = 0.12345</text>'
        '<g transform="translate(7.89 2.5)">'
    )
    found = re.search(r"data:image/webp;base64,([^\"]+)", light)[1]
    shown = Image.open(io.BytesIO(base64.b64decode(found))).convert("L")
    assert shown.size == (64, 48)
    assert np.abs(np.asarray(shown).astype(int) - grey).mean() < 4


def test_the_same_files_are_packed_into_the_same_bytes(tmp_path):
    paths = [tmp_path / "b.csv", tmp_path / "a.csv"]
    for path in paths:
        path.write_text(path.name)
    pack(paths, tmp_path / "one.zip")
    pack(paths[::-1], tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.zip").namelist() == ["a.csv", "b.csv"]


def test_a_module_becomes_a_script_that_names_what_the_pages_need():
    script = as_script(
        "const a = 1; export{b as Other,a as default};\n/*! licence */\n", {"default": "Table"}
    )
    assert script.startswith("(() => {const a = 1;")
    assert "window.Table = a;" in script
    assert "export" not in script
    assert "/*! licence */" in script


def test_a_series_of_another_split_has_a_panel_of_its_own(made, looks):
    other = Series("Train from scratch", "none", "infection", "mosmed", "scratch", 2)
    assert len(violin_panels([*SERIES, other], ["DSC"], made[0], looks)) == 1  # without a score, no panel


def test_a_paper_of_which_nothing_is_run_has_a_page_with_the_published_numbers(tmp_path):
    missing = [replace(one, runs=False, left_out="nsclc") for one in SERIES]
    folder, _ = build_page(tmp_path, missing)
    text = (folder / "papers" / "wang2021" / "index.html").read_text()
    assert text.count("not run: needs nsclc") == len(SERIES)
    assert "0.673" in text  # published, from scratch
    assert 'class="open"' not in text
    assert re.search(r"\bnan\b", text, re.IGNORECASE) is None


def test_lines_of_plots_are_rounded_to_a_tenth_without_drift():
    """Ten steps of 0.04 end at 0.4, although each alone rounds to 0."""
    assert polyline([(34.0, 164.04), (33.46, 100.0), (33.0, 100.5)]) == "M34 164l-0.5-64-0.5 0.5"
    line = polyline([(n * 0.04, 0.0) for n in range(11)])
    steps = line.partition("l")[2].split(" ")
    assert sum(float(step) for step in steps[::2]) == pytest.approx(0.4)
    assert polyline([(1.0, -2.0)]) == "M1 -2"
    assert polyline([]) == ""
    assert [place(34.04), place(34.06), place(-0.04)] == [34, 34.1, 0]
