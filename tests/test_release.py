"""`snakemake release`: which models, their cards, licences, scores and checksums, and the RO-Crate."""

import hashlib
import json
import subprocess
from dataclasses import replace
from urllib.parse import unquote

import pandas as pd
import pytest
from rocrate.rocrate import ROCrate

from conftest import ROOT, refused_in_one_line
from covidseg.config import in_use
from covidseg.evaluation.statistics import Resampling
from covidseg.runs.licence_terms import licence_address, summarise_terms, terms_of
from covidseg.runs.release import describe_release, write_release
from covidseg.runs.released import read_released, score_table
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.models import best_model
from small_release import LABELS, PROVENANCE, release_of, score_rows, write_fold, write_results

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def release(results, config, tmp_path_factory):
    return release_of(results, tmp_path_factory.mktemp("release") / "release", config)


def real(config, **licences):
    """The configuration as if all data were real; some data sets have other licences."""
    datasets = {
        name: entry | {"licence": licences.get(name, entry["licence"])}
        for name, entry in config.datasets.items()
    }
    return replace(config, sections=config.sections | {"phantom": None}, datasets=datasets)


# Which models


def test_models_are_named_in_a_list_with_commas_or_all(config):
    assert in_use.released(config, "") == in_use.released(config, []) == []
    assert in_use.released(config, "scratch, task1-lung") == ["scratch", "task1-lung"]
    assert in_use.released(config, ["task1-lung", "scratch", "scratch"]) == ["task1-lung", "scratch"]
    assert in_use.released(config, "all") == in_use.trained(config)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("scrach", "models=scrach: no model is trained under this name; nearest: scratch"),
        ("task2-msd", "models=task2-msd: no model is trained .*; nearest: pretrain-msd"),
        (3, "models=3: no model is trained under this name; for example .*; or all"),
    ],
)
def test_a_model_that_is_not_trained_is_refused(config, asked, message):
    with refused_in_one_line(message):
        in_use.released(config, asked)


def test_by_default_the_best_model_and_the_best_lung_model_are_released_with_all_folds(release):
    folders = {path.parent.relative_to(release).as_posix() for path in release.glob("*/*/model.safetensors")}
    assert folders == {f"{name}/fold{fold}" for name in LABELS for fold in range(5)}


def test_a_fold_that_is_missing_leaves_the_last_release_as_it_was(tmp_path, config):
    found = write_results(tmp_path / "results")
    output = release_of(found, tmp_path / "release", config)
    before = (output / "SHA256SUMS").read_bytes()
    (found / "models/scratch/fold3/model.json").unlink()
    with refused_in_one_line("scratch/fold3/model.json: cannot be read"):
        release_of(found, output, config)
    assert (output / "SHA256SUMS").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"results", "release"}


# Licences


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        (
            "CC BY-NC-SA 4.0 (paper; the record itself says CC BY 4.0)",
            ["non-commercial", "share alike", "attribution"],
        ),
        ("CC BY-SA 4.0", ["share alike", "attribution"]),
        ("CC BY-NC 3.0 (CT), CC BY 3.0 (masks)", ["non-commercial", "attribution"]),
        ("CC BY-NC-ND 3.0", ["no derivatives", "non-commercial", "attribution"]),
        ("CC-BY-4.0", ["attribution"]),
        ("CC0 1.0", []),
        ("Apache-2.0", []),
        ("Apache-2.0 (of the repository; nothing is said of the images)", ["ask"]),
        ("held by the challenge's organisers; registration needed", ["ask"]),
        ("to be asked for at the homepage", ["ask"]),
        ("TCIA Restricted License Agreement", ["ask"]),
        ("our own, not to be shared", ["ask"]),
        ("CC BY 4.0 after registration", ["ask", "attribution"]),
        ("whatever we like", ["ask"]),
    ],
)
def test_the_terms_of_a_licence(licence, terms):
    assert terms_of(licence) == terms


def test_what_forbids_sharing_comes_first_and_licences_that_contradict_each_other_are_named():
    found = summarise_terms({"A": "CC BY-SA 4.0", "B": "CC BY-NC-SA 4.0", "C": "internal"})
    assert found[1] == "Do not share the model before the holder of the data allows it (C)."
    assert "No commercial use (B)." in found
    assert "Share the model under the same licence only (A; B)." in found
    assert found[0] == (
        "Do not share the model before a holder allows it: https://creativecommons.org/licenses/by-nc-sa/4.0/ and "
        "https://creativecommons.org/licenses/by-sa/4.0/ each ask for this licence alone."
    )
    assert licence_address("CC BY-NC-SA 4.0 (paper)") == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert licence_address("internal") == ""


