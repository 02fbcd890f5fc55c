"""What makes networks fast on a GPU, as far as a CPU can tell; tests marked `gpu` need a card."""

import copy
import importlib.util
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch.nn import functional

from conftest import SMALL_NETWORK
from covidseg.device import Compute
from covidseg.training import acceleration
from covidseg.training.layers import Convolution
from covidseg.training.network import build_network
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.patches import load_cases
from covidseg.training.recording import WARM_UP, Recorder
from covidseg.training.state import Progress
from covidseg.training.steps import Data, Steps
from training_program import make_run

CPU, GPU = torch.device("cpu"), torch.device("cuda")
FLOAT32 = Compute(CPU, torch.float32)
ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("channels", [(1, 32), (3, 2), (8, 16), (5, 8)])
@pytest.mark.parametrize(
    ("kernel", "stride"), [((1, 3, 3), 1), ((1, 1, 1), 1), ((3, 3, 3), (1, 2, 2)), ((1, 3, 3), (1, 2, 2))]
)
def test_a_convolution_in_groups_of_channels_is_the_same_convolution(channels, kernel, stride):
    torch.manual_seed(0)
    layer = Convolution(*channels, kernel, stride, padding=tuple(n // 2 for n in kernel))
    features = torch.randn(2, channels[0], 4, 6, 8).requires_grad_()
    expected, found = layer(features), layer.convolve_in_groups(features, layer.bias)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    for one, other in zip(
        *(
            torch.autograd.grad((y * weights).sum(), [features, layer.weight, layer.bias])
            for y in (found, expected)
        ),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


class TorchNorm:
    """torch's own layers in place of the kernels."""

    @staticmethod
    def apply(features, weight, bias, eps, slope):
        normalised = functional.instance_norm(features, weight=weight, bias=bias, eps=eps)
        return functional.leaky_relu(normalised, slope)


def test_fused_blocks_compute_the_same_and_parameters_keep_names_and_values(monkeypatch):
    kernels = types.SimpleNamespace(FusedNorm=TorchNorm)
    monkeypatch.setitem(sys.modules, "covidseg.training.fused_norm", kernels)
    monkeypatch.setattr(acceleration, "_try", lambda *_: None)
    network = build_network(SMALL_NETWORK, classes=2, seed=3).eval()
    image = torch.randn(1, 1, 4, 16, 16)
    names = [name for name, _ in network.named_parameters()]
    expected, fused = network(image), copy.deepcopy(network)
    acceleration.fuse(fused, GPU)
    assert [name for name, _ in fused.named_parameters()] == names
    found = fused(image)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_without_triton_there_is_a_warning_and_the_network_stays(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "covidseg.training.fused_norm", raising=False)
    network = build_network(SMALL_NETWORK, classes=2, seed=3)
    before = [
        type(block.all_modules) for block in network.modules() if isinstance(block, ConvDropoutNormReLU)
    ]
    acceleration.fuse(network, GPU)
    assert "Triton fails" in caplog.text
    assert [
        type(block.all_modules) for block in network.modules() if isinstance(block, ConvDropoutNormReLU)
    ] == before


def test_a_network_on_a_cpu_is_not_fused():
    network = build_network(SMALL_NETWORK, classes=2, seed=3)
    acceleration.fuse(network, CPU)
    assert not any(type(module).__name__ == "FusedBlock" for module in network.modules())


@pytest.mark.parametrize(
    ("wanted", "device", "epochs", "compiled"),
    [
        ("auto", GPU, 1000, True),
        ("auto", GPU, 199, False),
        ("auto", CPU, 1000, False),
        (True, CPU, 1, True),
        (False, GPU, 1000, False),
    ],
)
def test_only_long_trainings_on_a_gpu_are_compiled_unless_asked_for(wanted, device, epochs, compiled):
    training = {"compile": wanted, "epochs": epochs, "iterations": 250}
    assert acceleration.pays_to_compile(training, device) is compiled


def make_steps(folders, compute=FLOAT32):
    run = make_run(folders, [])
    labels = {"blobs": {1: 1}}
    (cases,) = load_cases({"": folders}, labels=labels, device=compute.device, budget_gib=1)
    network = compute.place(build_network(run.architecture, classes=2, seed=0), torch.channels_last_3d)
    acceleration.fuse(network, compute.device)
    optimiser = NesterovSGD(network, momentum=0.9, weight_decay=0)
    return Steps(run, network.train(), optimiser, Data(cases, [], []), compute)


def run_steps(steps, number):
    """Return the losses of some steps, and the weights after them."""
    losses = [steps(Progress(iteration=i))["loss"].item() for i in range(number)]
    return losses, [p.detach().float().cpu().clone() for p in steps.network.parameters()]


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("g++"), reason="needs a C++ compiler, as compiled training on a CPU does"
)
def test_compiled_and_plain_trainings_agree(training_folders, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    plain, weights = run_steps(make_steps(training_folders), 3)
    steps = make_steps(training_folders)
    steps.compile(tmp_path / "cache")
    losses, others = run_steps(steps, 3)
    assert losses == pytest.approx(plain, abs=1e-5)
    for one, other in zip(weights, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert list((tmp_path / "cache").rglob("*.py")), "compiled code is kept for other jobs"
    with acceleration.uncompiled():
        assert steps.network.eval()(torch.zeros(1, 1, 4, 16, 16))[0].shape == (1, 2, 4, 16, 16)


def test_a_compilation_that_fails_is_a_warning(training_folders, tmp_path, monkeypatch, caplog):
    steps = make_steps(training_folders)
    monkeypatch.setattr("covidseg.training.steps.compile_parts", lambda *_, **__: None)

    def fail(*_, **__):
        raise ImportError("no C compiler")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: fail)
    stances = []
    monkeypatch.setattr(torch.compiler, "set_stance", stances.append)
    steps.compile(tmp_path)
    assert "the network is not compiled: no C compiler" in caplog.text
    assert stances == ["force_eager"]


class FakeGraph:
    """A record that calls the function again, with the tensors of the recording."""

    def replay(self):
        outputs = self.function()
        for name, tensor in self.outputs.items():
            tensor.copy_(outputs[name])


@pytest.fixture
def recorded(monkeypatch):
    """A recorder of a sum on a CPU, whose graphs are faked, and the numbers of calls of the function."""
    calls = []

    def total(inputs):
        calls.append(1)
        return {"total": inputs["first"] + inputs["second"]}

    recorder = Recorder(total, CPU)
    recorder.replays = True

    def record(inputs):
        recorder.inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        graph = FakeGraph()
        graph.function = lambda: total(recorder.inputs)
        graph.outputs = recorder.outputs = total(recorder.inputs)
        recorder.graph = graph

    monkeypatch.setattr(recorder, "_record", record)
    return recorder, calls


def test_a_recorder_gives_new_inputs_to_its_record(recorded):
    recorder, _ = recorded
    for number in range(WARM_UP + 4):
        inputs = {"first": torch.tensor(float(number)), "second": torch.tensor(2.0)}
        assert recorder(inputs)["total"].item() == number + 2
    assert recorder.graph is not None
    recorder.release()
    assert (recorder.graph, recorder.inputs, recorder.outputs) == (None, {}, {})
    assert recorder({"first": torch.tensor(3.0), "second": torch.tensor(1.0)})["total"].item() == 4
    assert recorder.graph is not None, "the next call records anew, without a warm-up"
    recorder.forget()
    assert recorder.graph is None
    assert recorder({"first": torch.tensor(1.0), "second": torch.tensor(1.0)})["total"].item() == 2
    assert recorder.graph is None, "there is a warm-up again"


def test_a_recording_that_fails_is_a_warning(monkeypatch, caplog):
    class Refusing:
        def __init__(self, *_, **__):
            raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", Refusing)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    recorder = Recorder(lambda inputs: {"same": inputs["same"]}, CPU)
    recorder.replays = True
    for number in range(WARM_UP + 2):
        assert recorder({"same": torch.tensor(number)})["same"].item() == number
    assert caplog.text.count("cannot be recorded (operation not permitted)") == 1


INTERPRETED = """
import torch
from covidseg.training import fused_norm
fused_norm.PARTS, fused_norm.ROWS, fused_norm.BLOCK = 4, 8, 32
torch.manual_seed(0)
for shape in [(2, 5, 3, 7, 6), (1, 33, 4, 5, 5), (2, 96, 2, 3, 4)]:
    values = [torch.randn(shape) * 0.3 + 5, torch.randn(shape[1]), torch.randn(shape[1])]
    ours, exact = ([v.clone().to(kind).requires_grad_() for v in values] for kind in (torch.float32, torch.float64))
    found = fused_norm.FusedNorm.apply(*ours, 1e-5, 0.01)
    normalised = torch.nn.functional.instance_norm(exact[0], weight=exact[1], bias=exact[2], eps=1e-5)
    expected = torch.nn.functional.leaky_relu(normalised, 0.01)
    gradient = torch.randn(shape)
    found.backward(gradient)
    expected.backward(gradient.double())
    for one, other in [(found, expected), *((a.grad, b.grad) for a, b in zip(ours, exact))]:
        assert ((one - other).norm() / other.norm()).item() < 1e-5, shape
"""


@pytest.mark.skipif(
    not importlib.util.find_spec("triton"), reason="needs triton, which CPU builds of torch lack"
)
def test_the_kernels_compute_instance_norm_and_leaky_relu_and_their_gradients():
    """In Triton's interpreter, which needs no GPU."""
    places = [str(ROOT / "workflow" / "scripts"), *sys.path]
    variables = {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(places)}
    subprocess.run([sys.executable, "-c", INTERPRETED], env=variables, check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_and_plain_steps_agree_on_a_gpu(training_folders):
    compute = Compute(GPU, torch.float32)
    torch.backends.cudnn.allow_tf32 = False
    recorded, plain = (make_steps(training_folders, compute) for _ in range(2))
    plain.recorder.replays = False
    losses, weights = run_steps(recorded, 8)
    others, other_weights = run_steps(plain, 8)
    assert recorded.recorder.graph is not None
    assert losses == pytest.approx(others, abs=1e-3)
    for one, other in zip(weights, other_weights, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)
