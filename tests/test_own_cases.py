"""A user's own folds, subsets of cases, and names of test sets: read, or refused in one line."""

import copy
import json
import shutil

import pytest
import yaml

from conftest import refused_in_one_line, write_case_table
from covidseg.cases.folds import make_split
from covidseg.cases.left_out import read_reasons
from covidseg.config import in_use
from covidseg.config.case_lists import read_chosen_cases, read_split_file
from covidseg.config.loading import load_configuration
from covidseg.paper.layout import panel_title
from test_left_out import FOLDERS, cases, pack, take

TWO_FOLDS = [{"train": ["a", "b"], "val": ["c"]}, {"train": ["c"], "val": ["a", "b"]}]
HOSPITAL = {
    "title": "Hospital", "homepage": "https://example.org", "licence": "none",
    "archives": {"scans.zip": {"address": None}}, "case_name": "{case}", "patient": ".*",
    "images": {"archive": "hospital/scans.zip", "member": "{case}/ct.nii.gz", "format": "nifti"},
    "labels": {"archive": "hospital/scans.zip", "member": "{case}/l.nii.gz", "format": "nifti", "map": {0: 0, 1: 1}},
    "regions": {1: "lesion"}, "intensity": {"*": "hounsfield"}, "split": "random",
}  # fmt: skip
SOURCE = {
    "hospital": {
        "paper": "wang2021",
        "title": "H",
        "datasets": ["hospital"],
        "lesions": "union",
        "evaluate": {},
    }
}


@pytest.fixture
def load(tmp_path, papers_sheets, sections):
    """Load the configuration with additions, and with files in config/local."""
    folder = shutil.copytree(papers_sheets, tmp_path / "config")

    def one(hospital=None, *, files=None, **additions):
        for name, text in (files or {}).items():
            (folder / "local" / name).write_text(text)
        additions["datasets"] = {"hospital": HOSPITAL | (hospital or {})} | additions.get("datasets", {})
        (folder / "local" / "own.yaml").write_text(yaml.safe_dump(additions))
        return load_configuration(copy.deepcopy(sections), "config/config.yaml", folder)

    (folder / "local").mkdir(exist_ok=True)
    return one


# --- Folds in a file ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.json", json.dumps(TWO_FOLDS)),
        ("f.json", json.dumps([{"train": one["train"], "test": one["val"]} for one in TWO_FOLDS])),
        ("f.csv", "case,fold\na,1\nb,1\nc,0\n"),
        ("f.csv", "\ufefffold,case,site\n1, a,x\n1,b ,y\n0,c,z\n"),
        ("f.csv", "case,part,fold\na,train,0\nb,train,0\nc,test,0\nc,train,1\na,val,1\nb,test,1\n"),
    ],
)
def test_folds_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_split_file(tmp_path / name) == TWO_FOLDS


