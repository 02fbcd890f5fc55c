"""A user's own additions in config/local: merged into the sheets, or refused in one line with file and line."""

import re
import shutil

import pytest
import yaml

from conftest import ROOT
from covidseg.config.loading import load_configuration
from covidseg.errors import InputError, InputErrors
from covidseg.runs.provenance import collect_provenance

HOSPITAL = re.search(r"```yaml\n(.*?)```", (ROOT / "config/local/README.md").read_text(), re.DOTALL)[1]


def load(folder, sections, *texts):
    """Load the default configuration with these texts in config/local/a.yaml, b.yaml, ..."""
    for name, text in zip("abc", texts, strict=False):
        (folder / "local" / f"{name}.yaml").write_text(text)
    return load_configuration(sections, "config/config.yaml", folder)


def refused(folder, sections, *texts):
    """Return the messages, with the path of the folder left out."""
    with pytest.raises(InputErrors) as raised:
        load(folder, sections, *texts)
    assert "\n" not in str(raised.value)
    return [fault.replace(str(folder), "config") for fault in raised.value.faults]


def test_the_example_adds_a_data_set_a_source_and_an_experiment(own_config, sections, tmp_path):
    before = load(own_config, sections)
    found = load(own_config, sections, HOSPITAL.replace("/path/to/scans", str(tmp_path)))
    assert found.datasets.keys() - before.datasets.keys() == {"hospital"}
    assert found.experiments.keys() - before.experiments.keys() == {
        "pretrain-hospital",
        "body-finetune-hospital",
    }
    assert found.source_titles["hospital"] == "Hospital"
    assert {name: found.experiments[name] for name in before.experiments} == before.experiments


def test_every_section_has_its_place(own_config, sections):
    own = """
    splits: {mine: [{train: [a, b], val: [c]}]}
    artefacts: {wang2021: {table9: {kind: parameters, title: Mine, rows: {Mine: scratch}}}}
    weak: {models: {mine: {system: classifier}}}
    claims: {wang2021: {mine: {section: none, source: Table 1, claim: Mine, untold: No numbers}}}
    experiments: {mine: {paper: wang2021, strategy: scratch, train: [covid20], folds: 2, evaluate: {covid20: test}}}
    """
    found = load(own_config, sections, own)
    assert found.splits["mine"] == [{"train": ["a", "b"], "val": ["c"]}]
    assert found.artefacts["wang2021"]["table9"]["title"] == "Mine"
    assert found.weak_models["mine"].system == "classifier"
    assert found.claims["wang2021"]["mine"]["claim"] == "Mine"
    assert found.experiments["mine"].folds == 2


def test_two_files_of_the_same_value_agree_and_lists_have_no_name_twice(own_config, sections):
    own = "experiments: {body-finetune: {sources: [msd], folds: 5}}"
    before = load(own_config, sections).experiments
    assert load(own_config, sections, own, own).experiments == before


