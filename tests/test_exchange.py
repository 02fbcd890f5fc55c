"""Trained models for other programs: the zip of nnU-Net, ONNX, and the bundle of MONAI."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import SMALL_NETWORK, describe, make_volume
from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ct_normalisation import CTNormalisation, normalisation_of_scans, training_scans
from covidseg.training.exchange import covidseg_unet
from covidseg.training.exchange.exported import Exported, export_model
from covidseg.training.exchange.nnunet_files import find_files
from covidseg.training.exchange.nnunet_plan import differences, read_plan
from covidseg.training.exchange.nnunet_zip import why_not_nnunet
from covidseg.training.exchange.unpickle import read_weights
from covidseg.training.weights import load_model, read_tensors
from covidseg.volumes import write_volume
from exchanged_models import write_model

NETWORK = {key: value for key, value in SMALL_NETWORK.items() if key != "design"}
WINDOW = (-1250, 250)
TOLERANCE = 1e-4  # of logits, which are between -50 and 50


def write_scan(path, low, high):
    array = np.linspace(low, high, 12 * 30 * 34).reshape(12, 30, 34).round().astype(np.int16)
    write_volume(path, make_volume(array, spacing=(3.0, 1.5, 1.0)))
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Two folds of a model, written for all programs."""
    folder = tmp_path_factory.mktemp("exported")
    folds = {fold: write_model(folder / f"fold{fold}", seed=fold) for fold in (0, 1)}
    scans = [(write_scan(folder / "scan.nii.gz", -1000, 400), False)]
    model = Exported("scratch", folds, "Dataset501_Covid20", scans, WINDOW, 0.5, [0, 1])
    export_model(model, folder / "export")
    return folder


def logits(folder, image, fold=0):
    network, _ = load_model(folder / f"fold{fold}" / "model.safetensors")
    with torch.inference_mode():
        return network(image)


@pytest.mark.slow
def test_the_zip_is_read_back_with_the_same_weights_and_plan(exported):
    """Ours -> zip -> ours; tests/test_nnunet_models.py gives it to nnU-Net itself."""
    for fold in (0, 1):
        files = find_files(exported / "export" / "scratch_nnunet.zip", fold)
        plan = read_plan(files.read_json("plans"), files.read_json("dataset"), files.configuration, "")
        assert differences(plan, NETWORK, (3.0, 1.5, 1.0)) == []
        assert plan.normalisation.window == WINDOW
        assert plan.labels == {"1": "region1"}
        with zipfile.ZipFile(files.path) as archive:
            checkpoint = archive.extract(str(files.members["checkpoint"]), exported)
        found, own = read_weights(checkpoint), read_tensors(exported / f"fold{fold}" / "model.safetensors")
        assert found.keys() == own.keys()
        for name, tensor in own.items():
            assert torch.equal(found[name], tensor)
        content = torch.load(checkpoint, weights_only=True)
        assert content["inference_allowed_mirroring_axes"] == (0, 1)
        assert content["init_args"]["configuration"] == "3d_fullres"


def test_the_zip_has_a_network_that_returns_probabilities(exported):
    with zipfile.ZipFile(exported / "export" / "scratch_nnunet.zip") as archive:
        names = {name.split("/")[-1]: name for name in archive.namelist()}
        plans = [json.loads(archive.read(names[name])) for name in ("plans.json", "plans_probabilities.json")]
        source = archive.read(names["covidseg_unet.py"]).decode()
    own, chosen = (one["configurations"]["3d_fullres"]["architecture"] for one in plans)
    assert own.pop("network_class_name").endswith("architectures.unet.PlainConvUNet")
    assert chosen.pop("network_class_name") == "covidseg_unet.PlainConvUNet"
    assert own == chosen
    assert source == Path(covidseg_unet.__file__).read_text()
    arguments = own["arch_kwargs"] | {
        "conv_op": torch.nn.Conv3d, "norm_op": torch.nn.InstanceNorm3d, "nonlin": torch.nn.LeakyReLU,
    }  # fmt: skip
    network = covidseg_unet.PlainConvUNet(1, num_classes=2, deep_supervision=False, **arguments)
    network.load_state_dict(read_tensors(exported / "fold0" / "model.safetensors"), strict=False)
    image = torch.randn(1, 1, 4, 16, 16)
    torch.testing.assert_close(network(image), logits(exported, image).softmax(1), rtol=0, atol=1e-5)


