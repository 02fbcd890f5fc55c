"""Cases that are faulty, missing or left out: each is named, and a run can go on without it."""

import json
import logging
import re
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import yaml

from conftest import ROOT, make_volume, refused_in_one_line, write_case_table
from covidseg.cases import ingest as ingest_module
from covidseg.cases.case_folder import CaseFolder, read_case_rows
from covidseg.cases.folds import make_split
from covidseg.cases.ingest import ingest
from covidseg.cases.left_out import read_reasons
from covidseg.cases.nnunet import describe
from covidseg.config.loading import load_configuration
from covidseg.config.needs import claims_parameters
from covidseg.config.remarks import find_remarks
from covidseg.errors import InputError
from covidseg.volumes import nifti_bytes

SCAN = nifti_bytes(make_volume(np.random.default_rng(0).integers(-1000, 400, (4, 5, 6), dtype=np.int16)))
LABEL = nifti_bytes(make_volume(np.ones((4, 5, 6), np.uint8)))
OTHER = nifti_bytes(make_volume(np.full((4, 5, 6), 3, np.uint8)))  # an id that the map lacks
FOLDERS = {
    "images": {"archive": "own/scans.zip", "member": "{case}/ct.nii.gz", "format": "nifti"},
    "labels": {"archive": "own/scans.zip", "member": "{case}/lesion.nii.gz", "format": "nifti", "map": {0: 0, 1: 1}},
    "case_name": "{case}",
    "patient": ".*",
    "regions": {1: "lesion"},
    "intensity": {"*": "hounsfield"},
}  # fmt: skip


def pack(tmp_path, members, archive="scans.zip"):
    path = tmp_path / "raw" / "own" / archive
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def cases(*names, **contents):
    """Scan and label of each case; or with other content, as path in the archive -> bytes."""
    members = {f"{name}/{kind}": content for name in names for kind, content in (("ct.nii.gz", SCAN), ("lesion.nii.gz", LABEL))}  # fmt: skip
    return members | contents


def take(tmp_path, dataset=FOLDERS, **options):
    output = CaseFolder(tmp_path / "cases" / "hospital")
    ingest(
        dataset, raw=tmp_path / "raw", names=options.pop("names", None), output=output, workers=2, **options
    )
    return [row.case for row in read_case_rows(output.table)]


def nothing_is_there(tmp_path):
    return not list((tmp_path / "cases").rglob("*.*"))


def test_all_faulty_cases_are_told_together_and_nothing_is_written(tmp_path):
    faulty = {"b/lesion.nii.gz": OTHER, "d/ct.nii.gz": SCAN[:-20], "e/lesion.nii.gz": LABEL}
    pack(tmp_path, cases("a", "b", "c", "d") | faulty)
    with pytest.raises(InputError) as raised:
        take(tmp_path)
    head, *lines = str(raised.value).split("\n")
    assert head == (
        "hospital: 3 cases are wrong; correct them, or go on without them: "
        "leave_out: {e: reason} of hospital in datasets.yaml"
    )
    archive = tmp_path / "raw" / "own" / "scans.zip"
    assert [line.partition(": ")[0] for line in lines] == ["  e", "  b", "  d"]
    assert lines[0] == f"  e: {archive}:e/ct.nii.gz: not there, but e has a label"
    assert lines[1] == f"  b: {archive}:b/lesion.nii.gz: label id 3 in slice 0; the map has [0, 1]"
    assert lines[2].startswith(f"  d: {archive}:d/ct.nii.gz: truncated")
    assert nothing_is_there(tmp_path)


def test_one_faulty_case_is_told_in_one_line_with_the_remedy(tmp_path):
    pack(tmp_path, cases("a", "b") | {"b/lesion.nii.gz": OTHER})
    remedy = r"or go on without the case: leave_out: \{b: reason\} of hospital in datasets\.yaml$"
    with refused_in_one_line(rf"scans\.zip:b/lesion\.nii\.gz: label id 3 .*; {remedy}"):
        take(tmp_path)
    assert take(tmp_path, left_out={"b": "an id that nobody knows"}) == ["a"]


