"""What only a job would find out is refused before the first job, where the configuration can tell."""

import csv
import json
import shutil

import pytest
import yaml

from conftest import ROOT, refused_in_one_line
from covidseg.archives.phantom import HOSTS
from covidseg.archives.phantom.hosts import write_archive
from covidseg.config.loading import load_configuration
from covidseg.errors import InputError

CONTOURS = {"archive": "msd/Task06_Lung.tar", "member": "{case}/rs.dcm", "format": "rtstruct", "roi": "GTV-1", "map": {0: 0, 1: 1}}  # fmt: skip

LUNGS = {"archive": "covid20/Lung_Mask.zip", "member": "{case}.nii.gz", "format": "nifti"}


def change(content, path, value):
    *parents, last = path.split(".")
    for parent in parents:
        content = content[parent]
    content[last] = value


def load(sections, folder):
    return load_configuration(sections, "config/config.yaml", folder)


@pytest.fixture
def folder(papers_sheets, tmp_path):
    """A copy of the folder config/ to damage."""
    return shutil.copytree(papers_sheets, tmp_path / "config")


def rewrite(folder, sheet, path, value):
    file = folder / f"{sheet}.yaml"
    content = yaml.safe_load(file.read_text())
    change(content, path, value)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", " mine", r"name: ' mine'; expected"),
        ("name", "two\nlines", r"name: .*; expected"),
        ("name", False, r"name: False is not of type string \(write a text in quotes, also no, yes"),
        ("seed", -1, r"seed: -1 is less than"),
        ("seed", 2**64, r"seed: 18446744073709551616 is greater than the maximum"),
        ("seed", 1000.0, r"seed: 1000\.0 is not of type integer"),
        ("seed", "1000", r"seed: '1000' is not of type integer \(a text: write it without quotes"),
        ("accept_licences", "true", r"accept_licences: 'true' is not of type boolean \(a text"),
        ("phantom", "null", r"phantom: 'null' is not of type object or null \(a text"),
        ("training.epochs", 3.0, r"training\.epochs: 3\.0 is not of type integer"),
        ("training.batch", 0, r"training\.batch: 0 is less than the minimum of 1"),
        ("training.learning_rate", float("nan"), r"learning_rate: nan is not of type number"),
        ("training.learning_rate", float("inf"), r"learning_rate: inf is not of type number"),
        ("training.momentum", True, r"momentum: True is not of type number"),
        ("plan.target", "capepoint", r"plan\.target: unknown data set 'capepoint'; allowed: covid20"),
        ("plan.spacing", [0.001, 1, 1], r"plan\.spacing\.0: 0\.001 is less than"),
        ("plan.window", [250, 250], r"plan\.window: \[250, 250\] HU; the first must be below"),
        ("plan.patch", [2, 4, 4], r"plan\.patch: \[2, 4, 4\]; the strides leave one voxel"),
        ("plan.patch", [9, 32, 32], r"plan\.patch: 9 on axis z; expected a multiple of 2"),
        ("network.kernels", [[1, 3, 3], [3, 3, 3], [2, 3, 3]], r"network\.kernels: \[2, 3, 3\]; expected odd sizes"),
        ("network.strides", [[1, 2, 2], [1, 2, 2], [2, 2, 2]], r"network\.strides: \[1, 2, 2\] in the first stage; expected \[1, 1, 1\]"),
        ("augmentation.scale.range", [1.4, 0.7], r"augmentation\.scale\.range: \[1\.4, 0\.7\]; the first must not be above"),
        ("augmentation.scale.range", [0, 1], r"augmentation\.scale\.range: \[0, 1\]; a factor must be above 0"),
        ("augmentation.noise.sigma", [1, 0], r"augmentation\.noise\.sigma: \[1, 0\]; the first must not be above"),
        ("augmentation.low_resolution.zoom", [0, 1], r"low_resolution\.zoom: \[0, 1\]; a factor must be above 0"),
        ("weak.threshold_range", [0.4, 0.1], r"weak\.threshold_range: \[0\.4, 0\.1\]; the first must not be above"),
        ("weak.threshold_range", [0.4, 1.1], r"weak\.threshold_range\.1: 1\.1 is greater than"),
        ("weak.variants.paper.threshold", 1.5, r"variants\.paper\.threshold: 1\.5 is greater than"),
        ("weak.size", 50, r"weak\.size: 50; expected a multiple of 4, as weak\.features has 3 stages"),
        ("evaluation.tolerance_mm", {"infecton": 3}, r"tolerance_mm: 'infecton'; allowed: infection, lesion"),
        ("evaluation.tolerance_mm", {"infection": 3, "lesion": 3, "left_lung": 1}, r"ma2021\.table4\.panels: unknown region 'right_lung'; allowed: infection"),
        ("phantom.cases.msd", 1000, r"phantom\.cases\.msd: 1000; the data set has 63 cases"),
        ("phantom.cases.msd", ["lung_001", "lung_999"], r"phantom\.cases\.msd: unknown case 'lung_999'; allowed: lung_001"),
        ("phantom.cases.msd", ["../lung_001"], r"phantom\.cases\.msd\.0: .*; expected"),
        ("phantom.cases.cc-ccii", 3, r"phantom\.cases\.cc-ccii: unknown host of phantoms 'cc-ccii'; allowed: covid20, msd"),
        ("phantom.cases.covid20-lung", 3, r"experiments\.yaml: task1-lung\.train: covid20-lung has no training cases in fold 1"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work(sections, papers_sheets, key, value, message):
    change(sections, key, value)
    with refused_in_one_line(message):
        load(sections, papers_sheets)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("msd.labels", {key: value for key, value in CONTOURS.items() if key != "roi"}, r"msd\.labels: format rtstruct needs roi, the name of"),
        ("msd.labels.roi", "GTV-1", r"msd\.labels: format nifti takes no roi"),
        ("msd.labels", CONTOURS | {"map": {0: 0, 2: 1}}, r"msd\.labels\.map: has the ids \[0, 2\]; roi gives \[0, 1\]"),
        ("msd.labels.map", {1: 1}, r"msd\.labels\.map: has the ids \[1\]; 0, the background, is missing"),
        ("msd.labels.map", {0: 0, 1: 300}, r"msd\.labels\.map\.1: 300 is greater than the maximum of 255"),
        ("msd.labels.map", {0: 0, "1": 1}, r"msd\.labels\.map: '1' is not of type integer"),
        ("msd.labels.map", {0: 0, 1: 1.0}, r"msd\.labels\.map\.1: 1\.0 is not of type integer"),
        ("msd.regions", {300: "lesion"}, r"msd\.regions: 300 is greater than the maximum of 255"),
        ("covid20.lungs", LUNGS | {"map": {0: 0, 1: 1}}, r"covid20\.lungs\.map: gives ids \[0, 1\]; needs 1, the left lung, and 2"),
        ("msd.labels.member", "labelsTr/all.nii.gz", r"msd\.labels: 'labelsTr/all\.nii\.gz'; needs \{case\}"),
        ("msd.images.member", "imagesTr/{cases}.nii.gz", r"msd\.images: 'imagesTr/\{cases\}\.nii\.gz' has \{cases\}; allowed in braces: \{case\}"),
        ("msd.images.member", "imagesTr/{case.nii.gz", r"msd\.images: .*expected '}' before end of string; write \{case\}"),
        ("msd.images.member", "imagesTr/{}.nii.gz", r"msd\.images: .*has \{\}; allowed in braces: \{case\}"),
        ("msd.case_name", "{case}-{case}", r"msd\.case_name: '\{case\}-\{case\}'; needs \{case\} once"),
        ("msd.archives.Task06_Lung.tar.address", "https://x/{file}", r"msd\.archives\.Task06_Lung\.tar\.address: .*\{file\}; allowed in braces"),
        ("msd.patient", "lung_[0-9", r"msd\.patient: 'lung_\[0-9' is no regular expression \(unterminated character set"),
        ("msd.patient", "(?P<x", r"msd\.patient: .* is no regular expression"),
        ("msd.patient", "x?", r"msd\.patient: 'x\?' finds no name of a patient in lung_"),
        ("covid20.sides", {"radiopedia_*": "labels", "*": "refuse"}, r"covid20\.sides: 'radiopedia_\*' fits none of the 20 cases, such as coronacases_001"),
        ("covid20.sides", {1: "labels", "*": "refuse"}, r"covid20\.sides: 1 is not of type string \(write a text in quotes"),
        ("covid20.intensity", {"radiopaedia_*": "windowed"}, r"covid20\.intensity: case coronacases_001 fits none of radiopaedia_\*; add the pattern '\*'"),
        ("mosmed.cases", [255, 256], r"mosmed\.cases\.0: 255 is not of type string"),
        ("mosmed.cases", ["a/b"], r"mosmed\.cases\.0: 'a/b'; expected"),
        ("msd.split", "test", r"experiments\.yaml: pretrain-msd\.train: msd, whose split is test; it has no training cases"),
        ("covid20.split", "Task202_MSD_LungTumor_datasplit.pkl", r"phantom\.cases|covid20"),
    ],
)  # fmt: skip
def test_an_entry_of_datasets_yaml_that_cannot_work(sections, folder, key, value, message):
    content = yaml.safe_load((folder / "datasets.yaml").read_text())
    if key.startswith("msd.archives"):
        content["msd"]["archives"]["Task06_Lung.tar"]["address"] = value
    else:
        change(content, key, value)
    (folder / "datasets.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with refused_in_one_line(message) as raised:
        load(sections, folder)
    assert "config" in str(raised.value)


@pytest.mark.parametrize("name", ["a+b", "x|y", "a b", ".hidden", "ä"])
def test_a_name_that_is_no_name_of_a_folder(sections, folder, name):
    for sheet, place in (("datasets", None), ("experiments", "experiments"), ("experiments", "sources")):
        shutil.copy(ROOT / "config" / f"{sheet}.yaml", folder)
        content = yaml.safe_load((folder / f"{sheet}.yaml").read_text())
        entries = content[place] if place else content
        entries[name] = next(iter(entries.values()))
        (folder / f"{sheet}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        with refused_in_one_line(rf"{sheet}\.yaml: .*; expected"):
            load(sections, folder)
        shutil.copy(ROOT / "config" / f"{sheet}.yaml", folder)


@pytest.mark.parametrize(
    ("sheet", "key", "value", "message"),
    [
        ("experiments", "experiments.scratch.train", ["capepoint"], r"scratch\.train: unknown data set 'capepoint'; allowed: covid20"),
        ("experiments", "experiments.scratch.evaluate", {"capepoint": "test"}, r"scratch\.evaluate: unknown data set 'capepoint'"),
        ("experiments", "experiments.scratch.folds", 6, r"scratch\.folds: 6; the split of covid20 has 5"),
        ("experiments", "experiments.hybrid.options.reduction", True, r"options\.reduction: True; expected a positive int"),
        ("experiments", "experiments.collaborative-rc-g.options.ramp_up", float("inf"), r"line \d+: \.inf: YAML reads inf"),
        ("experiments", "weak.models.weak-full.options.critic", 1, r"options\.critic: unknown value 1; allowed: True, False"),
        ("experiments", "weak.evaluate", {"capepoint": "test", "covid20-union": "test"}, r"weak\.evaluate: two data sets at split test"),
        ("artefacts", "ma2021.datasets.datasets", {"x": ["capepoint"]}, r"ma2021\.datasets\.datasets: unknown data set 'capepoint'"),
        ("artefacts", "wang2021.figure2.truth", "capepoint", r"figure2\.truth: unknown data set 'capepoint'"),
        ("artefacts", "zhang2021.figure4.experiment", "scratch", r"figure4\.experiment: unknown experiment with relation matrices 'scratch'; allowed: collaborative"),
        ("artefacts", "wang2021.table1.published", "11", r"wang2021\.table1\.published: unknown table of published\.csv '11'; allowed: 1, 2, 3"),
        ("claims", "wang2021.msd-gain.comparisons", [{"a": "scratch", "above": 1, "below": 0}], r"msd-gain: above 1 and below 0: no number is both"),
        ("claims", "wang2021.msd-gain.comparisons", [{"a": "scratch", "metrics": ["general_difference"], "above": 0}], r"msd-gain: scratch has no general_difference"),
        ("claims", "wang2021.msd-gain.comparisons", [{"a": "scratchy", "above": 0}], r"msd-gain: unknown experiment 'scratchy'"),
    ],
)  # fmt: skip
def test_a_model_or_artefact_that_cannot_work(sections, folder, sheet, key, value, message):
    rewrite(folder, sheet, key, value)
    with refused_in_one_line(message):
        load(sections, folder)


def test_a_file_address_with_nothing_behind_it(sections, folder, tmp_path, monkeypatch):
    """Unless data/raw has the archive already."""
    monkeypatch.chdir(tmp_path)
    del sections["phantom"]["cases"]["msd"]
    content = yaml.safe_load((folder / "datasets.yaml").read_text())
    content["msd"]["archives"]["Task06_Lung.tar"] = {"address": f"file:{tmp_path}/gone%20away"}
    (folder / "datasets.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with refused_in_one_line(
        r"msd\.archives\.Task06_Lung\.tar: .*/gone away is not there; correct the address"
    ):
        load(sections, folder)
    (tmp_path / "data" / "raw" / "msd").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "msd" / "Task06_Lung.tar").touch()
    load(sections, folder)


@pytest.mark.parametrize(
    ("table", "damage", "message"),
    [
        ("mosmed_checksums.csv", lambda text: None, r"mosmed_checksums\.csv: cannot be read: No such file"),
        ("mosmed_checksums.csv", lambda text: "", r"mosmed_checksums\.csv: no column archive"),
        ("mosmed_checksums.csv", lambda text: text.replace("study_0255.nii.gz", "x"), r"mosmed_checksums\.csv: no row of study_0255\.nii\.gz"),
        ("nsclc_series.csv", lambda text: None, r"nsclc_series\.csv: cannot be read: No such file"),
        ("nsclc_series.csv", lambda text: text.replace("LUNG1-001", "x"), r"nsclc_series\.csv has no series of case LUNG1-001; add its row"),
        ("nsclc_series.csv", lambda text: text[: len(text) // 2].rpartition(",")[0], r"nsclc_series\.csv: row \d+ has not the"),
        ("published.csv", lambda text: text.replace("0.681", "0,681"), r"published\.csv: row 1 has not the 11 cells"),
        ("published.csv", lambda text: text.replace("0.681", "x"), r"published\.csv: line 2: mean: 'x'; expected a number"),
        ("splits.json", lambda text: None, r"splits\.json: cannot be read: No such file .*; restore the file"),
        ("splits.json", lambda text: text[:-5], r"splits\.json: damaged: "),
        ("splits.json", lambda text: json.dumps({"Task1": [{"train": []}]}), r"splits\.json: Task1\.0: 'val' is a required property"),
        ("splits.json", lambda text: json.dumps({"Task1": [{"train": [1], "val": []}]}), r"Task1\.0\.train\.0: 1 is not of type string"),
    ],
)  # fmt: skip
def test_a_table_beside_the_sheets_that_is_missing_or_damaged(papers_sheets, folder, table, damage, message):
    sections = yaml.safe_load((papers_sheets / "paper.yaml").read_text())
    text = damage((folder / table).read_text())
    (folder / table).unlink()
    if text is not None:
        (folder / table).write_text(text)
    with refused_in_one_line(message):
        load(sections, folder)


def test_the_hosts_of_phantoms_are_those_that_are_packed(tmp_path):
    with pytest.raises(InputError, match="there are") as raised:
        write_archive(tmp_path / "x", "nobody", "x.zip", cases=["a"], cohort=["a"], seed=1)
    assert str(sorted(HOSTS)) in str(raised.value)


def test_every_series_of_the_papers_is_in_the_table():
    with open(ROOT / "config" / "nsclc_series.csv", newline="") as file:
        cases = {row["case"] for row in csv.DictReader(file)}
    splits = json.loads((ROOT / "config" / "splits.json").read_text())
    (fold,) = splits["Task201_NSCLCLung_datasplit.pkl"]
    assert {*fold["train"], *fold["val"]} <= cases
