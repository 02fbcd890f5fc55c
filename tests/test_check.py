"""`snakemake check`: every fault of all configurations at once, and the jobs that additions bring."""

import pandas as pd
import pytest
import yaml

from covidseg.config.faults import configurations, find_faults
from covidseg.runs.additions import additions_table
from toy_workflow import make_toy, snakemake

HOSPITAL = """
datasets:
  hospital:
    title: Our 30 scans
    homepage: https://example.org/scans
    licence: CC BY 4.0
    archives: {scans.zip: {address: null}}
"""
FAULTY = (
    HOSPITAL
    + """    images: {archive: hospital/scans.zip, member: "{case}/ct.nii.gz", format: nifti}
    labels: {archive: hospital/scans.zip, member: "{case}/lesion.nii.gz", format: nifti, map: {1: 1}}
    case_name: "{case}"
    patient: .*
    regions: {1: lesion}
    intensity: {"*": hounsfield}
    split: random
sources:
  hospital: {paper: wang2021, title: Hospital, datasets: [hospital], lesions: union, evaluate: {}}
  other: {paper: wang2021, title: Other, datasets: [othr], lesions: union, evaluate: {}}
experiments:
  body-finetune: {sources: [hospital, other]}
  mine: {paper: wang2021, strategy: scrtch, train: [covid20], folds: 2, evaluate: {covid20: test}}
  many: {paper: wang2021, strategy: scratch, train: [covid20], folds: 7, evaluate: {covid20: test}}
artefacts:
  wang2021: {table1: {rows: {Mine: mine}}, new: {kind: strategies, title: New, fold: 0, rws: {}}}
"""
)


def faults(folder, *names):
    found = find_faults([folder / name for name in names] or configurations(folder), folder)
    return [fault.replace(str(folder), "config") for fault in found]


def test_the_papers_configurations_have_no_fault(own_config):
    assert [path.name for path in configurations(own_config)] == ["config.yaml", "paper.yaml", "public.yaml"]
    assert faults(own_config) == []


def test_every_fault_is_told_at_once_and_none_that_only_follows(own_config):
    (own_config / "local" / "a.yaml").write_text(FAULTY)
    (own_config / "mine.yaml").write_text("extends: config.yaml\nname: x\nplan: {target: nope}\nseed: -1\n")
    (own_config / "other.yaml").write_text("extends: config.yaml\nname: y\nplan: {target: nope}\n")
    found = faults(own_config, "mine.yaml", "other.yaml")
    begins = [
        "config/local/a.yaml: line 23: wang2021.new: unknown key 'rws'",
        "config/local/a.yaml: line 23: wang2021.new: 'rows' is a required property",
        "config/mine.yaml: seed: -1",
        "config/local/a.yaml: line 9: hospital.labels.map: has the ids [1]",
        "config/local/a.yaml: line 17: sources.other.datasets: unknown data set 'othr'",
        "config/local/a.yaml: line 20: experiments.mine.strategy: unknown strategy 'scrtch'",
        "config/local/a.yaml: line 21: many.folds: 7; the split of covid20 has 5",
        "config/other.yaml: plan.target: unknown data set 'nope'",
    ]
    assert len(found) == len(begins), found
    for begin in begins:
        assert any(fault.startswith(begin) for fault in found), begin


SEVERAL = (
    HOSPITAL
    + """    images: {archive: hospital/scan.zip, member: "{cas}/ct.nii.gz", format: nifti}
    labels: {archive: hospital/scans.zip, member: "{case}/lesion.nii.gz", format: nifti, map: {1: 1}}
    case_name: "{case}"
    patient: "("
    regions: {1: lesion, 2: infection}
    intensity: {"*": hounsfield}
    split: randm
experiments:
  mine: {paper: wang2021, strategy: scratch, train: [covid], folds: 2, evaluate: {covid: test, cov: test}, options: {a: 1}}
artefacts:
  wang2021:
    new: {kind: visual, title: New, columns: {A: scrtch, B: scratch}, truth: covid20, regions: [lung], split: tst, fold: 9, cases: 1}
"""
)


def test_every_fault_of_one_entry_is_told_at_once(own_config):
    (own_config / "local" / "a.yaml").write_text(SEVERAL)
    (own_config / "mine.yaml").write_text(
        "extends: config.yaml\nname: x\nplan: {window: [5, 5], patch: [7, 7, 7]}\nweak: {size: 33}\nwithout: [a, b]\n"
    )
    found = faults(own_config, "mine.yaml")
    begins = [
        *("mine.yaml: without: unknown data set 'a'", "mine.yaml: without: unknown data set 'b'"),
        *(f"mine.yaml: plan.patch: 7 on axis {axis}" for axis in "zyx"),
        *("mine.yaml: plan.window: [5, 5] HU", "mine.yaml: weak.size: 33"),
        "local/a.yaml: line 8: hospital.images.archive: unknown hospital/scan.zip",
        "local/a.yaml: line 8: hospital.images: '{cas}/ct.nii.gz' has {cas}",
        "local/a.yaml: line 8: hospital.images: '{cas}/ct.nii.gz'; needs {case}",
        "local/a.yaml: line 9: hospital.labels.map gives ids [1], regions has [1, 2]",
        "local/a.yaml: line 9: hospital.labels.map: has the ids [1]; 0, the background, is missing",
        "local/a.yaml: line 11: hospital.patient: '(' is no regular expression",
        "local/a.yaml: line 14: hospital.split: unknown split 'randm'",
        "local/a.yaml: line 16: experiments.mine.evaluate: unknown data set 'covid'",
        "local/a.yaml: line 16: experiments.mine.evaluate: unknown data set 'cov'",
        "local/a.yaml: line 16: experiments.mine.train: unknown data set 'covid'",
        "local/a.yaml: line 16: experiments.mine.options: unknown option 'a'",
        "local/a.yaml: line 19: wang2021.new.columns: unknown experiment 'scrtch'",
        "local/a.yaml: line 19: wang2021.new: unknown split of the scores 'tst'",
    ]
    assert len(found) == len(begins), found
    for begin in begins:
        assert any(fault.startswith(f"config/{begin}") for fault in found), (begin, found)