def test_a_model_inherits_the_licences_of_its_pretraining_and_of_its_source(tmp_path, config):
    models = tmp_path / "models"
    old = write_fold(
        models / "pretrain-nsclc/fold0", {"1": "lesion"}, {"training_cases": ["nsclc/1", "nsclc/2"]}
    )
    checksum = hashlib.sha256(old.read_bytes()).hexdigest()
    start = {
        "pretrained": {"experiment": "pretrain-nsclc", "weights_sha256": checksum},
        "source_cases": ["msd/3"],
    }
    for fold in range(5):
        write_fold(
            models / f"body-finetune-nsclc/fold{fold}",
            {"1": "infection"},
            start | {"training_cases": ["covid20/a"]},
        )
    found = read_released("body-finetune-nsclc", config, models, pd.DataFrame(score_rows()))
    assert found.uses == {
        ("covid20", "training"): 1,
        ("msd", "training, as the source"): 1,
        ("nsclc", "pre-training"): 2,
    }
    write_fold(models / "pretrain-nsclc/other", {"1": "lesion"}, seed=9).replace(old)
    (models / "pretrain-nsclc/other/model.json").replace(old.with_suffix(".json"))
    with refused_in_one_line(
        "pretrain-nsclc/fold0/model.safetensors: not the model that a training started from"
    ):
        read_released("body-finetune-nsclc", config, models, pd.DataFrame(score_rows()))


def test_a_model_that_starts_from_weights_of_others_may_not_be_shared_without_asking(
    results, config, tmp_path
):
    found = tmp_path / "results"
    old = write_fold(found / "models/pretrain-hospital/fold0", {"1": "lesion"}, {"training_cases": []})
    start = {
        "experiment": "pretrain-hospital",
        "weights_sha256": hashlib.sha256(old.read_bytes()).hexdigest(),
    }
    for fold in range(5):
        lineage = {"training_cases": ["covid20/a"], "pretrained": start}
        write_fold(found / f"models/scratch/fold{fold}", {"1": "infection"}, lineage)
        path = found / f"models/scratch/fold{fold}/model.json"
        path.write_text(path.read_text().replace("z-score over the scan", "clip and z-score of nnU-Net"))
    (found / "scores.csv").write_bytes((results / "scores.csv").read_bytes())
    folder = release_of(found, tmp_path / "release", config, ["scratch"])
    card = (folder / "scratch/README.md").read_text()
    ask = "Do not share the model before the holder of the data allows it (the data of pretrain-hospital)."
    assert f"\n- **{ask}**\n" in card
    assert (
        "- `covidseg segment` does not take this model: its normalisation is clip and z-score of nnU-Net."
        in card
    )
    with refused_in_one_line("no model of infection"):
        best_model(found / "models", ("infection",))
    assert ROCrate(folder).root_dataset["license"]["description"] == ask


# Scores


def test_scores_are_means_over_cases_with_intervals_over_patients():
    table = score_table(pd.DataFrame(score_rows()), Resampling(2000, 0.95, 1)).set_index("region")
    assert table["value"].round(9).to_dict() == {
        "infection": 0.5,
        "left_lung": 0.866666667,
        "right_lung": 0.8,
    }
    assert table.loc["right_lung", ["low", "high"]].tolist() == pytest.approx([0.8, 0.8])
    low, high = table.loc["infection", ["low", "high"]]
    assert low == pytest.approx(0.2, abs=0.01), "three patients: the interval is nearly the whole range"
    assert high == pytest.approx(0.9, abs=0.01)
    assert (table["patients"] == 3).all()


# Model cards


def test_the_card_of_a_phantom_says_so_before_anything_else(release):
    card = (release / "scratch/README.md").read_text()
    assert card.splitlines()[2].startswith("> **PHANTOM: a small network, trained on synthetic CT.")
    assert NOT_CLINICAL in card
    assert "nothing of the data sets that they imitate was used" in card
    assert "- No commercial use (COVID-19-CT-Seg, 20 cases)." in card
    assert "| COVID-19-CT-Seg, 20 cases | training   | 6       | phantoms, generated |" in card
    assert "| DSC      | 0.500  | 0.2" in card
    assert "averages the networks of all folds" in card
    assert "CC BY-NC-SA 4.0 (paper; the record itself says CC BY 4.0)" in card
    assert "doi:10.5281/zenodo.3757476" in card
    assert "Fewer than 10 patients were tested" in card


