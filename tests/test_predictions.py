"""Predictions that were made elsewhere: as rows of experiments.yaml, as files, and in what reads models."""

import gzip
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from conftest import make_volume, refused_in_one_line
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.external_files import external_file, refuse_absent_files, state_of_files
from covidseg.config import in_use, needs, site_needs
from covidseg.config.loading import load_configuration
from covidseg.config.remarks import find_remarks
from covidseg.errors import InputError
from covidseg.evaluation.external import import_predictions
from covidseg.runs.memory_table import memory_table
from covidseg.runs.progress import trainings
from covidseg.runs.rehearsal_plan import rehearsed_experiments, strategies_left_out
from covidseg.volumes import nifti_bytes, read_volume, write_volume

OWN = """
experiments:
  nnU-Net:
    paper: wang2021
    predictions: /nnunet/fold_{fold}/{case}.nii.gz
    train: [covid20]
    folds: 5
    evaluate: {covid20: test}
artefacts:
  wang2021:
    table1: {rows: &own {nnU-Net v2: nnU-Net}}
    violin: {rows: *own}
    parameters: {rows: *own}
    strategies: {rows: *own}
"""


def load(folder, sections, text=OWN, **changes):
    """Load the default configuration with an external experiment; a change to None removes a key."""
    content = yaml.safe_load(text)
    row = content["experiments"]["nnU-Net"] | changes
    content["experiments"]["nnU-Net"] = {key: value for key, value in row.items() if value is not None}
    (folder / "local" / "own.yaml").write_text(yaml.safe_dump(content))
    return load_configuration(sections, "config/config.yaml", folder)


# --- Rows of experiments.yaml -------------------------------------------------------------------------------


def test_label_ids_are_those_of_the_data_set_unless_the_row_says_otherwise(own_config, sections):
    one = load(own_config, sections).experiments["nnU-Net"]
    assert (one.classes, one.labels, one.external_ids()) == (
        {1: "infection"},
        {"covid20": {1: 1}},
        {0: 0, 1: 1},
    )
    regions = {3: "left_lung", 5: "infection", 4: "right_lung", 7: "infection", 9: "background"}
    one = load(
        own_config,
        sections,
        regions=regions,
        train=None,
        evaluate={"covid20-union": "test", "mosmed": "mosmed"},
    ).experiments["nnU-Net"]
    assert one.classes == {1: "left_lung", 2: "right_lung", 3: "infection"}
    assert one.labels == {"covid20-union": {1: 1, 2: 2, 3: 3}, "mosmed": {1: 3}}
    assert one.external_ids() == {0: 0, 3: 1, 5: 3, 4: 2, 7: 3, 9: 0}
    one = load(own_config, sections, train=None, evaluate={"msd": "in_domain", "covid20": "test"})
    assert one.experiments["nnU-Net"].labels == {"msd": {1: 1}, "covid20": {1: 1}}, "a lesion is an infection"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "scratch"}, r"nnU-Net\.strategy: beside predictions, .* remove it"),
        ({"model": "pretrain-msd", "train": None, "folds": None}, r"nnU-Net\.predictions: beside model"),
        ({"predictions": "/p/{case}.png"}, r"predictions: '/p/\{case\}\.png'; can be read: \.nii\.gz, \.nii"),
        ({"predictions": "/p/{nr}/{case}.nii"}, r"predictions: unknown field 'nr'; allowed: case, dataset, fold"),
        ({"predictions": "/p/{fold}.nii"}, r"predictions: '/p/\{fold\}\.nii'; expected"),
        ({"evaluate": {}}, r"nnU-Net\.evaluate: empty; name the data sets"),
        ({"evaluate": {"covid19": "test"}}, r"nnU-Net\.evaluate: unknown data set 'covid19'"),
        ({"train": ["msd"]}, r"nnU-Net\.train: unknown data set of evaluate 'msd'; allowed: covid20"),
        ({"source": "mdd"}, r"nnU-Net\.source: unknown source 'mdd'; allowed: msd, "),
        ({"regions": {1: "tumour"}}, r"regions\.1: 'tumour'; allowed: infection, lesion, left_lung"),
        ({"regions": {1: "left_lung"}}, r"the model knows no infection, all that covid20 labels"),
        ({"folds": 6}, r"nnU-Net\.folds: 6; the split of covid20 has 5"),
        (
            {"evaluate": {"covid20": "test", "covid20-lung": "test"}, "train": None},
            r"regions: not there, and label 1 is infection or, in covid20-lung, left_lung; write the region",
        ),
        (
            {"evaluate": {"covid20": "test", "covid20-union": "test"}, "regions": {1: "infection"}},
            r"evaluate: covid20-union has the scans of covid20, which it is trained on",
        ),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused(own_config, sections, changes, message):
    with refused_in_one_line(message):
        load(own_config, sections, **changes)