def test_a_pattern_that_finds_nothing_in_a_users_folder_is_told_before_the_folder_is_packed(
    own_config, tmp_path
):
    scans = tmp_path / "scans"
    for case in ("p1", "p2"):
        (scans / case).mkdir(parents=True)
        for name in ("ct.nii.gz", "lesion.nii.gz"):
            (scans / case / name).touch()
    right = SEVERAL.split("experiments:")[0].replace("address: null", f'address: "file:{scans}"')
    for wrong, new in (
        ("scan.zip", "scans.zip"),
        ("{cas}", "{case}"),
        ('"("', ".*"),
        (", 2: infection", ""),
        ("{1: 1}", "{0: 0, 1: 1}"),
        ("randm", "random"),
    ):
        right = right.replace(wrong, new)
    right += "sources:\n  hospital: {paper: wang2021, title: Hospital, datasets: [hospital], lesions: union, evaluate: {}}\n"
    right += "experiments: {body-finetune: {sources: [hospital]}}\n"
    local = own_config / "local" / "a.yaml"
    local.write_text(right)
    assert faults(own_config, "config.yaml") == []
    local.write_text(right.replace("lesion.nii", "lesions.nii"))
    (found,) = faults(own_config, "config.yaml")
    assert found == (
        f"config/local/a.yaml: line 7: hospital.archives.scans.zip: {scans}: no file matches "
        "{case}/lesions.nii.gz; it holds 4 files: p2/lesion.nii.gz, p1/lesion.nii.gz, p1/ct.nii.gz ...: "
        "pack it as the pattern says, or correct the pattern"
    )


def test_a_file_that_cannot_be_read_hides_no_other_fault_of_reading(own_config):
    (own_config / "local" / "a.yaml").write_text("\tx")
    (own_config / "mine.yaml").write_text("extends: nothing.yaml\n")
    found = faults(own_config, "mine.yaml")
    assert [fault.split(":")[0] for fault in found] == ["config/local/a.yaml", "config/mine.yaml"]


def test_a_sheet_without_a_section_is_told_and_no_traceback(own_config, papers_sheets):
    content = yaml.safe_load((papers_sheets / "experiments.yaml").read_text())
    del content["sources"]
    (own_config / "experiments.yaml").unlink()
    (own_config / "experiments.yaml").write_text(yaml.safe_dump(content))
    assert faults(own_config) == ["config/experiments.yaml: top level: 'sources' is a required property"]


def test_a_text_in_place_of_a_paper_s_entries_is_told_and_no_traceback(own_config):
    (own_config / "local" / "a.yaml").write_text("artefacts: {x: y}\nclaims: {x: y}\n")
    found = faults(own_config)
    for line in (1, 2):
        assert any(
            one.startswith(f"config/local/a.yaml: line {line}: top level: unknown key 'x'") for one in found
        ), found


def test_the_table_counts_added_jobs_and_the_hours_of_those_to_do():
    rows = [
        ("train", "old", False, "GPU", 5.0),
        ("train", "new", True, "GPU", 2.0),
        ("train", "newer", True, "GPU", 1.0),
        ("split", "old", False, "CPU", 1.0),
        ("table", "drawn anew", True, "CPU", float("nan")),
    ]
    hours = pd.DataFrame(rows, columns=["rule", "file", "to_do", "on", "hours"])
    hours.loc[hours.file == "old", "file"] = hours.rule + "/old"
    before = hours[~hours.file.isin(["new", "newer"])]
    table = additions_table(hours, before)
    assert table.to_dict("records") == [
        {"Rule": "train", "Jobs": 3, "Added": 2, "To do": 2, "GPU hours": "3", "CPU hours": "0"},
        {"Rule": "table", "Jobs": 1, "Added": 0, "To do": 1, "GPU hours": "0", "CPU hours": "–"},
        {"Rule": "all", "Jobs": 5, "Added": 2, "To do": 3, "GPU hours": "3", "CPU hours": "–"},
    ]


@pytest.mark.slow
def test_the_command_prints_the_added_jobs_and_ends_with_1_if_there_are_faults(tmp_path):
    toy = make_toy(tmp_path)
    (toy / "config/paper.yaml").unlink()
    (toy / "config/public.yaml").unlink()
    local = toy / "config/local/mine.yaml"
    local.write_text(
        "sources: {again: {paper: wang2021, title: A, datasets: [msd], lesions: union, evaluate: {}}}\n"
        "experiments: {body-finetune: {sources: [again]}}\n"
    )
    output = snakemake(toy, "check")
    rows = {line.split()[0]: line.split()[1:4] for line in output.split("Rule ")[1].splitlines() if line}
    assert rows["pretrain"] == ["2", "1", "2"]
    assert rows["train"][1] == "2", "two folds"
    assert "Additions: config/local/mine.yaml. Configuration toy" in output
    local.write_text("experiments: {scratch: {folds: 3}}\nbla: 1\n")
    code, output = snakemake(toy, "check", check=False)
    assert code == 1
    assert "\nconfig/local/mine.yaml: line 1: experiments.scratch.folds: 3; config/experiments.yaml" in output
    assert "\nconfig/local/mine.yaml: line 2: unknown section 'bla'" in output
