"""Without a source: what is left of experiments, tables and figures, and how they tell of the rest."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import ROOT, refused_in_one_line
from covidseg.config.in_use import shown_artefacts
from covidseg.config.loading import load_configuration
from covidseg.config.remarks import find_remarks
from covidseg.config.sections import extend
from covidseg.config.series import Series
from covidseg.config.without import missing_datasets, reduce_experiments
from covidseg.errors import InputError
from covidseg.files import write_csv
from covidseg.paper.datasets_table import as_csv, as_text
from covidseg.paper.formats import score_page, write_pages
from covidseg.paper.layout import Printer
from covidseg.paper.markdown import write_cell
from covidseg.paper.palette import look_of
from covidseg.paper.tables import devices_of, read_published, table_cells
from covidseg.paper.uncertainty import Bootstrap, comparison_rows, interval_rows
from covidseg.paper.violin import draw_violins, read_values, value_rows

CONFIG = ROOT / "config"
PUBLISHED = CONFIG / "published.csv"


def load(name="config", sheets=CONFIG, **changes):
    sections = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())
    return load_configuration(sections | changes, str(CONFIG / f"{name}.yaml"), sheets)


@pytest.fixture(scope="module")
def public(papers_sheets):
    return load("public", papers_sheets)


def left_out(config):
    there = config.experiments | config.localisers
    return [name for name in config.all_experiments if name not in there]


def keys(content, prefix=""):
    if not isinstance(content, dict):
        return {prefix}
    return {key for name, value in content.items() for key in keys(value, f"{prefix}.{name}")}


def test_the_public_configuration_is_the_paper_s_but_for_what_it_says(public):
    paper = yaml.safe_load((CONFIG / "paper.yaml").read_text())
    own = yaml.safe_load((CONFIG / "public.yaml").read_text())
    assert keys(public.sections) - {".extends"} == keys(paper)
    differing = {key for key in paper if public.sections[key] != paper[key]}
    assert differing == own.keys() - {"extends"} == {"name", "without", "weak"}
    assert public.sections["weak"] | {"lungs": paper["weak"]["lungs"]} == paper["weak"]


def test_settings_given_beside_it_win_over_what_it_extends():
    """As `--config training={epochs: 5}` does: the other keys of the section stay the paper's."""
    training = load("public", training={"epochs": 5}).sections["training"]
    assert (training["epochs"], training["iterations"]) == (5, 250)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": "extends: papr.yaml"}, r"a\.yaml: extends: there is no .*papr\.yaml; name a configuration beside a"),
        ({"a": "extends: [b.yaml]", "b": "x: 1"}, r"a\.yaml: extends: there is no "),
        ({"a": "extends: b.yaml", "b": "extends: a.yaml"}, r"b\.yaml: extends: .*a\.yaml leads back here; remove"),
        ({"a": "extends: a.yaml"}, r"a\.yaml: extends: .*a\.yaml leads back here"),
        ({"a": "extends: b.yaml", "b": "- x"}, r"b\.yaml: no keys at top level"),
        ({"a": "extends: b.yaml", "b": "x: [1"}, r"b\.yaml: line 1: expected ',' or '\]'"),
    ],
)  # fmt: skip
def test_a_configuration_that_extends_nothing_is_refused_in_one_line(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with refused_in_one_line(message):
        extend(yaml.safe_load(files["a"]), tmp_path / "a.yaml")


def test_a_chain_of_configurations(tmp_path):
    (tmp_path / "c.yaml").write_text("{x: 1, y: {p: 1, q: 1}, z: 1}")
    (tmp_path / "b.yaml").write_text("{extends: c.yaml, y: {q: 2}, z: null}")
    extended = extend({"extends": "b.yaml", "x": [3]}, tmp_path / "a.yaml")
    assert extended == {"x": [3], "y": {"p": 1, "q": 2}, "z": None}


def test_who_reads_a_missing_archive_is_missing_too(config):
    def missing(*without):
        return missing_datasets(without, config.datasets)

    assert missing("structseg", "cc-ccii") == {
        "structseg": "structseg", "structseg-lung": "structseg", "cc-ccii": "cc-ccii",
    }  # fmt: skip
    assert missing("nsclc-lung") == {"nsclc-lung": "nsclc-lung"}
    assert missing("structseg-lung", "structseg")["structseg-lung"] == "structseg-lung"
    assert missing() == {}


def test_nothing_of_structseg_is_left_in_the_public_configuration(public, papers_sheets):
    gone = [
        f"{strategy}-structseg"
        for strategy in ("pretrain", "continual", "body-finetune", "lesion-representations")
    ]
    gone += ["pretrain-structseg-halfway"]
    gone += [f"task{task}-structseg{part}" for task in (2, 3) for part in ("-lung", "")]
    assert sorted(left_out(public)) == sorted(gone)
    for experiment in public.experiments.values():
        named = {*experiment.train, *experiment.source_datasets, *experiment.evaluate, *experiment.labels}
        assert not named & public.missing.keys()
        assert experiment.source != "structseg"
    multi = public.experiments["pretrain-multi"]
    assert (multi.train, multi.watched, set(multi.labels)) == (
        ("msd", "nsclc"),
        ("msd", "nsclc"),
        {"msd", "nsclc"},
    )
    whole = load("paper", papers_sheets)
    unchanged = public.experiments.keys() - {"pretrain-multi", "pretrain-multi-halfway"}
    assert all(public.experiments[name] == whole.experiments[name] for name in unchanged)


def test_without_nothing_everything_is_as_it_was(config):
    assert left_out(config) == []
    assert shown_artefacts(config) == config.artefacts
    assert config.all_experiments == config.experiments | config.localisers


def test_evaluation_on_a_missing_data_set_is_dropped_and_trains_nothing_anew(config, papers_sheets):
    without = load(sheets=papers_sheets, without=["mosmed"])
    assert left_out(without) == []
    scratch, before = without.experiments["scratch"], config.experiments["scratch"]
    assert scratch.evaluate == {"covid20": "test"}
    assert scratch.for_training() == before.for_training()
    series = without.series(without.artefacts["ma2021"]["table9"])
    assert {one.split for one in series if not one.runs} == {"mosmed"}
    assert {one.left_out for one in series if not one.runs} == {"mosmed"}
    remark, _ = find_remarks(without, without.artefacts["ma2021"]["table9"])
    assert remark.startswith(
        "Not run, as configuration phantom is without mosmed: Task1-Separate, infection at mosmed; Task1-Union, infec"
    )


def test_the_source_s_own_cases_are_those_that_are_there():
    """zhang2021 trains on the cases of its source; with NSCLC alone the relations are of NSCLC's."""
    without = load(without=["msd"])
    collaborative = without.experiments["collaborative-rc-g-multi2"]
    assert collaborative.source_datasets == ("nsclc",)
    assert find_remarks(without, without.artefacts["zhang2021"]["figure4"]) == [
        "Learned without msd, unlike the published: collaborative-rc-g-rc-t-multi2."
    ]


def test_image_level_labels_without_slices_or_without_volumes():
    without = load(without=["capepoint"])
    assert (without.weak_models, without.localisers) == ({}, {})
    assert list(shown_artefacts(without)["yang2021"]) == ["claims", "numbers"], (
        "figures of nothing are not made, tables are"
    )
    assert not any(one.runs for one in without.series(without.artefacts["yang2021"]["numbers"]))
    without = load(without=["covid20-union"])
    assert without.localisers["cam"].evaluate == {"capepoint": "test_covid_cell"}
    assert list(shown_artefacts(without)["yang2021"]) == [
        *("claims", "figure1", "numbers", "figure3", "figure4", "ranking")
    ]
    assert list(shown_artefacts(without)["ma2021"]).count("figure3") == 0, "whose truth is missing"


def test_a_source_that_is_gone_altogether_takes_what_starts_from_it():
    without = load(without=["msd", "nsclc"])
    assert "pretrain-multi2" not in without.experiments
    assert without.experiments["pretrain-multi"].train == ("structseg",)
    assert list(shown_artefacts(without)["zhang2021"]) == [
        *("claims", "figure1", "table2", "table3", "figure3", "violin"),
        *("parameters", "volumes", "agreement", "ranking"),
    ]
    assert list(shown_artefacts(without)["zhang2021"]["figure3"]["columns"]) == [
        "nnUNet baseline", "Pre-train on Multi-lesion", "Multi-encoder",
    ]  # fmt: skip


def test_an_experiment_goes_with_the_pretrained_model_that_it_evaluates():
    """Task 2 on MosMed stays an experiment without MosMed, but not without the data of its model."""
    assert load(without=["mosmed"]).experiments["task2-msd"].evaluate == {
        "msd": "in_domain",
        "covid20": "test",
    }
    assert "task2-msd" not in load(without=["msd"]).experiments


def test_a_source_that_is_only_a_name_takes_nothing_with_it():
    row = {"train": ["covid20"], "source": "msd", "evaluate": {"covid20": "test"}}
    weak = {"train": "capepoint", "evaluate": {"capepoint": "test"}, "models": {}, "localisers": {}}
    sheet = {
        "sources": {"msd": {"datasets": ["msd"], "evaluate": {}}},
        "experiments": {"x": row},
        "weak": weak,
    }
    reduced = reduce_experiments(sheet, {"msd": "msd"})
    assert reduced["sources"] == {}
    assert reduced["experiments"] == {"x": {"train": ["covid20"], "evaluate": {"covid20": "test"}}}


def test_lungs_of_a_model_that_is_left_out_are_refused():
    weak = yaml.safe_load((CONFIG / "config.yaml").read_text())["weak"] | {"lungs": "task2-structseg-lung"}
    with pytest.raises(InputError, match=r"weak\.lungs: task2-structseg-lung learns from a data set in without; allowed: truth, task2-nsclc-lung$"):  # fmt: skip
        load(without=["structseg"], weak=weak)


def test_misspellings_of_what_is_left_out_are_still_refused(config, tmp_path):
    """The sheets are checked whole: a wrong row is wrong whether it is run or not."""
    for part in ("schemas", "splits.json", "datasets.yaml", "artefacts.yaml", "claims.yaml"):
        (tmp_path / part).symlink_to(CONFIG / part)
    sheet = yaml.safe_load((CONFIG / "experiments.yaml").read_text())
    sheet["experiments"]["task2-structseg"]["evaluate"] = {"covid19": "test"}
    (tmp_path / "experiments.yaml").write_text(yaml.safe_dump(sheet))
    sections = config.sections | {"without": ["structseg"]}
    with pytest.raises(InputError, match=r"task2-structseg\.evaluate: unknown data set 'covid19'"):
        load_configuration(sections, "config.yaml", tmp_path)


def test_figures_show_what_is_there_and_tell_of_the_rest(public):
    shown, whole = shown_artefacts(public), public.artefacts
    assert [(paper, name) for paper in whole for name in whole[paper] if name not in shown[paper]] == []
    columns = shown["wang2021"]["figure2"]["columns"]
    assert list(columns) == ["Train from scratch", "MSD", "NSCLC", "Multi-lesion"]
    assert list(public.predictions(shown["wang2021"]["figure2"])) == list(columns)
    assert find_remarks(public, whole["wang2021"]["figure2"]) == [
        "Not run, as configuration public is without structseg: StructSeg.",
        "Learned without structseg, unlike the published: Multi-lesion.",
    ]
    assert list(shown["ma2021"]["figure1"]["datasets"]) == [
        "NSCLC",
        "MSD Lung Tumor",
        "MosMed",
        "COVID-19-CT-Seg",
    ]
    assert find_remarks(public, whole["ma2021"]["figure1"]) == [
        "Not run, as configuration public is without structseg: StructSeg (structseg-lung); StructSeg (structseg)."
    ]
    assert list(shown["ma2021"]["figure5"]["columns"]) == [
        "Task1-Separate", "Task1-Union", "Task2-MSD", "Task2-NSCLC", "Task3-MSD", "Task3-NSCLC",
    ]  # fmt: skip


def test_a_column_of_two_models_keeps_the_one_that_is_run():
    without = load(without=["structseg-lung"])
    shown = shown_artefacts(without)["ma2021"]["figure5"]
    assert list(without.predictions(shown)["Task2-StructSeg"]) == ["infection"]
    assert find_remarks(without, without.artefacts["ma2021"]["figure5"]) == [
        "Not run, as configuration phantom is without structseg-lung: "
        + "; ".join(
            f"Task{task}-StructSeg, {side} lung at test" for task in (2, 3) for side in ("left", "right")
        )
        + "."
    ]


# A table of two folds: one row run, one not, whatever the scores hold of it, one on less than the paper.
ARTEFACT = {
    "title": "Strategies", "panels": [{"region": "infection", "split": "test"}], "across": "folds",
    "metrics": ["DSC", "time"], "unit": "fraction",
}  # fmt: skip
SERIES = [
    Series("Train from scratch", "none", "infection", "test", "scratch", folds=2),
    Series(
        "Body Fine-tuning",
        "StructSeg",
        "infection",
        "test",
        "b-structseg",
        2,
        runs=False,
        left_out="structseg",
    ),
    Series("Body Fine-tuning", "Multi-lesion", "infection", "test", "b-multi", 2, left_out="structseg"),
]
BOOTSTRAP = Bootstrap(resamples=100, confidence=0.95, seed=1, pixels={}, limits=(0.1, 0.4))


@pytest.fixture
def scores():
    dsc = {"scratch": (0.5, 0.7), "b-structseg": (0.9, 0.95), "b-multi": (0.6, 0.6)}
    rows = [
        {"experiment": name, "fold": str(fold), "region": "infection", "split": "test", "metric": "DSC",
         "case": f"case_{case}", "patient": f"case_{case}", "value": value + 0.01 * case}
        for name, means in dsc.items() for fold, value in enumerate(means) for case in range(6)
    ]  # fmt: skip
    rows += [
        {"experiment": name, "fold": str(fold), "region": "", "split": "", "metric": "time", "case": device,
         "patient": "", "value": 2.0}
        for name, device in (("scratch", "CPU"), ("b-structseg", "other"), ("b-multi", "CPU")) for fold in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def cells(scores):
    return table_cells(SERIES, ARTEFACT, scores, read_published(PUBLISHED, "wang2021", "1"))


def test_every_cell_of_a_row_not_run_stands_in_the_csv_with_the_reason(cells, tmp_path):
    write_csv(tmp_path / "table1.csv", cells, digits=9)
    sheet = pd.read_csv(tmp_path / "table1.csv", keep_default_na=False)
    assert list(sheet.columns[-3:]) == ["status", "left_out", "experiment"]
    assert set(sheet[sheet.source == "Multi-lesion"].experiment) == {"b-multi"}
    missing = sheet[sheet.source == "StructSeg"]
    assert missing[missing.metric == "DSC"].fold.tolist() == ["0", "1", "avg"]
    assert (set(missing.status), set(missing.left_out), set(missing.n)) == ({"not run"}, {"structseg"}, {0})
    assert set(missing.ours_mean) == set(missing.ours_std) == set(missing.difference) == {""}
    assert (missing[missing.metric == "DSC"].published_mean != "").all()
    run = sheet[sheet.source != "StructSeg"].drop_duplicates("source").set_index("source")
    assert run.status.tolist() == ["run", "run"]
    assert run.left_out.to_dict() == {"none": "", "Multi-lesion": "structseg"}


def test_marks_intervals_and_tests_know_nothing_of_a_row_not_run(scores, cells):
    """Were it run it would be the best of all; so the two others are best and second."""
    intervals = interval_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    assert intervals.source.tolist() == ["none", "Multi-lesion"]
    assert intervals.experiment.tolist() == ["scratch", "b-multi"]
    tests = comparison_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    assert tests[["a", "b"]].to_numpy().tolist() == [["scratch", "b-multi"]]
    table = Printer.of(cells, intervals).by_fold("DSC").map(write_cell)
    missing = table[table.Source == "StructSeg"].iloc[0]
    assert missing["Fold 0"] == "not run [0.689 ± 0.203]"
    assert missing["Avg"].startswith("not run [0.")
    assert missing[["Difference", "CI", "n"]].tolist() == ["not run"] * 3
    assert [text.split(" ±")[0] for text in table["Fold 0"]][::2] == ["<u>0.525</u>", "**0.625**"]
    seconds = Printer.of(cells, intervals).by_fold("time").map(write_cell)
    assert seconds["Ratio"].tolist()[:2] == ["1.00 [–]", "not run [–]"]
    assert not table.isna().any(axis=None)


def test_a_row_not_run_in_panels():
    panels = ARTEFACT | {
        "panels": [{"region": "lesion", "split": "in_domain"}, {"region": "infection", "split": "test"}],
        "across": "panels", "metrics": ["DSC"], "unit": "percent", "folds": "average",
    }  # fmt: skip
    series = [
        Series("Task2-StructSeg", "StructSeg", "lesion", "in_domain", "a", runs=False, left_out="structseg"),
        Series("Task2-StructSeg", "StructSeg", "infection", "test", "a", runs=False, left_out="structseg"),
    ]
    nothing = pd.DataFrame(
        columns=["experiment", "fold", "region", "split", "metric", "case", "patient", "value"]
    )
    cells = table_cells(series, panels, nothing, read_published(PUBLISHED, "ma2021", "VI"))
    intervals = interval_rows(series, panels, nothing, BOOTSTRAP)
    assert intervals.empty
    assert comparison_rows(series, panels, nothing, BOOTSTRAP).empty
    printer = Printer.of(cells, intervals)
    (line,) = printer.by_panel(["DSC"]).map(write_cell).to_numpy().tolist()
    assert line[0] == "Task2-StructSeg"
    assert all(text.startswith("not run [") and "–" not in text for text in line[1:])
    assert printer.averages()["CI"].tolist() == ["not run"] * 2


@pytest.mark.parametrize("suffix", ["md", "tex", "html"])
def test_printed_tables_say_not_run_and_why(scores, cells, public, tmp_path, suffix):
    intervals = interval_rows(SERIES, ARTEFACT, scores, BOOTSTRAP)
    remarks = find_remarks(public, public.artefacts["wang2021"]["table1"])
    page = score_page(
        ARTEFACT,
        cells,
        intervals,
        config_name="public",
        phantom=False,
        confidence=0.95,
        devices=devices_of(SERIES, scores),
        remarks=remarks,
    )
    write_pages(tmp_path / "t", ARTEFACT["title"], page)
    text = (tmp_path / f"t.{suffix}").read_text().replace("~", " ")
    assert text.count("not run") == (3 + 3) + (3 + 1), "folds, Avg and what follows it; in two tables"
    assert (
        "Not run, as configuration public is without structseg: Continual Learning (StructSeg); Body" in text
    )
    assert "Learned without structseg, unlike the published: Continual Learning (Multi-lesion); Body" in text
    assert "cannot be compared" not in text
    assert "Trained on: CPU. " in text
    assert "nan" not in text.lower()


def test_a_violin_figure_has_no_place_for_a_row_not_run(scores):
    violin = ARTEFACT | {"metrics": ["DSC"]}
    violin["panels"] = [*ARTEFACT["panels"], {"region": "infection", "split": "mosmed"}]
    series = [*SERIES, Series("Train from scratch", "none", "infection", "mosmed", "scratch", 2, runs=False)]
    values = read_values(scores, series, violin["metrics"])
    looks = {one.experiment: look_of("continual", "multi") for one in series if one.runs}
    remarks = ["Not run: some. " * 20]
    figure = draw_violins(values, looks, violin, config_name="public", remarks=remarks)
    assert [axis.get_title(loc="left") for axis in figure.axes if axis.lines] == ["DSC, Infection (test)"]
    sources = [text.get_text() for text in figure.texts[2:]]
    assert sources == ["◆\nnone", "◆\nMulti-lesion"]
    assert {row["source"] for row in value_rows(values)} == {"none", "Multi-lesion"}
    assert len(figure.get_supxlabel().splitlines()) > 2, "a long remark is broken into lines"
    assert "Not run: some." in figure.get_supxlabel()


def test_a_missing_data_set_stands_in_the_table_of_data_sets():
    found = {"labels": "lesion", "cases": 63, "patients": 63, "slices": (112.0, 252.0, 636.0)}
    described = {("StructSeg", "structseg"): {}, ("MSD", "msd"): found}
    sheet = as_csv(described, {"structseg": "structseg", "structseg-lung": "structseg"}, {})
    assert sheet.status.tolist() == ["not run", "run"]
    assert sheet.left_out.tolist() == ["structseg", ""]
    assert np.isnan(sheet.cases[0])
    printed = as_text(described, {"structseg": {"cases": 50}})
    assert printed.iloc[0].map(str).tolist() == ["StructSeg", "not run", "not run [50]"] + ["not run"] * 8
    assert printed.iloc[1].tolist()[:5] == ["MSD", "lesion", "63", "63", "252 (112 to 636)"]
