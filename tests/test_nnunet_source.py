"""A network that nnU-Net has trained, as a source: its files, its plan, its weights and its normalisation."""

import copy
import os
import pickle

import numpy as np
import pytest
import torch

from conftest import SMALL_NETWORK, describe_arrays, make_volume, refused_in_one_line
from covidseg.cases.arrays import open_case
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ct_normalisation import CTNormalisation, preprocess_for_nnunet, resample_and_scale
from covidseg.config.experiments import expand_experiments
from covidseg.config.strict_yaml import read_yaml
from covidseg.config.without import reduce_experiments
from covidseg.training.exchange.nnunet_files import find_files
from covidseg.training.exchange.nnunet_plan import differences, read_plan
from covidseg.training.exchange.nnunet_source import Source, import_nnunet
from covidseg.training.exchange.unpickle import read_weights
from covidseg.training.network import build_network
from covidseg.training.strategies import load_strategy
from covidseg.training.weights import load_model, read_tensors
from covidseg.volumes import write_volume
from exchanged_models import ARGUMENTS, DATASET, FOLDER, PLANS, nnunet_network, packed, write_nnunet_model

NETWORK = {key: value for key, value in SMALL_NETWORK.items() if key != "design"}
SPACING = (3.0, 1.5, 1.0)
NORMALISATION = CTNormalisation((-900, 100), -400, 250)


def imported(path, output, **changes):
    source = {"name": "tumours", "files": find_files(path), "network": NETWORK, "spacing": SPACING} | changes
    import_nnunet(Source(**source), output / "model.safetensors")
    return output / "model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of nnU-Net in a zip, imported; its unpickling takes a process, so it is shared."""
    folder = tmp_path_factory.mktemp("imported")
    return imported(packed(write_nnunet_model(folder / "results")), folder / "model")


@pytest.mark.slow
def test_a_checkpoint_becomes_a_model_with_its_weights_plan_and_normalisation(model):
    network = nnunet_network()
    own, description = load_model(model)
    image = torch.randn(1, 1, 4, 16, 16)
    network.decoder.deep_supervision = False
    torch.testing.assert_close(own(image), network(image), rtol=0, atol=1e-5)
    for name, parameter in own.named_parameters():
        assert torch.equal(parameter, network.get_parameter(name))
    assert description.plan == {"spacing": [3.0, 1.5, 1.0], "patch": [4, 16, 16]}
    assert CTNormalisation.of(description.normalisation) == NORMALISATION
    assert description.labels == {"1": "tumour"}
    assert description.lineage["experiment"] == "pretrain-tumours"
    assert description.parameters["encoder"]["new"] == 0
    assert description.device == "trained by nnU-Net"


@pytest.mark.parametrize("pack", [lambda folder: folder, packed, lambda folder: folder / FOLDER])
def test_a_model_is_found_in_a_folder_in_a_zip_and_in_its_own_folder(pack, tmp_path):
    files = find_files(pack(write_nnunet_model(tmp_path / "results")))
    assert files.configuration == "3d_fullres"
    assert files.read_json("dataset") == DATASET
    assert all(path.is_file() for path in files.inputs)


STARTS = {
    "body-finetune": ({"head": "auto"}, ["encoder.", "decoder."]),
    "lesion-representations": ({"head": "new"}, ["encoder."]),
    "hybrid": ({"decoder": "new", "reduction": 2}, ["general_encoder."]),
    "multi-encoder": ({"decoder": "new"}, ["encoder.", "general_encoder."]),
    "collaborative-backbone": ({"general_encoder": "pretrained"}, ["general_encoder."]),
}


@pytest.mark.parametrize("name", STARTS)
def test_strategies_start_from_it(name, model):
    options, parts = STARTS[name]
    strategy = load_strategy(name, options, ["covid20"])
    network = build_network(strategy.architecture(NETWORK), classes=2, seed=1)
    strategy.prepare(network, model)
    tensors = read_tensors(model)
    for part in parts:
        same = f"{part}stages.0.0.convs.0.conv.weight"
        if part == "decoder.":
            same = "decoder.seg_layers.0.weight"
        theirs = tensors[same.replace("general_encoder", "encoder")]
        assert torch.equal(network.get_parameter(same), theirs)