def test_onnx_gives_the_same_logits_for_any_batch(exported):
    runtime = pytest.importorskip("onnxruntime")
    for fold in (0, 1):
        path = exported / "export" / "onnx" / f"scratch_fold{fold}.onnx"
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for batch in (1, 3):
            image = torch.randn(batch, 1, 4, 16, 16, generator=torch.Generator().manual_seed(batch))
            (found,) = session.run(["logits"], {"image": image.numpy()})
            np.testing.assert_allclose(found, logits(exported, image, fold), rtol=0, atol=TOLERANCE)
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["plan"])["spacing"] == [3.0, 1.5, 1.0]
    assert json.loads(known["labels"]) == {"1": "region1"}


@pytest.mark.slow
def test_networks_that_only_covidseg_has_are_written_as_onnx_alone(tmp_path, caplog):
    runtime = pytest.importorskip("onnxruntime")
    weights = write_model(tmp_path / "fold0", design="selective-fusion", reduction=2)
    export_model(Exported("hybrid", {0: weights}, "Dataset501_A", [], WINDOW, 1, []), tmp_path / "export")
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == ["README.md", "onnx"]
    assert "not written for nnU-Net and MONAI: its network has two encoders (selective-fusion)" in caplog.text
    several = describe(SMALL_NETWORK | {"heads": 3})
    assert why_not_nnunet(several) == "its network has 3 heads, and nnU-Net's networks have one"
    session = runtime.InferenceSession(next((tmp_path / "export").glob("onnx/*")))
    image = torch.randn(2, 1, 4, 16, 16)
    (found,) = session.run(None, {"image": image.numpy()})
    np.testing.assert_allclose(found, logits(tmp_path, image), rtol=0, atol=TOLERANCE)


@pytest.mark.slow
def test_monai_reads_the_bundle_and_segments_a_scan(exported):
    """MONAI interpolates linearly where covidseg takes splines, so only the network's own results are equal."""
    from monai.bundle import ConfigParser  # takes seconds to import

    parser = ConfigParser()
    parser.read_config(exported / "export" / "monai" / "configs" / "inference.json")
    parser.read_meta(exported / "export" / "monai" / "configs" / "metadata.json")
    parser["bundle_root"] = str(exported / "export" / "monai")
    parser["image"] = str(exported / "scan.nii.gz")
    assert str(parser.get_parsed_content("weights")) == "<All keys matched successfully>"
    network = parser.get_parsed_content("network_def").eval()
    image = torch.randn(1, 1, 4, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(network(image), logits(exported, image), rtol=0, atol=TOLERANCE)
        _, labels = parser.get_parsed_content("run")
    assert labels.shape == (12, 30, 34)
    assert set(labels.unique().tolist()) <= {0, 1}
    outputs = parser["_meta_"]["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert outputs == {"0": "background", "1": "region1"}


def test_the_normalisation_for_nnunet_is_the_mean_over_the_training_scans(tmp_path):
    """By hand: one scan in HU with -1250 and 250, one in grey levels with 0 and 102, which is -650 HU."""
    arrays = {"h": [-3000, 400], "w": [0, 102]}
    for name, (low, high) in arrays.items():
        array = np.where(np.arange(64).reshape(4, 4, 4) % 2, low, high).astype(np.int16)
        write_volume(tmp_path / "scans" / "images" / f"{name}.nii.gz", make_volume(array))
    entry = {"intensity": {"w": "windowed", "g": "grey", "*": "hounsfield"}}
    names = ["scans/w", "scans/g", "scans/h"]
    scans = training_scans(names, {"scans": CaseFolder(tmp_path / "scans")}, {"scans": entry})
    assert [windowed for _, windowed in scans] == [False, True]
    found = normalisation_of_scans(scans, WINDOW)
    assert found == CTNormalisation(WINDOW, (-500 + -950) / 2, (750 + 300) / 2)