@pytest.mark.parametrize(
    ("artefact", "message"),
    [
        (
            "drawn: {kind: architecture, title: x, experiment: nnU-Net, fold: 0, names: {}}",
            r"drawn\.experiment: nnU-Net has predictions and no network",
        ),
        (
            "own: {kind: parameters, title: x, rows: {x: nnU-Net}}",
            r"own\.rows: none has a network; name a trained experiment",
        ),
    ],
)
def test_a_drawing_of_a_network_that_is_not_there_is_refused(own_config, sections, artefact, message):
    text = OWN.replace("    table1:", f"    {artefact}\n    table1:")
    with refused_in_one_line(message):
        load(own_config, sections, text)


def test_a_claim_about_its_network_is_refused(own_config, sections):
    claim = "{section: '1', source: Table 1, claim: x, comparisons: [{a: nnU-Net, metrics: [frozen_share], above: 0}]}"
    with refused_in_one_line(r"nnU-Net has predictions and no network, so no frozen_share"):
        load(own_config, sections, f"{OWN}claims: {{wang2021: {{own: {claim}}}}}")
    scored = claim.replace("frozen_share", "DSC")
    load(own_config, sections, f"{OWN}claims: {{wang2021: {{own: {scored}}}}}")


# --- What reads models --------------------------------------------------------------------------------------


def test_nothing_is_trained_and_every_reader_of_models_copes(config, own_config, sections):
    found = load(own_config, sections)
    assert in_use.external(found) == ["nnU-Net"]
    for of in (
        in_use.trained,
        in_use.models,
        trainings,
        rehearsed_experiments,
        in_use.archives,
    ):
        assert of(found) == of(config), of
    assert strategies_left_out(found) == strategies_left_out(config)
    assert memory_table(found).equals(memory_table(config))
    assert [name for name in in_use.scored(found) if name not in in_use.scored(config)] == [
        f"nnU-Net/fold{fold}" for fold in range(5)
    ]
    assert "results/predictions/nnU-Net/fold0" in site_needs.predictions(found, "covid20")
    assert site_needs.training_parameters(found) == site_needs.training_parameters(config), "its page stays"
    assert site_needs.paper_inputs(found, "wang2021") == site_needs.paper_inputs(config, "wang2021")
    (method,) = (one for one in site_needs.case_parameters(found, "covid20")["methods"] if not one["model"])
    assert (method["strategy_title"], method["source"], method["folds"]) == ("nnU-Net", "none", 5)


def test_it_has_rows_in_tables_of_scores_and_a_remark_in_those_of_networks(own_config, sections):
    found = load(own_config, sections)
    table, parameters, strategies = (
        found.artefacts["wang2021"][n] for n in ("table1", "parameters", "strategies")
    )
    assert [one.row for one in found.series(table)][-1] == "nnU-Net v2"
    assert found.series(table)[-1].folds == 5
    assert found.series(table)[-1].runs
    assert find_remarks(found, table)[-1] == "Predicted elsewhere, and only scored here: nnU-Net v2."
    for one in (parameters, strategies):
        assert "nnU-Net" not in str(needs.parameters_parameters(found, one))
        assert "nnU-Net" not in str(needs.parameters_inputs(found, one))
        sentence = "Without nnU-Net v2: the predictions were made elsewhere, and the network is not known."
        assert find_remarks(found, one)[-1] == sentence