class Harmful:
    """What a harmful pickle does: it runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.slow
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    folder = write_nnunet_model(tmp_path / "results")
    checkpoint = folder / FOLDER / "fold_0" / "checkpoint_final.pth"
    torch.save({"network_weights": {}, "harm": Harmful(tmp_path / "harm")}, checkpoint)
    with refused_in_one_line(r"checkpoint_final\.pth: holds more than weights .*mkdir"):
        imported(folder, tmp_path / "model")
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "model").exists()
    with pytest.raises(Exception, match=r"."):  # without weights_only it would have run
        pickle.loads(pickle.dumps(Harmful(tmp_path / "absent" / "harm")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no pickle at all", r"^(no checkpoint of torch|holds more than weights)"),
        (b"", r"^no checkpoint of torch"),
        ({"weights": 1}, r"^no checkpoint of nnU-Net v2: it has no tensors under network_weights"),
        ({"network_weights": {"encoder.weight": "text"}}, r"^no checkpoint of nnU-Net v2"),
    ],
)
def test_a_damaged_checkpoint_is_refused(content, message, tmp_path):
    """In this process: `unpickle.py` prints the error as its last line."""
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        read_weights(str(path))


def test_weights_of_several_gpus_and_compiled_ones_have_the_same_names(tmp_path):
    tensors = {f"module._orig_mod.{name}": one for name, one in nnunet_network().state_dict().items()}
    torch.save({"network_weights": tensors}, tmp_path / "checkpoint.pth")
    expected = {name for name, _ in build_network(SMALL_NETWORK, classes=2, seed=0).named_parameters()}
    assert read_weights(str(tmp_path / "checkpoint.pth")).keys() == expected


def test_what_is_not_there_is_named(tmp_path):
    folder = write_nnunet_model(tmp_path / "results")
    with refused_in_one_line(
        r"no plans\.json and dataset\.json beside fold_3/.*checkpoints: .*fold_0/checkpoint_final"
    ):
        find_files(folder, fold=3)
    with refused_in_one_line(r"absent: No such file or directory; name the folder or the zip"):
        find_files(tmp_path / "absent")
    (tmp_path / "text.zip").write_text("no zip")
    with refused_in_one_line(r"text\.zip: no zip"):
        find_files(tmp_path / "text.zip")
    broken = packed(folder)
    broken.write_bytes(broken.read_bytes().replace(b"transpose_forward", b"transpose_Forward"))
    content = bytearray(broken.read_bytes())
    content[200:260] = bytes(60)
    broken.write_bytes(content)
    with refused_in_one_line(r"results\.zip"):
        imported(broken, tmp_path / "model")


def test_of_several_models_the_one_in_full_resolution_is_taken(tmp_path):
    folder = write_nnunet_model(tmp_path / "results")
    (folder / FOLDER).rename(folder / FOLDER.replace("fullres", "lowres"))
    assert find_files(folder).configuration == "3d_lowres"
    write_nnunet_model(folder)
    assert find_files(folder).configuration == "3d_fullres"
    (folder / FOLDER).rename(folder / FOLDER.replace("nnUNetPlans", "other"))
    write_nnunet_model(folder)
    with refused_in_one_line(r"several models \(.*nnUNetPlans.*other"):
        find_files(folder)


def plan(dataset=DATASET, **changes):
    plans = copy.deepcopy(PLANS)
    chosen = plans["configurations"]["3d_fullres"]
    for key, value in changes.items():
        place = chosen if key in chosen or key in ("inherits_from", "previous_stage") else plans
        if key in ARGUMENTS or key == "n_blocks_per_stage":
            place = chosen["architecture"]["arch_kwargs"]
        place[key] = value
    return read_plan(plans, dataset, "3d_fullres", "model.zip: 3d_fullres")


def test_the_line_says_which_stage_kernel_and_spacing_differ(tmp_path):
    assert differences(plan(), NETWORK, SPACING) == []
    assert differences(plan(), NETWORK, (3.02, 1.5, 1.0)) == [], "within one percent"
    found = differences(
        plan(kernel_sizes=[[3, 3, 3], [3, 3, 3]], features_per_stage=[4, 16], n_conv_per_stage=[2, 2]),
        NETWORK,
        (5.0, 1.5, 1.0),
    )
    assert found == [
        "stage 2: features 16, configured 8",
        "stage 1: kernel [3, 3, 3], configured [1, 3, 3]",
        "convolutions {'encoder': [2, 2], 'decoder': [1]}, configured {'encoder': [1, 1], 'decoder': [1]}",
        "spacing 3 x 1.5 x 1 mm, planned 5 x 1.5 x 1",
    ]
    deeper = NETWORK | {"features": [4, 8, 16]}
    assert differences(plan(), deeper, SPACING) == ["2 stages, configured 3"]
    with refused_in_one_line(
        r"results: 3d_fullres: does not fit the configuration: stage 2: stride \[1, 2, 2\], configured"
    ):
        network = NETWORK | {"strides": [[1, 1, 1], [2, 2, 2]]}
        imported(write_nnunet_model(tmp_path / "results"), tmp_path / "model", network=network)


RESIDUAL = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
    "arch_kwargs": {"n_blocks_per_stage": [1, 3, 4]},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"architecture": RESIDUAL},
            r"its network is ResidualEncoderUNet \(residual blocks per stage: \[1, 3, 4\]\)",
        ),
        ({"patch_size": [64, 64]}, r"its patch \[64, 64\] is flat"),
        (
            {"normalization_schemes": ["ZScoreNormalization"]},
            r"its normalisation is ZScoreNormalization; .*CTNorm",
        ),
        ({"transpose_forward": [1, 0, 2]}, r"its axes are in the order \[1, 0, 2\]"),
        ({"previous_stage": "3d_lowres"}, r"more than one CT \(the result of a network before it\)"),
        (
            {"norm_op": "torch.nn.BatchNorm3d"},
            r"its network has norm_op BatchNorm3d; covidseg's has InstanceNorm3d",
        ),
        (
            {"nonlin_kwargs": {"negative_slope": 0.2}},
            r"nonlin_kwargs\.negative_slope 0\.2; covidseg's has 0\.01",
        ),
        ({"spacing": None}, r"plans\.json or dataset\.json is without"),
        (
            {"dataset": {"channel_names": {"0": "CT", "1": "PET"}, "labels": {}}},
            r"more than one CT \(CT, PET\)",
        ),
        (
            {"dataset": DATASET | {"labels": {"background": 0, "lungs": [1, 2]}}},
            r"its labels are regions that overlap",
        ),
    ],
)
def test_what_covidseg_has_no_network_for_is_refused(changes, message):
    with refused_in_one_line(rf"^model\.zip: 3d_fullres: .*{message}"):
        plan(**changes)


def test_old_plans_and_plans_that_inherit_are_read():
    old = {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3]],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2]],
    }
    plans = copy.deepcopy(PLANS)
    chosen = plans["configurations"]["3d_fullres"]
    del chosen["architecture"]
    plans["configurations"] = {"base": chosen | old, "3d_fullres": {"inherits_from": "base"}}
    assert read_plan(plans, DATASET, "3d_fullres", "").architecture == SMALL_NETWORK
    with refused_in_one_line(r"named for configuration '3d_other', but plans\.json has base, 3d_fullres"):
        read_plan(plans, DATASET, "3d_other", "model")


def test_intensities_are_scaled_as_nnunet_does_by_hand():
    hounsfield = torch.tensor([[-2000, -900, -400, -150, 100, 700]], dtype=torch.int16)
    expected = torch.tensor([[-2.0, -2.0, 0.0, 1.0, 2.0, 2.0]])
    torch.testing.assert_close(NORMALISATION.scale(hounsfield), expected)
    grey = (hounsfield.float().clamp(-1250, 250) + 1250) * 255 / 1500  # as published: 0 to 255
    scaled = NORMALISATION.scale(grey, (-1250, 250))
    torch.testing.assert_close(scaled, expected, atol=1e-5, rtol=0)
    assert NORMALISATION.hidden(hounsfield) == 2
    array = np.full((4, 6, 6), -150, np.int16)
    found = resample_and_scale(array, (2.0, 2.0, 2.0), (1.0, 2.0, 2.0), normalisation=NORMALISATION)
    assert found.shape == (8, 6, 6)
    assert found.dtype == np.float16
    assert (found == 1).all()


def test_damaged_intensities_are_refused():
    for wrong in ({"mean_hu": float("nan")}, {"deviation_hu": 0}, {"window_hu": [100, -900]}):
        with pytest.raises(ValueError, match="its intensities are window"):
            CTNormalisation.of(NORMALISATION.to_json() | wrong)
    assert CTNormalisation.of({"window_hu": [0, 1], "scheme": "z-score"}) is None


@pytest.fixture
def cases(tmp_path):
    """A scan in HU from -1000 to 500, whose lesion has -700 HU."""
    image = np.linspace(-1000, 500, 10 * 8 * 8).astype(np.int16).reshape(10, 8, 8)
    label = np.zeros(image.shape, np.uint8)
    label[2:5, 2:5, 2:5] = 1
    image[label == 1] = -700
    for name, array in (("images", image), ("labels", label)):
        write_volume(tmp_path / "cases" / name / "a.nii.gz", make_volume(array, spacing=SPACING))
    return CaseFolder(tmp_path / "cases")


ENTRY = {"title": "Scans", "intensity": {"*": "hounsfield"}, "regions": {1: "lesion"}}


def preprocessed(cases, output, normalisation=NORMALISATION, **changes):
    preprocess_for_nnunet(
        ENTRY | changes,
        cases=cases,
        spacing=SPACING,
        normalisation=normalisation,
        window=(-1250, 250),
        output=output,
        workers=1,
    )


def test_a_case_is_prepared_on_the_same_grid_as_for_other_models(cases, tmp_path):
    preprocessed(cases, tmp_path / "out" / "scans")
    case = open_case(tmp_path / "out" / "scans" / "a")
    assert case.image.shape == (10, 8, 8)
    assert case.image[3, 3, 3] == np.float16((-700 + 400) / 250)
    assert case.label.sum() == 27
    expected = describe_arrays(make_volume(case.image, spacing=SPACING).geometry)
    assert case.description.crop == expected.crop


def test_a_network_that_cannot_see_the_lesions_is_refused(cases, tmp_path, caplog):
    """For example one that was trained on solid tumours, to whose HU it clips."""
    solid = CTNormalisation((-150, 100), -20, 50)
    with refused_in_one_line(
        r"scans: 100% of the labelled voxels lie beyond -150 to 100 HU, to which nnU-Net clips"
    ):
        preprocessed(cases, tmp_path / "out" / "scans", solid)
    assert not list((tmp_path / "out").iterdir())
    with refused_in_one_line(r"a: its grey levels have no known relation to HU"):
        preprocessed(cases, tmp_path / "out" / "scans", intensity={"*": "grey"})


MODEL = {"paper": "wang2021", "title": "Tumours", "nnunet": "model.zip"}


@pytest.fixture
def sheet(config):
    """The experiments with a source that is a model of nnU-Net, from which body-finetune starts."""
    sheet = read_yaml(config.folder / "experiments.yaml")
    sheet["sources"]["tumours"] = MODEL
    sheet["experiments"]["body-finetune"]["sources"].append("tumours")
    return sheet


def expanded(sheet, config):
    return expand_experiments(sheet, config.datasets, "covid20", config.folder / "experiments.yaml")


def test_the_source_adds_its_experiments_and_changes_no_other(sheet, config):
    found = expanded(sheet, config)
    own = found.pop("body-finetune-tumours")
    assert own.nnunet_source == "tumours"
    assert own.pretraining is None
    assert {one.nnunet_source for one in found.values()} == {None}
    for name, experiment in found.items():
        assert experiment.for_training() == config.all_experiments[name].for_training()
    assert "pretrain-tumours" not in found, "nothing is trained for it"
    reduced = reduce_experiments(sheet, {"msd": "msd", "nsclc": "nsclc", "structseg": "structseg"})
    assert reduced["sources"] == {"tumours": MODEL}


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        ("continual", {}, r"'tumours': strategy continual goes on with an unfinished schedule"),
        (
            "collaborative-rc-g",
            {},
            r"'tumours': strategy collaborative trains on the scans of its source too",
        ),
        (
            "body-finetune",
            {"datasets": ["msd"]},
            r"sources\.tumours\.datasets: the source is a trained model",
        ),
        ("body-finetune", {"evaluate": {}}, r"sources\.tumours\.evaluate: the source is a trained model"),
    ],
)
def test_what_a_trained_model_cannot_give_is_refused(row, change, message, sheet, config):
    sheet["sources"]["tumours"] = MODEL | change
    sheet["experiments"][row]["sources"] = ["tumours"]
    with refused_in_one_line(message):
        expanded(sheet, config)
    del sheet["sources"]["tumours"]
    sheet["sources"]["msd"]["fold"] = 1
    with refused_in_one_line(r"sources\.msd\.fold: the source has no key nnunet; remove the key"):
        expanded(sheet, config)