def test_rows_that_share_a_value_by_an_alias_stay_apart(own_config, sections, papers_sheets):
    """In experiments.yaml several rows may have one list by an alias of YAML."""
    content = yaml.safe_load((papers_sheets / "experiments.yaml").read_text())
    content["experiments"]["hybrid"]["sources"] = content["experiments"]["body-finetune"]["sources"]
    (own_config / "experiments.yaml").unlink()
    (own_config / "experiments.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    own = """
    sources: {mine: {paper: wang2021, title: M, datasets: [msd], lesions: union, evaluate: {}}}
    experiments: {body-finetune: {sources: [mine]}}
    """
    found = load(own_config, sections, own).experiments
    assert "body-finetune-mine" in found
    assert "hybrid-mine" not in found


@pytest.mark.parametrize(
    ("texts", "messages"),
    [
        (["datasets:\n\tx: 1\n"], ["a.yaml: line 2: found character"]),
        (["# nothing\n"], ["a.yaml: empty"]),
        (["splits: {}\nbla: 3\n"], ["a.yaml: line 2: unknown section 'bla'; allowed: datasets, splits, sources"]),
        (["experiments:\n  scratch: {folds: 3}\n"],
         ["a.yaml: line 2: experiments.scratch.folds: 3; config/experiments.yaml has 5; remove the key here"]),
        (["experiments:\n  body-finetune: {sources: msd}\n"],
         ["a.yaml: line 2: experiments.body-finetune.sources: 'msd'; config/experiments.yaml has ['msd'"]),
        (["datasets:\n"], ["a.yaml: line 1: datasets: None; config/datasets.yaml has {'covid20'"]),
        (["splits: {mine: [{train: [a], val: [b]}]}", "splits:\n  mine: [{train: [a], val: [c]}]"],
         ["b.yaml: line 2: mine: [{'train': ['a'], 'val': ['c']}]; config/local/a.yaml: line 1 has [{'train'"]),
        (["datasets:\n  msd:\n    intensty: {}\n"], ["a.yaml: line 3: msd: unknown key 'intensty'"]),
        ([HOSPITAL.replace("ct.nii.gz\", format", "ct.nii.gz\", fromat")],
         ["a.yaml: line 9: hospital.images: unknown key 'fromat'",
          "a.yaml: line 9: hospital.images: 'format' is a required property"]),
        ([HOSPITAL.replace("random", "randm")], ["a.yaml: line 15: hospital.split: unknown split 'randm'"]),
        ([HOSPITAL.replace("union", "onion")], ["a.yaml: line 17: sources.hospital.lesions: 'onion'; allowed"]),
        ([HOSPITAL.replace("[hospital]}", "[hospitl]}")],
         ["a.yaml: line 19: experiments.body-finetune.sources: unknown source 'hospitl'"]),
        (["artefacts:\n  wang2021:\n    table1: {rows: {Mine: mine}}"],
         ["a.yaml: line 3: wang2021.table1.rows: unknown experiment 'mine'"]),
        (["experiments:\n  scratch: {evaluate: {hospital: mine}}"],
         ["a.yaml: line 2: experiments.scratch.evaluate: unknown data set 'hospital'"]),
        (["artefacts:\n  wang2022: {}"], ["a.yaml: line 2: top level: unknown key 'wang2022'"]),
        ([HOSPITAL.replace("  hospital:\n    title", "  my clinic:\n    title").split("sources:")[0]],
         ["a.yaml: line 3: top level: 'my clinic'; expected letters, digits, - and _"]),
        ([HOSPITAL.replace("file:/path", "path")],
         ["a.yaml: line 8: hospital.archives.scans.zip.address: 'path/to/scans'; expected https://, file:/ and"]),
        (["x: &x {folds: 3}\nexperiments:\n  scratch:\n    <<: *x\n"],
         ["a.yaml: line 1: unknown section 'x'", "a.yaml: line 3: experiments.scratch.folds: 3;"]),
        (["bla: 1\n", "experiments:\n  scratch: {folds: 3, strategy: x}\n", "\tx"],
         ["a.yaml: line 1: unknown section", "b.yaml: line 2: experiments.scratch.folds",
          "b.yaml: line 2: experiments.scratch.strategy", "c.yaml: line 1: "]),
    ],
)  # fmt: skip
def test_what_clashes_or_is_broken_is_named_with_file_and_line(own_config, sections, texts, messages):
    found = refused(own_config, sections, *texts)
    assert len(found) == len(messages), found
    for fault, message in zip(found, messages, strict=True):
        assert fault.startswith(f"config/local/{message}")


def test_a_fault_of_a_tracked_entry_names_the_tracked_file(own_config, sections):
    """Also beside an addition to the same entry."""
    sections["phantom"] = None
    sections["without"] = ["bla"]
    with pytest.raises(InputError, match=r"^config/config\.yaml: without: unknown data set 'bla'"):
        load(own_config, sections, HOSPITAL)


def test_a_file_that_would_not_be_read_is_refused(own_config, sections):
    (own_config / "local" / "my.yml").write_text(HOSPITAL)
    assert refused(own_config, sections) == [
        "config/local/my.yml: expected the suffix .yaml; rename the file"
    ]


def test_the_provenance_names_the_files_and_its_fingerprint_knows_their_content(
    own_config, sections, tmp_path
):
    def configuration():
        config = load(own_config, sections)
        return collect_provenance(config, root=ROOT, data=tmp_path, previous={})["configuration"]

    before = configuration()
    assert before["local"] == []
    (own_config / "local" / "my.yaml").write_text("splits: {mine: [{train: [a], val: [b]}]}")
    after = configuration()
    assert after["local"] == ["my.yaml"]
    assert after["fingerprint"] != before["fingerprint"]
    shutil.copy(own_config / "local" / "my.yaml", own_config / "local" / "other.yaml")
    assert configuration()["fingerprint"] != after["fingerprint"]