def test_where_no_case_is_fit_leaving_them_out_is_no_remedy(tmp_path):
    pack(tmp_path, cases("a", "b") | {"a/lesion.nii.gz": OTHER, "b/lesion.nii.gz": OTHER})
    with pytest.raises(InputError) as raised:
        take(tmp_path)
    assert "leave_out" not in str(raised.value)
    assert str(raised.value).count("label id 3") == 2
    dataset = FOLDERS | {"labels": FOLDERS["labels"] | {"map": {0: 0}}}
    pack(tmp_path, cases("a"))
    with refused_in_one_line(r"label id 1 in slice 0; the map has \[0\]$"):
        take(tmp_path, dataset)


def test_a_fault_of_the_program_stops_at_once(tmp_path, monkeypatch):
    def broken(dataset, raw, case):
        raise TypeError(case)

    monkeypatch.setattr(ingest_module, "load_case", broken)
    pack(tmp_path, cases("a", "b"))
    with pytest.raises(TypeError):
        take(tmp_path)
    assert nothing_is_there(tmp_path)


def closing(caplog):
    """The lines in which ingest tells what it took: (level, text)."""
    return [(record.levelname, record.getMessage()) for record in caplog.records if re.search("cases found|no case:", record.getMessage())]  # fmt: skip


def test_the_last_line_counts_the_cases(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pack(tmp_path, cases("a", "b"))
    take(tmp_path)
    assert closing(caplog) == [("INFO", "hospital: cases found: 2, taken: 2")]


def test_whatever_looks_like_a_case_and_is_none_is_named_with_the_reason(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    extra = {
        "c/ct.nii.gz": SCAN,
        "d/series 1/ct.nii.gz": SCAN,
        "d/series 1/lesion.nii.gz": LABEL,
        "old/of 2020/e/ct.nii.gz": SCAN,
        "readme/notes.txt": b"text",
        "a/._ct.nii.gz": b"fork",
    }
    pack(tmp_path, cases("a", "b") | extra)
    assert take(tmp_path, left_out={"b": "the mask is another patient's."}) == ["a"]
    deeper = "has a folder more than"
    assert closing(caplog) == [
        ("INFO", "hospital: files that belong to no case: 1, a/._ct.nii.gz (resource fork of macOS)"),
        (
            "WARNING",
            "hospital: cases found: 3, taken: 1; left out: c (no label), b (the mask is another patient's); not read: "
            f"d/series 1/ct.nii.gz ({deeper} '{{case}}/ct.nii.gz'), old/of 2020/e/ct.nii.gz ({deeper} "
            f"'{{case}}/ct.nii.gz'), d/series 1/lesion.nii.gz ({deeper} '{{case}}/lesion.nii.gz')",
        ),
    ]


def test_of_a_stack_in_further_folders_the_folder_is_named(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    kinds = {
        "images": {"archive": "own/scans.zip", "member": "{case}/ct/*.png", "format": "slices"},
        "labels": {"archive": "own/scans.zip", "member": "{case}/mask/*.png", "format": "slices"},
    }
    names = ["a/ct/1.png", "a/mask/1.png", *(f"b/new/ct/{n}.png" for n in range(9)), "c/ct/1.png"]
    pack(tmp_path, dict.fromkeys(names, b""))
    listing = ingest_module.list_cases(FOLDERS | kinds, tmp_path / "raw", None, left_out={})
    assert (listing.cases, listing.faults) == (["a"], {})
    assert listing.passed == {"b/new/ct": "has a folder more than '{case}/ct/*.png'"}
    assert listing.left_out == {"c": "no label"}


def test_a_case_that_is_left_out_is_not_read(tmp_path):
    pack(tmp_path, cases("a", "b") | {"b/ct.nii.gz": b"no NIfTI", "b/lesion.nii.gz": b""})
    assert take(tmp_path, left_out={"b": "broken at the host"}) == ["a"]


def test_an_archive_of_its_own_need_not_be_there_for_a_case_that_is_left_out(tmp_path):
    dataset = FOLDERS | {"images": FOLDERS["images"] | {"archive": "own/{case}.zip", "member": "*ct.nii.gz"}}
    pack(tmp_path, cases("a", "b"))
    pack(tmp_path, {"x/ct.nii.gz": SCAN}, "a.zip")
    assert take(tmp_path, dataset, names=["a"], left_out={"b": "no CT"}, listed=True) == ["a"]
    with refused_in_one_line(r"b\.zip:\*ct\.nii\.gz: not there, but b has a label"):
        take(tmp_path, dataset, names=["a"])


def test_an_unknown_case_cannot_be_left_out(tmp_path):
    pack(tmp_path, cases("patient_01", "patient_02", "control_01"))
    where = r"hospital\.leave_out in datasets\.yaml: no case 'patient_1' among 3"
    with refused_in_one_line(rf"{where}; nearest: patient_01, patient_02$"):
        take(tmp_path, left_out={"patient_1": "no CT"})
    assert nothing_is_there(tmp_path)
    # A published split names the case, but this copy of the archive lacks it.
    assert len(take(tmp_path, left_out={"patient_1": "no CT"}, listed=True)) == 3


def test_without_any_case_there_is_no_data_set(tmp_path):
    pack(tmp_path, cases("a"))
    with refused_in_one_line(r"hospital: no case is left; left out: a \(no CT\)"):
        take(tmp_path, left_out={"a": "no CT"})


def test_the_registry_may_list_a_case_that_is_left_out(tmp_path):
    pack(tmp_path, cases("a", "b"))
    dataset = FOLDERS | {"registry": {"archive": "own/list.csv", "case": "study", "mask": "mask"}}
    (tmp_path / "raw" / "own" / "list.csv").write_text("study,mask\na,yes\nb,yes\nc,yes\n")
    with refused_in_one_line("different: c"):
        take(tmp_path, dataset, left_out={"b": "no CT"})
    assert take(tmp_path, dataset, left_out={"b": "no CT", "c": "no CT"}, listed=True) == ["a"]


def test_what_readers_fill_correct_and_find_odd_is_in_the_table_and_told_once_per_kind(
    tmp_path, monkeypatch, caplog
):
    load = ingest_module.load_case

    def load_odd(dataset, raw, case):
        image, label, lungs = load(dataset, raw, case)
        image = replace(image, array=image.array + ord(case))  # no scan is there twice
        if case == "a":
            return image, label, lungs
        image = replace(
            image, filled=(1,) if case == "b" else (1, 2), corrections=("scan sheared by 3 degrees",)
        )
        return image, replace(label, warnings=(f"label {len(case)}.{ord(case)} mm away",)), lungs

    monkeypatch.setattr(ingest_module, "load_case", load_odd)
    caplog.set_level(logging.INFO)
    pack(tmp_path, cases("a", "b", "c"))
    take(tmp_path)
    rows = {row.case: row for row in read_case_rows(tmp_path / "cases" / "hospital" / "cases.csv")}
    assert {case: row.missing_slices for case, row in rows.items()} == {"a": 0, "b": 1, "c": 2}
    assert rows["b"].corrections == ("scan sheared by 3 degrees",)
    assert rows["b"].warnings == ("label 1.98 mm away",)
    assert rows["a"].corrections == rows["a"].warnings == ()
    assert (
        "ingested b: 4x5x6 voxels of 3x1.5x1 mm; scan sheared by 3 degrees; label 1.98 mm away"
        in caplog.messages
    )
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "hospital: slices that were missing, and are interpolated: 3, in 2 of 3 cases: b, c",
        "hospital: scan sheared by 3 degrees in 2 of 3 cases, listed in cases.csv: b, c",
        "hospital: label .. mm away in 2 of 3 cases, listed in cases.csv: b, c",
    ]


# --- Splits ---

COVID = "Task1_COVID_datasplit.pkl"
PUBLISHED = json.loads((ROOT / "config" / "splits.json").read_text())
NAMES = sorted({case for fold in PUBLISHED[COVID] for case in fold["train"]})


def split(tmp_path, kind, names, left_out, phantom=None):
    rows = [{"case": name, "patient": name} for name in names if name not in left_out]
    table = write_case_table(tmp_path / "covid20" / "cases.csv", rows)
    published = PUBLISHED.get(kind)
    options = {"scheme": "published", "chosen": phantom, "seed": 0}
    return make_split(kind, cases=table, published=published, left_out=left_out, **options)


def test_a_published_split_leaves_the_case_out_and_says_so(tmp_path, caplog):
    (tmp_path / "covid20").mkdir()
    whole = split(tmp_path, COVID, NAMES, {})
    caplog.clear()
    without = split(tmp_path, COVID, NAMES, {"coronacases_003": "no CT"})
    assert [
        {part: [case for case in fold[part] if case != "coronacases_003"] for part in fold} for fold in whole
    ] == without
    assert sorted(len(fold["train"]) for fold in without) == [3, 4, 4, 4, 4]
    assert caplog.messages == ["Left out of the published split of covid20: coronacases_003 (no CT)."]


def test_other_splits_say_so_too(tmp_path, caplog):
    (tmp_path / "covid20").mkdir()
    (fold,) = split(tmp_path, "random", list("abcdef"), {"c": "no CT"})
    assert sorted(fold["train"] + fold["test"]) == list("abdef")
    assert split(tmp_path, "test", list("abc"), {"c": "no CT"}) == [{"train": [], "test": ["a", "b"]}]
    assert caplog.messages == ["Left out of covid20: c (no CT)."] * 2


def test_a_fold_must_not_be_emptied(tmp_path):
    (tmp_path / "covid20").mkdir()
    gone = dict.fromkeys(PUBLISHED[COVID][1]["train"], "no CT")
    with refused_in_one_line(
        r"leave_out in datasets\.yaml: no train case is left in fold 1, of 4; keep some"
    ):
        split(tmp_path, COVID, NAMES, gone)
    # A phantom of five cases tests the first fold on the fifth.
    few = PUBLISHED[COVID][0]["train"] + PUBLISHED[COVID][1]["train"][:1]
    with refused_in_one_line("no test case is left in fold 0, of 1"):
        split(tmp_path, COVID, few, {few[-1]: "no CT"}, phantom=few[:-1])


def test_a_missing_case_of_a_published_split_can_be_left_out(tmp_path):
    (tmp_path / "covid20").mkdir()
    with refused_in_one_line(
        r"missing: coronacases_001; add them, or leave them out \(leave_out in datasets"
    ):
        split(tmp_path, COVID, NAMES[1:], {})
    assert len(split(tmp_path, COVID, NAMES[1:], {NAMES[0]: "lost"})) == 5


# --- The configuration ---


@pytest.fixture
def sheets(papers_sheets, tmp_path):
    """Load a configuration with cases left out: data set -> case -> reason."""
    folder = shutil.copytree(papers_sheets, tmp_path / "config")
    datasets = yaml.safe_load((folder / "datasets.yaml").read_text())

    def load(left_out, name="paper", **changes):
        content = {key: {**entry} for key, entry in datasets.items()}
        for dataset, found in left_out.items():
            content[dataset]["leave_out"] = found
        (folder / "datasets.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        sections = yaml.safe_load((folder / f"{name}.yaml").read_text()) | changes
        return load_configuration(sections, f"config/{name}.yaml", folder)

    return load


SPLIT = PUBLISHED["Task204_NSCLCPE_datasplit.pkl"][0]


@pytest.mark.parametrize(
    ("left_out", "match"),
    [
        ({"nsclc": {"LUNG1-95": "gaps"}}, r"nsclc\.leave_out: no case 'LUNG1-95' among 78; nearest: LUNG1-"),
        ({"mosmed": {"study_0305": "gaps"}}, r"mosmed\.leave_out: no case 'study_0305' among 50; nearest: study_03"),
        ({"covid20": {"coronacases_001": ""}}, r"covid20\.leave_out\.coronacases_001: '' should be non-empty"),
        ({"covid20": {"coronacases_001": " "}}, r"covid20\.leave_out\.coronacases_001: ' '; expected"),
        ({"covid20": {"coronacases_001": None}}, r"covid20\.leave_out\.coronacases_001: None is not of type string"),
        ({"covid20": ["coronacases_001"]}, r"covid20\.leave_out: \['coronacases_001'\] is not of type object"),
        ({"cc-ccii": {"1": "gaps"}}, r"cc-ccii: unknown key 'leave_out'"),
        ({"nsclc": dict.fromkeys(SPLIT["val"], "gaps")}, r"nsclc\.leave_out: no test case is left in fold 0, of 15"),
        ({"mosmed": {f"study_0{n}": "x" for n in range(255, 305)}}, r"mosmed\.leave_out: all 50 cases are left out"),
    ],
)  # fmt: skip
def test_what_cannot_be_left_out_is_refused_before_any_job(sheets, left_out, match):
    with refused_in_one_line(rf"datasets\.yaml: {match}"):
        sheets(left_out)


def test_a_case_that_is_left_out_is_neither_fetched_nor_expected(sheets):
    paper = sheets({"nsclc": {"LUNG1-005": "gaps"}, "structseg": {"train_7": "lost"}})
    names = paper.case_names("nsclc")
    assert len(names) == 77
    assert "LUNG1-005" not in names
    assert paper.archived_apart("nsclc") == names
    assert "nsclc/LUNG1-005.zip" not in paper.archives("nsclc")
    assert "nsclc/LUNG1-005.zip" in paper.archives("nsclc-lung"), "this data set has not left it out"
    assert paper.left_out("nsclc") == {"LUNG1-005": "gaps"}
    assert paper.left_out("nsclc-lung") == {}
    by_hand = paper.origin("structseg", "Lung_GTV.zip").members
    assert all(len(found) == 49 and "7" not in found for found in by_hand.values())


def test_a_phantom_archive_stays_as_it_is(sheets):
    whole = sheets({}, "config")
    # coronacases_001 is a phantom's case too, and LUNG1-400 is none.
    without = sheets({"covid20": {"coronacases_001": "gaps"}, "nsclc-lung": {"LUNG1-400": "gaps"}}, "config")
    assert set(whole.case_names("covid20")) - set(without.case_names("covid20")) == {"coronacases_001"}
    assert without.left_out("nsclc-lung") == {}
    assert without.case_names("nsclc-lung") == whole.case_names("nsclc-lung")
    for archive in ("Infection_Mask.zip", "Lung_Mask.zip"):
        assert without.phantom_cases("covid20", archive) == whole.phantom_cases("covid20", archive)


NOTE = "Left out of the published split of msd: lung_001 (half a scan)."


def test_every_table_and_figure_that_the_case_touches_names_it(sheets):
    paper = sheets({"msd": {"lung_001": "half\n  a scan."}})
    touched = {
        f"{group}.{name}"
        for group, artefacts in paper.artefacts.items()
        for name, artefact in artefacts.items()
        if NOTE in find_remarks(paper, artefact)
    }
    assert {"wang2021.table1", "wang2021.violin", "wang2021.figure2", "wang2021.ranking"} <= touched
    assert {"ma2021.figure1", "ma2021.datasets", "ma2021.table2", "ma2021.table6", "ma2021.table9"} <= touched
    assert {"zhang2021.table2", "zhang2021.figure4"} <= touched
    assert "ma2021.table5" not in touched, "of lungs"
    assert "ma2021.table4" not in touched, "of the COVID-19 cases alone"
    assert "wang2021.parameters" not in touched, "counted from the network"
    assert not any(name.startswith("yang2021") for name in touched)
    assert NOTE not in find_remarks(sheets({}), paper.artefacts["wang2021"]["table1"])


def test_claims_that_rest_on_the_case_name_it(sheets):
    paper = sheets({"msd": {"lung_001": "half a scan"}})
    for name, expected in (("wang2021", True), ("yang2021", False)):
        told = claims_parameters(paper, paper.artefacts[name]["claims"])["remarks"]
        assert (NOTE in told) == expected


def test_a_leak_ends_with_the_case(sheets):
    paper = sheets({"covid20": {"radiopaedia_10_85902_3": "the patient's second scan"}})
    table = paper.artefacts["wang2021"]["table3"]
    assert "patient radiopaedia_10_85902" in str(find_remarks(sheets({}), table))
    assert "is in training and test" not in str(find_remarks(paper, table))


def test_a_test_set_is_no_published_split(sheets):
    paper = sheets({"mosmed": {"study_0287": "98 voxels"}})
    remark = "Left out of mosmed: study_0287 (98 voxels)."
    assert remark in find_remarks(paper, paper.artefacts["ma2021"]["table9"])


def test_the_export_names_the_case(config):
    dataset = config.datasets["msd"] | {"leave_out": {"lung_001": "half a scan"}}
    folds = [{"train": ["lung_003"], "test": ["lung_004"]}]
    description = describe(dataset, folds, (-1250, 250), "paper")["description"]
    title = "Medical Segmentation Decathlon, Task06 Lung"
    assert f"Left out of the published split of {title}: lung_001 (half a scan)." in description
    assert (
        "Left out" not in describe(dataset | {"leave_out": {}}, folds, (-1250, 250), "paper")["description"]
    )


def test_reasons_are_read_anew(tmp_path):
    sheet = tmp_path / "datasets.yaml"
    sheet.write_text("a: {leave_out: {7: seven, b: 'two\n\n  words'}}\n")
    assert read_reasons(sheet, "a", ["7", "b"]) == {"7": "seven", "b": "two words"}
    assert read_reasons(tmp_path / "absent", "a", []) == {}
