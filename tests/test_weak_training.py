"""Training on image-level labels: no mask is seen, and a stop leaves no trace in the result."""

import dataclasses
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from conftest import ROOT
from covidseg.device import choose_compute
from covidseg.errors import InputError
from covidseg.weak.batches import draw_batch
from covidseg.weak.heat import localise
from covidseg.weak.training import load_networks
from weak_program import assert_same, make, start, weak_section

PROGRAM = ROOT / "tests" / "weak_program.py"
SYSTEMS = ["decomposition", "va-gan", "biomarker-localisation", "classifier"]


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Dark squares, and dark squares with a bright spot."""
    folder = tmp_path_factory.mktemp("slices")
    generator = np.random.default_rng(0)
    for name, count in (("train_normal", 6), ("train_lesion", 5), ("test_lesion", 2)):
        images = generator.integers(40, 80, (count, 32, 32), np.uint8)
        if "lesion" in name:
            images[:, 10:16, 10:16] = 200
        np.save(folder / f"{name}.npy", images)
        (folder / f"{name}.csv").write_text("slice\n" + "".join(f"{i}\n" for i in range(count)))
    return folder


@pytest.fixture(scope="module")
def undisturbed(slices, tmp_path_factory):
    """Every system, trained to the end."""
    root = tmp_path_factory.mktemp("undisturbed")
    for system in ("classifier", *SYSTEMS[:-1]):
        classifier = root / "classifier" / "model.safetensors"
        run, model = make(slices, system, classifier if system == "biomarker-localisation" else None)
        start(run, model, root / system)
    return root


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_description_counts_the_parameters_of_every_network(undisturbed, system):
    compute = choose_compute("cpu", "float32", threads=1)
    _, networks, description = load_networks(undisturbed / system / "model.safetensors", compute)
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    assert description.parameters == {
        name: {"trained": size, "frozen": 0, "loaded": 0, "new": size} for name, size in sizes.items()
    }
    assert min(sizes.values()) > 0


def launch(slices, output, system, seconds=0.15):
    output.mkdir(parents=True)
    environment = {"PYTHONPATH": f"{ROOT / 'workflow' / 'scripts'}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, PROGRAM, slices, output, system, str(seconds)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True,
    )  # fmt: skip


def wait_for(process, text):
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"{text!r} never came: {''.join(seen)}")


def test_the_log_has_the_seconds_of_a_timed_run_alone(undisturbed, slices, tmp_path):
    run, model = make(slices, "classifier", timed=False)
    start(run, model, tmp_path)
    assert_same(undisturbed / "classifier", tmp_path)
    timed, blank = (
        pd.read_csv(folder / "log.csv")["seconds"] for folder in (undisturbed / "classifier", tmp_path)
    )
    assert (timed > 0).all()
    assert len(blank) == 4
    assert blank.isna().all()


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_kill_9_and_the_next_start_ends_with_the_same_bits(undisturbed, slices, tmp_path, system):
    if system == "biomarker-localisation":
        (tmp_path / "classifier").symlink_to(undisturbed / "classifier")
    process = launch(slices, tmp_path / system, system)
    wait_for(process, "state written at epoch 2")
    process.kill()
    process.wait()
    assert not (tmp_path / system / "model.safetensors").exists()
    classifier = tmp_path / "classifier" / "model.safetensors"
    run, model = make(slices, system, classifier if system == "biomarker-localisation" else None)
    start(run, model, tmp_path / system)
    assert_same(undisturbed / system, tmp_path / system)
    assert not (tmp_path / system / "state" / "state.safetensors").exists()


@pytest.mark.slow
def test_sigterm_in_the_middle_of_an_epoch_too(undisturbed, slices, tmp_path):
    process = launch(slices, tmp_path / "decomposition", "decomposition", seconds=0.4)
    wait_for(process, "2 of 4 epochs done")
    process.send_signal(signal.SIGTERM)
    assert "stopped at epoch 2" in process.stdout.read()
    assert process.wait() != 0
    run, model = make(slices, "decomposition")
    start(run, model, tmp_path / "decomposition")
    assert_same(undisturbed / "decomposition", tmp_path / "decomposition")


def test_a_state_of_other_code_is_not_resumed(slices, tmp_path):
    run, _ = make(slices, "classifier", epochs=1)
    other, _ = make(slices, "classifier", code=("x 1",), epochs=1)
    assert run.fingerprint != other.fingerprint
    changed, _ = make(slices, "classifier", epochs=1, size=99)
    assert changed.fingerprint != run.fingerprint


def test_the_description_rebuilds_the_system(undisturbed):
    compute = choose_compute("cpu", "float32", threads=1)
    _, networks, description = load_networks(undisturbed / "decomposition" / "model.safetensors", compute)
    assert set(networks) == {"decomposer", "critic"}
    assert not networks.training
    assert description.lineage["experiment"] == "decomposition"
    lineage = load_networks(undisturbed / "biomarker-localisation" / "model.safetensors", compute)[2].lineage
    classifier = load_networks(undisturbed / "classifier" / "model.safetensors", compute)[2]
    assert lineage["classifier"] == classifier.weights_sha256


def test_a_batch_is_half_normal_and_half_lesion(slices):
    run, _ = make(slices, "decomposition")
    kinds = [torch.zeros(3, 4, 4, dtype=torch.uint8), torch.full((2, 4, 4), 255, dtype=torch.uint8)]
    batch = draw_batch(run.system, kinds, 1, 0, 0)
    half = weak_section()["variants"]["paper"]["batch"] // 2
    assert batch.normal.shape == batch.lesion.shape == (half, 1, 4, 4)
    assert batch.normal.max().item() == pytest.approx(-0.9)
    assert batch.lesion.min().item() == pytest.approx(0.9)
    assert torch.equal(batch.share, draw_batch(run.system, kinds, 1, 0, 0).share)
    assert not torch.equal(batch.share, draw_batch(run.system, kinds, 1, 1, 0).share)
    assert not torch.equal(batch.share, draw_batch(run.system, kinds, 1, 0, 1).share)


def test_the_description_has_the_grey_levels_of_z_scores(slices, tmp_path):
    """A trained system scales test slices by the mean and the deviation of its training slices."""
    variants = {"paper": weak_section()["variants"]["paper"] | {"normalisation": "z-score"}}
    run, model = make(slices, "decomposition", epochs=1, variants=variants)
    start(run, model, tmp_path)
    system, *_ = load_networks(tmp_path / "model.safetensors", choose_compute("cpu", "float32", threads=1))
    pixels = np.concatenate([np.load(slices / f"train_{kind}.npy").ravel() for kind in ("normal", "lesion")])
    assert system.greys == pytest.approx({"zero": pixels.mean(), "unit": pixels.std()})


def test_masks_and_test_slices_do_not_change_what_is_learned(undisturbed, slices, tmp_path):
    """The same bits from a folder that holds nothing but the training slices."""
    for kind in ("normal", "lesion"):
        np.save(tmp_path / f"train_{kind}.npy", np.load(slices / f"train_{kind}.npy"))
    run, model = make(tmp_path, "decomposition")
    start(dataclasses.replace(run), model, tmp_path / "model")
    assert_same(undisturbed / "decomposition", tmp_path / "model")


@pytest.mark.parametrize(("system", "kind"), [("decomposition", "decoder"), ("classifier", "grad-cam")])
def test_heat_maps_and_pictures_of_every_test_slice(undisturbed, slices, tmp_path, system, kind):
    weights = undisturbed / system / "model.safetensors"
    localise(weights, slices, kind=kind, output=tmp_path / "heat", device="cpu", threads=1)
    heat = np.load(tmp_path / "heat" / "heat.npy")
    assert heat.shape == (2, 32, 32)
    assert heat.dtype == np.uint16
    system_, networks, _ = load_networks(weights, choose_compute("cpu", "float32", threads=1))
    images = np.load(slices / "test_lesion.npy")
    with torch.no_grad():
        expected = system_.heat(networks, system_.scale(torch.from_numpy(images)), kind).numpy()
    np.testing.assert_allclose(heat, 1000 * expected, atol=0.6, err_msg="thousandths")
    picture, overlaid = (Image.open(tmp_path / "heat" / f"1{end}.png") for end in ("", "_overlay"))
    np.testing.assert_allclose(np.asarray(picture), 255 * expected[1], atol=0.6)
    assert (overlaid.mode, overlaid.size) == ("RGB", (32, 32))
    names = sorted(path.name for path in (tmp_path / "heat").glob("*.png"))
    assert names == ["0.png", "0_overlay.png", "1.png", "1_overlay.png"]


def test_a_damaged_model_is_refused(undisturbed, tmp_path):
    for name in ("model.safetensors", "model.json"):
        (tmp_path / name).write_bytes((undisturbed / "classifier" / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match=r"model\.safetensors: is not the file that model\.json describes"):
        load_networks(tmp_path / "model.safetensors", choose_compute("cpu", "float32", threads=1))
