"""Model files: complete, checked, transferable."""

import json
from dataclasses import replace

import pytest
import torch

from conftest import SMALL_NETWORK, describe
from covidseg.errors import InputError
from covidseg.files import digest
from covidseg.training.description import ModelDescription
from covidseg.training.network import build_network, is_head
from covidseg.training.weights import (
    LoadedWeights,
    load_all,
    load_model,
    log_loaded_weights,
    read_description,
    read_tensors,
    save_model,
    write_tensors,
)

DESCRIPTION = describe(SMALL_NETWORK)


@pytest.fixture
def saved(tmp_path):
    network = build_network(SMALL_NETWORK, classes=2, seed=5)
    save_model(tmp_path / "model.safetensors", network, DESCRIPTION)
    return network, tmp_path / "model.safetensors"


def test_a_saved_model_predicts_the_same(saved):
    network, path = saved
    loaded, description = load_model(path)
    image = torch.randn(1, 1, 4, 16, 16)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image)[0])
    assert not loaded.training
    assert description.plan == DESCRIPTION.plan
    assert set(description.versions) == {"torch", "numpy", "dynamic-network-architectures", "safetensors"}


def test_a_description_is_read_as_it_was_written(saved):
    _, path = saved
    content = json.loads(path.with_suffix(".json").read_text())
    assert list(content) == [
        "format", "plan", "normalisation", "labels", "schedule", "lineage", "fingerprint", "architecture",
        "parameters", "device", "versions", "weights_sha256",
    ]  # fmt: skip
    found = read_description(path, ModelDescription)
    assert found.to_json() == content
    assert found == replace(DESCRIPTION, versions=found.versions, weights_sha256=digest(path))


def test_a_description_of_an_older_version_is_read_without_numbers_of_parameters(saved):
    path = saved[1].with_suffix(".json")
    content = json.loads(path.read_text())
    del content["parameters"]
    path.write_text(json.dumps(content))
    assert read_description(saved[1], ModelDescription).parameters == {}
    load_model(saved[1])


def test_a_description_that_lacks_an_entry_is_refused_by_name(saved):
    path = saved[1].with_suffix(".json")
    content = json.loads(path.read_text())
    del content["schedule"], content["labels"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json: lacks labels, schedule; delete the folder, and the"):
        load_model(saved[1])


def test_the_files_hold_no_pickle(saved):
    _, path = saved
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.safetensors"]
    header = int.from_bytes(path.read_bytes()[:8], "little")
    names = set(json.loads(path.read_bytes()[8 : 8 + header])) - {"__metadata__"}
    assert names == {name for name, _ in saved[0].named_parameters()}


@pytest.mark.parametrize("kept", [0, 5, 100, -10])
def test_truncated_weights_are_refused_by_name(saved, kept):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"model\.safetensors: truncated or not a safetensors file"):
        read_tensors(path)


def test_weights_and_description_must_belong_together(saved):
    path = saved[1]
    write_tensors(path, dict(build_network(SMALL_NETWORK, classes=2, seed=6).named_parameters()))
    with pytest.raises(InputError, match=r"model\.safetensors: is not the file that model\.json describes"):
        load_model(path)


def test_a_missing_description_is_named(saved):
    saved[1].with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"model\.json: cannot be read: No such file"):
        load_model(saved[1])


def test_all_but_the_head_is_loaded_exactly(saved):
    saved_network, path = saved
    target = build_network(SMALL_NETWORK, classes=2, seed=9)
    before = {name: p.clone() for name, p in target.named_parameters()}
    weights = LoadedWeights.of(target, loaded=load_all(target, path, head="new"))
    original = dict(saved_network.named_parameters())
    for name, parameter in target.named_parameters():
        expected = before[name] if is_head(name) else original[name]
        assert torch.equal(parameter, expected), name
    names = [name for name, _ in target.named_parameters()]
    assert sorted(weights.loaded + weights.new) == sorted(names)
    assert weights.new == [name for name in names if is_head(name)]


def test_with_the_head_all_is_loaded_exactly(saved):
    saved_network, path = saved
    target = build_network(SMALL_NETWORK, classes=2, seed=9)
    names = [name for name, _ in target.named_parameters()]
    assert sorted(load_all(target, path, head="pretrained")) == sorted(names)
    original = dict(saved_network.named_parameters())
    assert all(torch.equal(parameter, original[name]) for name, parameter in target.named_parameters())


def test_a_head_of_other_size_may_differ(saved):
    target = build_network(SMALL_NETWORK, classes=4, seed=9)
    loaded = load_all(target, saved[1], head="auto")
    assert loaded
    assert not any(is_head(name) for name in loaded)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": [4, 12]}, r"has shape \(8, .*\) in the file and \(12, .*\) in the network"),
        ({"convolutions": {"encoder": [2, 1], "decoder": [1]}}, "is only in the network"),
        ({"features": [4], "kernels": [[1, 3, 3]], "strides": [[1, 1, 1]]}, "is only in the file"),
    ],
)
def test_another_architecture_is_refused_by_name(saved, change, message):
    if len(change.get("features", [0, 0])) == 1:
        deeper = SMALL_NETWORK | {key: SMALL_NETWORK[key] * 2 for key in ("features", "kernels")}
        deeper["convolutions"] = {"encoder": [1] * 4, "decoder": [1] * 3}
        deeper["strides"] = [[1, 1, 1], [1, 2, 2], [1, 2, 2], [1, 1, 1]]
        save_model(saved[1], build_network(deeper, classes=2, seed=0), DESCRIPTION)
        change = {}
    other = build_network(SMALL_NETWORK | change, classes=2, seed=0)
    with pytest.raises(InputError, match=rf"model\.safetensors: another architecture: \S+ {message}"):
        load_all(other, saved[1], head="auto")


def test_the_log_says_what_was_loaded_left_new_and_frozen(saved, caplog):
    network = build_network(SMALL_NETWORK, classes=2, seed=1)
    with caplog.at_level("INFO"):
        weights = LoadedWeights.of(network, loaded=load_all(network, saved[1], head="new"))
        log_loaded_weights(weights, network, saved[1])
    head = sum(p.numel() for name, p in network.named_parameters() if is_head(name))
    total = sum(p.numel() for p in network.parameters())
    assert f"loaded from {saved[1]}: " in caplog.text
    assert f"{total - head} parameters" in caplog.text
    assert f"new: 2 tensors, {head} parameters" in caplog.text
    assert "frozen: 0 tensors, 0 parameters" in caplog.text