def test_the_first_page_names_the_models_and_says_what_they_are(release):
    page = (release / "README.md").read_text()
    assert "> **PHANTOM: " in page
    assert NOT_CLINICAL in page
    assert (
        "- [scratch](scratch/README.md): infection\n- [task1-lung](task1-lung/README.md): left lung and right lung\n"
        in page
    )
    assert (
        "- **The data of all models were generated by covidseg: no licence of a data set applies.**" in page
    )


def test_the_card_of_real_data_says_what_may_not_be_done(results, config, tmp_path):
    own = real(config, **{"covid20-lung": "our hospital's, not to be shared"})
    folder = release_of(results, tmp_path / "release", own)
    infection, lungs = ((folder / name / "README.md").read_text() for name in LABELS)
    assert "PHANTOM" not in infection + lungs
    assert "were generated by covidseg" not in infection + lungs
    assert "\n- **No commercial use (COVID-19-CT-Seg, 20 cases).**\n" in infection
    assert (
        "\n- **Do not share the model before the holder of the data allows it (COVID-19-CT-Seg, lungs).**\n"
        in lungs
    )
    root = ROCrate(folder).root_dataset
    assert "PHANTOM" not in root["description"]
    assert root["license"]["description"].startswith("Do not share the model before")


def test_the_run_warns_of_a_model_that_may_not_be_shared_and_of_one_without_lungs(
    results, config, tmp_path, caplog
):
    own = real(config, covid20="internal")
    arguments = {
        "root": ROOT,
        "models": results / "models",
        "scores": [results / "scores.csv"],
        "provenance": PROVENANCE,
    }
    found = write_release(tmp_path / "release", ["scratch"], config=own, **arguments)
    text = describe_release(tmp_path / "release", found, own)
    assert (
        "Do not share the model before the holder of the data allows it (COVID-19-CT-Seg, 20 cases)." in text
    )
    assert NOT_CLINICAL in text
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "Do not share the model before the holder of the data allows it (COVID-19-CT-Seg, 20 cases).",
        "no model of both lungs: `covidseg segment` will need --lungs with it",
    ]


# Checksums and the crate


def assert_whole(folder):
    """Checksums by sha256sum; the crate, read back, lists every file with its checksum."""
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": OK") == len(files) - 1, "all files but SHA256SUMS itself"
    crate = ROCrate(folder)
    listed = {unquote(one.id): one for one in crate.data_entities if "File" in one["@type"]}
    assert listed.keys() == files - {"ro-crate-metadata.json"}
    for name, entity in listed.items():
        content = (folder / name).read_bytes()
        if name != "SHA256SUMS":
            assert entity["sha256"] == hashlib.sha256(content).hexdigest(), name
            assert entity["contentSize"] == str(len(content))
    return crate


def test_every_file_is_listed_with_its_checksum(release):
    assert_whole(release)


def test_the_crate_describes_workflow_data_licences_and_authors(release, config):
    crate = ROCrate(release)
    root, workflow, run = crate.root_dataset, crate.mainEntity, crate.dereference("#run")
    assert [one.id for one in root["conformsTo"]][:2] == [
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
    ]
    assert root["description"].startswith("PHANTOM")
    assert NOT_CLINICAL in root["description"]
    assert root["author"]["name"] == "The covidseg maintainers"
    assert "10.1016/j.cmpb.2021.106004" in root["citation"][0].id
    assert root["mentions"] == run
    assert workflow["programmingLanguage"]["version"] == "9.27.1"
    assert workflow["version"] == PROVENANCE["commit"]["id"]
    assert workflow["license"].id == "https://spdx.org/licenses/Apache-2.0"
    assert {one["name"] for one in workflow["softwareRequirements"]} >= {"Python", "torch", "snakemake"}
    assert run["instrument"] == workflow
    assert [one.id for one in run["result"]] == ["scratch/", "task1-lung/", "scores.csv"]
    configuration, covid20, lung = run["object"]
    assert json.loads((release / configuration.id).read_text())["sections"]["name"] == config.sections["name"]
    assert (covid20.id, lung.id) == ("#data-covid20", "#data-covid20-lung")
    assert covid20["name"] == "Phantom of COVID-19-CT-Seg, 20 cases"
    assert covid20["license"] == workflow["license"], "a phantom has the licence of the code"
    assert covid20["hasPart"]["sha256"] == "ab"


def test_real_data_have_their_own_licences_in_the_crate(results, config, tmp_path):
    crate = ROCrate(release_of(results, tmp_path / "release", real(config)))
    licence = crate.dereference("#data-covid20")["license"]
    assert licence.id == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert licence["name"] == config.datasets["covid20"]["licence"]


def test_no_file_names_a_place_on_this_machine(release, results):
    for path in release.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            text = path.read_text()
            assert str(ROOT) not in text, path
            assert str(results) not in text, path