def test_one_fold_needs_no_numbers(tmp_path):
    (tmp_path / "f.csv").write_text("case,part\na,train\nb,test\n")
    assert read_split_file(tmp_path / "f.csv") == [{"train": ["a"], "val": ["b"]}]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("f.json", "[", r"f\.json: damaged: .*; expected a list of folds such as"),
        ("f.json", "{}", r"f\.json: holds \{\}; expected a list of folds"),
        ("f.json", "[]", r"f\.json: holds \[\]; expected a list of folds"),
        ("f.json", '[{"train": ["a"]}]', r'fold 0 is \{"train": \["a"\]\}; expected'),
        ("f.json", '[{"train": ["a"], "val": "b"}]', r'fold 0: val is "b"; expected a list of names'),
        ("f.json", '[{"train": [1], "val": ["b"]}]', r"fold 0: train is \[1\]; expected a list of names in quotes"),
        ("f.json", '[{"train": ["a"], "val": ["a"]}]', r"fold 0: case a is there twice; keep it in one part"),
        ("f.json", '[{"train": [], "val": []}]', r"fold 0 has no case; remove the fold"),
        ("f.csv", "name,fold\na,0\n", r"f\.csv: no column case; expected columns case and fold"),
        ("f.csv", "case\na\n", r"f\.csv: 1 rows, no column fold or part; expected columns"),
        ("f.csv", "case,fold\n", r"f\.csv: 0 rows"),
        ("f.csv", "case,fold\na,1\nb,2\n", r"the folds are 1, 2; number them from 0 on"),
        ("f.csv", "case,fold\na,0\nb,x\n", r"the folds are 0, x; number them from 0 on"),
        ("f.csv", "case,fold\na,0\na,1\nb,0\n", r"case a is tested in several folds; keep one, or add the column part"),
        ("f.csv", "case,part\na,train\nb,valid\n", r"row 2: case 'b', part 'valid'; expected"),
        ("f.csv", "case,part\n,train\n", r"row 1: case '', part 'train'"),
        ("f.csv", "case,part\na,train\na,test\n", r"fold 0: case a is there twice"),
    ],
)  # fmt: skip
def test_a_file_without_folds_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with refused_in_one_line(message):
        read_split_file(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(load):
    with refused_in_one_line(r"config/local/f\.json: cannot be read: No such file"):
        load({"split": "local/f.json"})


def test_own_folds_serve_as_published_ones_do(load):
    experiments = {"scratch": {"train": ["hospital"], "lesions": "union"}}
    config = load({"split": "local/f.json"}, files={"f.json": json.dumps(TWO_FOLDS)}, sources=SOURCE)
    assert config.published_split("hospital") == TWO_FOLDS
    assert config.case_names("hospital") == ["a", "b", "c"]
    with refused_in_one_line(r"scratch\.folds: 5; the split of hospital has 2"):
        load({"split": "local/f.json"}, sources=SOURCE, experiments=experiments)
    with refused_in_one_line(
        r"hospital\.split: unknown split 'f\.txt'; allowed: random, train, test, a \.json or"
    ):
        load({"split": "f.txt"})


def split(tmp_path, kind, names, published=None, **options):
    table = write_case_table(
        tmp_path / "hospital" / "cases.csv", [{"case": name, "patient": name} for name in names]
    )
    common = {"scheme": "published", "chosen": None, "left_out": {}, "seed": 0}
    return make_split(kind, cases=table, published=published, **common | options)


def test_all_cases_train_or_all_cases_test(tmp_path, caplog):
    (tmp_path / "hospital").mkdir()
    assert split(tmp_path, "train", "ba") == [{"train": ["a", "b"], "test": []}]
    assert split(tmp_path, "test", "ba") == [{"train": [], "test": ["a", "b"]}]
    assert not caplog.messages
    assert split(tmp_path, "train", "a") == [{"train": ["a"], "test": []}]
    assert split(tmp_path, "test", "a") == [{"train": [], "test": ["a"]}]
    assert caplog.messages == [
        "hospital: one patient; it trains a model, and no case is left for a validation Dice or for a test",
        "hospital: one patient; there is one score per method, and no interval, no test and no ranking",
    ]
    with refused_in_one_line(r"1 cases of one patient; .* write split: train or split: test"):
        split(tmp_path, "random", "a")


def test_cases_of_own_folds_are_there_and_others_are_told(tmp_path, caplog):
    (tmp_path / "hospital").mkdir()
    assert split(tmp_path, "f.json", "abcd", TWO_FOLDS)[0] == {"train": ["a", "b"], "test": ["c"]}
    assert "hospital: 1 cases are in no fold of split f.json: d" in caplog.messages
    with refused_in_one_line(r"split f\.json names 1 cases that are missing: c"):
        split(tmp_path, "f.json", "ab", TWO_FOLDS)
    chosen = split(tmp_path, "f.json", "ac", TWO_FOLDS, chosen=["a", "c"])
    assert chosen == [{"train": ["a"], "test": ["c"]}, {"train": ["c"], "test": ["a"]}]


def test_nobody_is_tested_on_a_data_set_that_only_trains(load):
    source = {"hospital": SOURCE["hospital"] | {"evaluate": {"hospital": "in_domain"}}}
    with refused_in_one_line(
        r"pretrain-hospital\.evaluate: hospital, whose split is train; it has no test cases"
    ):
        load({"split": "train"}, sources=source)
    assert load({"split": "train"}, sources=SOURCE).experiments["pretrain-hospital"].train == ("hospital",)


# --- Some of the cases ---


def test_cases_are_chosen_by_names_patterns_or_a_file(tmp_path):
    (tmp_path / "c.txt").write_text("a\n\n b \n")
    (tmp_path / "c.csv").write_text("site,case\nx,a\ny,b\n")
    sheet = {
        "text": {"cases": "c.txt"},
        "table": {"cases": "c.csv"},
        "pattern": {"cases": "p*"},
        "list": {"cases": ["a"]},
    }
    read_chosen_cases(sheet, tmp_path)
    assert [entry["cases"] for entry in sheet.values()] == [["a", "b"], ["a", "b"], ["p*"], ["a"]]
    for text, message in (("\n", r"c\.txt: no name of a case"), ("a\na\n", r"c\.txt: case a is there twice")):
        (tmp_path / "c.txt").write_text(text)
        with refused_in_one_line(message):
            read_chosen_cases({"one": {"cases": "c.txt"}}, tmp_path)


@pytest.mark.parametrize(
    ("chosen", "taken"), [(["b"], ["b"]), (["p_*", "a"], ["a", "p_1", "p_2"]), (["?"], ["a", "b"]), (None, ["a", "b", "p_1", "p_2"])]
)  # fmt: skip
def test_the_chosen_cases_are_ingested(tmp_path, chosen, taken):
    pack(tmp_path, cases("a", "b", "p_1", "p_2"))
    assert take(tmp_path, chosen=chosen) == taken


def test_a_name_that_no_case_has_is_refused_and_what_is_not_chosen_is_told(tmp_path, caplog):
    caplog.set_level("INFO")
    pack(tmp_path, cases("a", "b", "p_1"))
    for chosen in (["a", "x"], ["a", "x*"]):
        with refused_in_one_line(rf"cases in datasets\.yaml: no case '{chosen[1][0]}.*' among 3; nearest: a"):
            take(tmp_path, chosen=chosen)
    take(tmp_path, chosen=["p*"])
    assert "hospital: cases found: 3, taken: 1; not chosen: 2" in caplog.messages


def test_a_registry_may_list_more_cases_than_a_user_has_listed(tmp_path):
    apart = {
        "images": FOLDERS["images"] | {"archive": "own/{case}.zip"},
        "labels": FOLDERS["labels"] | {"archive": "own/{case}.zip"},
    }
    dataset = FOLDERS | apart | {"registry": {"archive": "own/list.csv", "case": "study", "mask": "mask"}}
    pack(tmp_path, cases("a"))
    shutil.move(tmp_path / "raw" / "own" / "scans.zip", tmp_path / "raw" / "own" / "a.zip")
    registry = tmp_path / "raw" / "own" / "list.csv"
    registry.write_text("study,mask\na,yes\nb,yes\n")
    assert take(tmp_path, dataset, names=["a"]) == ["a"]
    registry.write_text("study,mask\na,\nb,yes\n")
    with refused_in_one_line("different: a; correct `cases`"):
        take(tmp_path, dataset, names=["a"])


def test_a_subset_of_published_cases(load):
    own = {"datasets": {"msd": {"cases": ["lung_00[1-6]"]}, "mosmed": {}}}
    config = load(**own)
    assert config.case_names("msd") == ["lung_001", "lung_004", "lung_005", "lung_006", "lung_003"]
    assert config.chosen_cases("msd") == config.case_names("msd")
    assert config.chosen_cases("mosmed") is None, "each case has its own archive"
    assert len(config.phantom_cases("msd", "Task06_Lung.tar")["cases"]) == 15, "the archive stays as it is"
    for chosen, message in (
        (["lung_1000"], r"msd\.cases: no case 'lung_1000' among 63; nearest: lung_"),
        (["x*"], r"msd\.cases: no case 'x\*' among 63"),
        (["lung_003"], r"pretrain-msd\.train: msd has no training cases in fold 0"),
        (["lung_001"], r"task2-msd\.evaluate: msd has no test cases in fold 0"),
    ):
        with refused_in_one_line(message):
            load(datasets={"msd": {"cases": chosen}})


def test_an_archive_per_case_needs_names(load):
    apart = {kind: HOSPITAL[kind] | {"archive": "hospital/{case}.zip"} for kind in ("images", "labels")}
    apart |= {"archives": {"{case}.zip": {"address": None}}}
    for chosen, told in ((None, "none"), (["a*"], r"\['a\*'\]")):
        with refused_in_one_line(rf"hospital\.cases: {told}; each case has its own archive: list all names"):
            load(apart | ({"cases": chosen} if chosen else {}), sources=SOURCE)
    config = load(apart | {"cases": ["a", "b"]}, sources=SOURCE)
    assert config.archives("hospital") == ["hospital/a.zip", "hospital/b.zip"]


def test_one_case_alone_may_have_files_of_any_names(load, tmp_path):
    alone = {
        kind: HOSPITAL[kind] | {"archive": f"hospital/{kind}.nii.gz", "member": f"{kind}.nii.gz"}
        for kind in ("images", "labels")
    }
    alone |= {
        "archives": {f"{kind}.nii.gz": {"address": None} for kind in ("images", "labels")},
        "split": "test",
    }
    for chosen in ({}, {"cases": ["a", "b"]}, {"cases": ["a*"]}):
        with refused_in_one_line(
            r"hospital\.images: 'images\.nii\.gz'; needs \{case\}, .* or name one case in cases"
        ):
            load(alone | chosen)
    config = load(alone | {"cases": ["a"]}, experiments={"scratch": {"evaluate": {"hospital": "hospital"}}})
    assert config.archived_apart("hospital") == ["a"]
    assert config.archives("hospital") == ["hospital/images.nii.gz", "hospital/labels.nii.gz"]
    raw = tmp_path / "raw" / "hospital"
    raw.mkdir(parents=True)
    for path, content in cases("a").items():
        (raw / {"a/ct.nii.gz": "images.nii.gz", "a/lesion.nii.gz": "labels.nii.gz"}[path]).write_bytes(
            content
        )
    assert take(tmp_path, config.datasets["hospital"], names=["a"]) == ["a"]


def test_a_reason_in_a_local_file_is_told(tmp_path):
    (tmp_path / "local").mkdir()
    (tmp_path / "datasets.yaml").write_text("msd: {leave_out: {a: no contrast}}\n")
    (tmp_path / "local" / "own.yaml").write_text(
        "datasets: {msd: {leave_out: {b: cut}}, own: {leave_out: {c: odd}}}\n"
    )
    (tmp_path / "local" / "other.yaml").write_text("sources: {}\n")
    sheet = tmp_path / "datasets.yaml"
    assert read_reasons(sheet, "msd", ["a", "b"]) == {"a": "no contrast", "b": "cut"}
    assert read_reasons(sheet, "own", ["c"]) == {"c": "odd"}


# --- A test set of one's own ---


def test_a_test_set_has_a_name_of_one_s_own(load):
    experiments = {"scratch": {"evaluate": {"hospital": "our_hospital"}}}
    panel = {"region": "lesion", "split": "our_hospital"}
    config = load(experiments=experiments, artefacts={"ma2021": {"table9": {"panels": [panel]}}})
    places = config.experiments["scratch"].places(config.datasets)
    assert places["lesion", "our_hospital"] == ("hospital", 1)
    assert "hospital" in in_use.datasets(config)
    series = config.series(config.artefacts["ma2021"]["table9"])
    assert [one.experiment for one in series if one.split == "our_hospital"] == ["scratch"]
    assert panel_title("lesion", "our_hospital") == "Lesion (our hospital)"
    assert panel_title("infection", "mosmed") == "Infection (MosMed)"
    with refused_in_one_line(r"table9: unknown split of the scores 'our-hospital'; allowed: test, mosmed"):
        load(
            experiments=experiments,
            artefacts={"ma2021": {"table9": {"panels": [panel | {"split": "our-hospital"}]}}},
        )