def test_it_needs_what_it_was_tested_on_alone(own_config, sections):
    """Without a data set, the predictions for the others are scored still."""
    changes = {
        "evaluate": {"covid20": "test", "mosmed": "mosmed"},
        "train": ["covid20", "mosmed"],
        "folds": 1,
    }
    sections["without"] = ["mosmed"]
    one = load(own_config, sections, train=["covid20"], evaluate=changes["evaluate"]).experiments["nnU-Net"]
    assert (one.evaluate, one.train) == ({"covid20": "test"}, ("covid20",))
    found = load(
        own_config,
        sections,
        train=None,
        folds=1,
        evaluate={"mosmed": "mosmed"},
        text=OWN.split("artefacts")[0],
    )
    assert "nnU-Net" not in found.experiments
    assert "nnU-Net" in found.all_experiments


# --- Files --------------------------------------------------------------------------------------------------

SHAPE = (3, 4, 5)


@pytest.fixture
def scan(tmp_path):
    """An ingested scan."""
    folder = CaseFolder(tmp_path / "cases" / "covid20")
    write_volume(folder.image("a"), make_volume(np.zeros(SHAPE, np.int16)))
    return folder.image("a")


def label_map():
    return np.arange(60, dtype=np.uint8).reshape(SHAPE) % 3


def take(scan, file, ids=None):
    output = scan.parents[3] / "predictions"
    import_predictions({scan: file}, ids=ids or {0: 0, 1: 2, 2: 1}, output=output, workers=1)
    return read_volume(output / "covid20" / "a.nii.gz")


def write(folder, suffix, orientation="LPS"):
    """Write a prediction in a format, and in an orientation as nibabel names it."""
    path = folder / f"a{suffix}"
    content = nifti_bytes(make_volume(label_map()), orientation=orientation)
    if suffix == ".nii.gz":
        path.write_bytes(content)
        return path
    plain = folder / "plain.nii"
    plain.write_bytes(gzip.decompress(content))
    sitk.WriteImage(sitk.ReadImage(plain), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL"])
def test_every_format_and_orientation_gives_the_classes_on_the_scan_s_grid(
    scan, tmp_path, suffix, orientation
):
    found = take(scan, write(tmp_path, suffix, orientation))
    np.testing.assert_array_equal(found.array, np.array([0, 2, 1])[label_map()])
    assert found.array.dtype == np.uint8
    assert not read_volume(scan).geometry.differences(found.geometry)


def flipped(volume):
    affine = volume.geometry.affine @ np.diag([-1.0, 1, 1, 1])
    return replace(volume, geometry=replace(volume.geometry, affine=affine))


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (make_volume(np.zeros((6, 4, 5), np.uint8), (1.5, 1.5, 1.0)), "6x4x5 .* of 1.5x1.5x1 mm .* differ in shape and spacing"),
        (make_volume(np.zeros((3, 4, 5), np.uint8), (3.0, 1.5, 2.0)), "3x1.5x2 mm from -10.0, -20.0, 5.0 mm .* differ in spacing"),
        (make_volume(np.zeros((3, 4, 5), np.uint8), origin=(0, 0, 0)), "from 0.0, 0.0, 0.0 mm .* differ in position or direction, by 20 mm"),
        (flipped(make_volume(np.zeros(SHAPE, np.uint8))), "from -14.0, -20.0, 5.0 mm .* differ in position or direction, by 4 mm"),
    ],
)  # fmt: skip
def test_another_grid_is_refused_with_what_was_found_and_expected(scan, tmp_path, volume, message):
    path = tmp_path / "p.nii.gz"
    path.write_bytes(nifti_bytes(volume))
    expected = "expected 3x4x5 voxels (z, y, x) of 3x1.5x1 mm from -10.0, -20.0, 5.0 mm (LPS), the grid of"
    with refused_in_one_line(rf"p\.nii\.gz: .*{message}") as raised:
        take(scan, path)
    assert f"{expected} {scan}" in str(raised.value)
    assert not (tmp_path / "predictions").exists(), "nothing half-written"


def test_a_label_without_a_region_is_refused(scan, tmp_path):
    with refused_in_one_line(r"a\.nii\.gz: label id 2 in slice 0; the map has \[0, 1\]: say in `regions` of"):
        take(scan, write(tmp_path, ".nii.gz"), {0: 0, 1: 1})


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_damaged_file_is_refused(scan, tmp_path, suffix):
    path = write(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:50])
    with refused_in_one_line(rf"a{re.escape(suffix)}: (truncated|damaged)"):
        take(scan, path)


def test_missing_predictions_are_all_named_and_so_are_all_faulty_ones(scan, tmp_path):
    files = {scan.with_name(f"{case}.nii.gz"): tmp_path / f"{case}.nii.gz" for case in "abc"}
    files[scan] = write(tmp_path, ".nii.gz")
    with refused_in_one_line(
        r"2 of 3 predictions are not there: \S*/b\.nii\.gz, \S*/c\.nii\.gz; predict"
    ) as raised:
        import_predictions(files, ids={0: 0}, output=tmp_path / "p", workers=2)
    assert "train" in str(raised.value)
    for path in list(files)[1:]:
        path.write_bytes(scan.read_bytes())
    for path in list(files.values())[1:]:
        path.write_text("no volume")
    with pytest.raises(InputError) as raised:
        import_predictions(files, ids={0: 0, 1: 1, 2: 2}, output=tmp_path / "p", workers=2)
    assert [line.partition(": ")[0] for line in str(raised.value).splitlines()] == [
        str(tmp_path / "b.nii.gz"),
        str(tmp_path / "c.nii.gz"),
    ]
    assert not (tmp_path / "p").exists()


def test_a_path_stands_for_a_file_per_data_set_fold_and_case(tmp_path, monkeypatch):
    where = {"dataset": "covid20", "fold": 3, "case": "a{fold}"}
    monkeypatch.setenv("HOME", "/home/me")
    assert str(external_file("~/{dataset}/{fold}/{case}.nrrd", **where)) == "/home/me/covid20/3/a{fold}.nrrd"
    assert str(external_file("own/{case}.nii", **where)) == "own/a{fold}.nii"
    assert str(external_file("~nobody-at-all/{case}.nii", **where)) == "~nobody-at-all/a{fold}.nii"


def test_the_state_changes_with_every_file_that_the_path_stands_for_and_with_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pattern = "../" + tmp_path.name + "/[x]/{fold}/{case}.nii.gz"
    for name in ("[x]/0/a.nii.gz", "[x]/1/a.nii.gz", "[x]/0/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")

    def states():
        return [state_of_files(pattern, datasets=["covid20"], fold=fold) for fold in (0, 1)]

    before = states()
    (tmp_path / "[x]/0/notes.txt").write_text("other")
    assert states() == before
    (tmp_path / "[x]/1/b.nii.gz").write_text("1")
    assert states()[0] == before[0]
    assert states()[1] != before[1]
    (tmp_path / "[x]/0/a.nii.gz").write_text("22")
    assert states()[0] != before[0]
    refuse_absent_files(pattern, datasets=["covid20"], fold=1)
    with refused_in_one_line(r"predictions: no file \S*/\[x\]/2/\*\.nii\.gz; predict the cases"):
        refuse_absent_files(pattern, datasets=["covid20"], fold=2)


def test_a_flipped_mask_in_nibabel_s_own_words(scan, tmp_path):
    """A mask that a program saves with an identity matrix, as many do, is on no scan's grid."""
    nib.save(nib.Nifti1Image(label_map().T, np.eye(4)), tmp_path / "p.nii")
    with refused_in_one_line(r"p\.nii: 3x4x5 voxels .* of 1x1x1 mm .* differ in spacing"):
        take(scan, tmp_path / "p.nii")
