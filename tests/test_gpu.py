"""A job that was given a GPU uses the GPU or ends with one line: driver, build and card are faked here."""

import logging
import stat
import time
import warnings

import pytest
import torch

from conftest import refused_in_one_line
from covidseg import device
from covidseg.device import choose_compute, choose_device, given_gpu
from covidseg.errors import InputError
from covidseg.runs import start

V100 = "535.104.05, Tesla V100-SXM2-32GB"
H100 = "580.65.06, NVIDIA H100 80GB HBM3"
MIG = "580.65.06, NVIDIA A100-SXM4-40GB"
CUDA_13 = ("2.13.0+cu130", "13.0", None, ["sm_75", "sm_80", "sm_90"])
CUDA_12 = ("2.13.0+cu126", "12.6", None, ["sm_50", "sm_70", "sm_90"])
CPU_BUILD = ("2.13.0+cpu", None, None, [])
ROCM = ("2.13.0+rocm7.2", None, "7.2.1", ["gfx90a", "gfx942"])

# The first line or lines of errors of torch 2.11 and 2.13.
NOT_COMPILED = AssertionError("Torch not compiled with CUDA enabled")
NO_DRIVER = RuntimeError(
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from ..."
)
OLD_DRIVER = RuntimeError(
    "The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver by ..."
)
NO_CARD = RuntimeError("No CUDA GPUs are available")
NO_AMD_CARD = RuntimeError("No HIP GPUs are available")
NO_CODE = torch.AcceleratorError(
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be ...\n"
)
BUSY = torch.AcceleratorError(
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel ..."
)
FULL = torch.AcceleratorError("CUDA error: out of memory\nSearch for ...")
ORDINAL = RuntimeError("Unexpected error from cudaGetDeviceCount(). ... Error 101: invalid device ordinal")
FABRIC = RuntimeError("Unexpected error from cudaGetDeviceCount(). ... Error 802: system not yet initialized")
LIBRARIES = RuntimeError(
    "Unexpected error from cudaGetDeviceCount(). ... Error 803: system has unsupported display driver / cuda driver combination"
)
UNKNOWN = RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment, e.g. ...")
CUDNN = RuntimeError("cuDNN version incompatibility: PyTorch was compiled  against (9, 20, 0) but found ...")
LAZY = torch.cuda.DeferredCudaCallError(
    "CUDA call failed lazily at initialization with error: device >= 0 ...\n\nCUDA call was originally invoked at:\n"
)
SLURM = {"SLURM_JOB_GPUS": "3", "CUDA_VISIBLE_DEVICES": "0"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without GPU variables, without a card and without a driver."""
    for name in (*device.GPU_NAMES, *device.GPU_COUNTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(device, "NVIDIA", tmp_path / "nvidia")
    monkeypatch.setattr(device, "PCI", tmp_path / "pci")
    (tmp_path / "bin").mkdir()
    return tmp_path


def install_nvidia_smi(machine, lines, code=0):
    program = machine / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{lines}'\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def fake_torch(monkeypatch, build, fault, name="Tesla V100-SXM2-32GB", capability=(7, 0)):
    """Let torch be another build, whose first use of a GPU raises `fault`; a working GPU is the CPU."""
    version, cuda, hip, architectures = build
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)
    ones = torch.ones

    def fake_ones(*size, device="cpu"):
        if device == "cuda" and fault:
            raise fault
        return ones(*size)

    def warn():
        warnings.warn("CUDA initialization: ...", stacklevel=1)  # by is_available
        return []

    def asked(answer):
        # The card can be asked for its name once the driver works, whether or not the build has code for it.
        if fault and fault not in (NO_CODE, CUDNN):
            raise fault
        return answer

    monkeypatch.setattr(torch, "ones", fake_ones)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: warn() if fault is OLD_DRIVER else architectures)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: asked(name))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: asked(capability))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ""),
        ({"CUDA_VISIBLE_DEVICES": "0"}, "CUDA_VISIBLE_DEVICES=0"),
        ({"CUDA_VISIBLE_DEVICES": "2,3"}, "CUDA_VISIBLE_DEVICES=2,3"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-5c8e"}, "CUDA_VISIBLE_DEVICES=MIG-5c8e"),
        ({"CUDA_VISIBLE_DEVICES": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ""),
        ({"CUDA_VISIBLE_DEVICES": "-1,0"}, ""),  # CUDA reads the list up to the first one that is no device
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ""),
        ({"CUDA_VISIBLE_DEVICES": "", "SLURM_JOB_GPUS": "1"}, "SLURM_JOB_GPUS=1"),
        ({"SLURM_STEP_GPUS": "0", "SLURM_JOB_GPUS": "0,1"}, "SLURM_STEP_GPUS=0"),
        ({"GPU_DEVICE_ORDINAL": "0"}, "GPU_DEVICE_ORDINAL=0"),
        ({"ROCR_VISIBLE_DEVICES": "0"}, "ROCR_VISIBLE_DEVICES=0"),
        ({"SLURM_GPUS": "1"}, "SLURM_GPUS=1"),
        ({"SLURM_GPUS": "a100:2"}, "SLURM_GPUS=a100:2"),
        ({"SLURM_GPUS": "0"}, ""),
        ({"SLURM_GPUS_ON_NODE": "1"}, "SLURM_GPUS_ON_NODE=1"),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "4"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ""),  # of images, with or without a GPU
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-1f"}, "NVIDIA_VISIBLE_DEVICES=GPU-1f"),  # Kubernetes, AWS Batch
    ],
)
def test_a_variable_that_names_a_gpu_gives_one(machine, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert given_gpu() == expected


REFUSED = [
    pytest.param("auto", SLURM, V100, CUDA_13, OLD_DRIVER,
                 r"^SLURM_JOB_GPUS=3 gives this job a GPU, but torch cannot use it: The NVIDIA driver on your "
                 r"system is too old \(found version 12020\) \(driver 535\.104\.05, torch 2\.13\.0\+cu130 for "
                 r"CUDA 13\.0, card Tesla V100-SXM2-32GB, CUDA_VISIBLE_DEVICES '0'\); update the driver "
                 r"\(CUDA 13 needs 580 .*requirements-cu126\.txt \(make demo TORCH=cu126\)", id="old driver"),
    pytest.param("auto", SLURM, V100.replace("535.104.05", "580.65.06"), CUDA_13, NO_CODE,
                 r"no kernel image is available for execution on the device \(driver 580\.65\.06, torch "
                 r"2\.13\.0\+cu130 for CUDA 13\.0 with code for sm_75 sm_80 sm_90, card Tesla V100-SXM2-32GB "
                 r"\(sm_70\), .*for cards up to Volta \(sm_70\) install envs/requirements-cu126\.txt",
                 id="no code for the card"),
    pytest.param("auto", SLURM, H100, CPU_BUILD, NOT_COMPILED,
                 r"Torch not compiled with CUDA enabled \(driver 580\.65\.06, torch 2\.13\.0\+cpu for CPUs "
                 r"alone, card NVIDIA H100 80GB HBM3, .*install envs/requirements\.txt", id="build for CPUs"),
    pytest.param("cuda", {}, None, CPU_BUILD, NOT_COMPILED,
                 r"^device: cuda asks for a GPU, but torch cannot use it: .*driver none, .*card none\)", id="asked for"),
    pytest.param("cuda", {}, None, CUDA_13, NO_DRIVER,
                 r"Found no NVIDIA driver on your system \(driver none, .*load NVIDIA's driver", id="no driver"),
    pytest.param("auto", {"CUDA_VISIBLE_DEVICES": "7"}, H100, CUDA_13, NO_CARD,
                 r"^CUDA_VISIBLE_DEVICES=7 gives .*No CUDA GPUs are available .*CUDA_VISIBLE_DEVICES '7'\); "
                 r"correct or unset CUDA_VISIBLE_DEVICES", id="a device that is not there"),
    pytest.param("auto", {"SLURM_JOB_GPUS": "0", "CUDA_VISIBLE_DEVICES": "NoDevFiles"}, H100, CUDA_13, NO_CARD,
                 r"^SLURM_JOB_GPUS=0 gives .*CUDA_VISIBLE_DEVICES 'NoDevFiles'\); .*unset CUDA_VISIBLE_DEVICES",
                 id="SLURM gave one, a variable hides it"),
    pytest.param("cuda", {"CUDA_VISIBLE_DEVICES": ""}, H100, CUDA_13, NO_CARD,
                 r"^device: cuda .*CUDA_VISIBLE_DEVICES ''\)", id="asked for, and hidden"),
    pytest.param("auto", {"CUDA_VISIBLE_DEVICES": "MIG-old"}, MIG, CUDA_13, ORDINAL,
                 r"^CUDA_VISIBLE_DEVICES=MIG-old .*invalid device ordinal .*A100", id="a MIG instance that is gone"),
    pytest.param("auto", SLURM, H100, CUDA_13, BUSY, r"busy or unavailable .*--resources gpu=1", id="exclusive"),
    pytest.param("auto", SLURM, H100, CUDA_13, FULL, r"out of memory .*nvidia-smi lists them", id="full"),
    pytest.param("auto", SLURM, H100, CUDA_13, FABRIC, r"not yet initialized .*nvidia-fabricmanager", id="NVSwitch"),
    pytest.param("auto", SLURM, H100, CUDA_13, LIBRARIES, r"unsupported display driver .*restart", id="libraries"),
    pytest.param("auto", SLURM, H100, CUDA_13, UNKNOWN, r"CUDA unknown error .*nvidia-smi says", id="unknown"),
    pytest.param("auto", SLURM, H100, CUDA_13, CUDNN, r"cuDNN version .*unset LD_LIBRARY_PATH", id="cuDNN"),
    pytest.param("auto", SLURM, H100, CUDA_13, LAZY, r"failed lazily at initialization with error", id="lazy"),
    pytest.param("auto", {"ROCR_VISIBLE_DEVICES": "0"}, None, ROCM, NO_AMD_CARD,
                 r"No HIP GPUs .*torch 2\.13\.0\+rocm7\.2 for ROCm 7\.2\.1 with code for gfx90a", id="ROCm"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("word", "variables", "smi", "build", "fault", "message"), REFUSED)
def test_a_gpu_that_was_given_and_cannot_be_used_is_refused(
    machine, monkeypatch, word, variables, smi, build, fault, message
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if smi:
        install_nvidia_smi(machine, smi)
    fake_torch(monkeypatch, build, fault)
    begun = time.monotonic()
    with refused_in_one_line(message) as raised:
        choose_compute(word, "auto", threads=1)
    assert time.monotonic() - begun < 1
    assert str(raised.value).endswith("; device: cpu goes without a GPU")
    assert "Please" not in str(raised.value)


WARNED = [
    pytest.param({}, V100, CUDA_13, OLD_DRIVER, r"too old .*driver 535\.104\.05", id="old driver"),
    pytest.param({}, V100, CUDA_13, NO_CODE, r"no kernel image .*sm_75 sm_80 .*\(sm_70\)", id="no code for the card"),
    pytest.param({}, H100, CPU_BUILD, NOT_COMPILED, r"for CPUs alone, card NVIDIA H100", id="build for CPUs"),
    pytest.param({}, H100, ROCM, NO_AMD_CARD, r"for ROCm 7\.2\.1 .*card NVIDIA H100", id="build for AMD"),
    pytest.param({"CUDA_VISIBLE_DEVICES": ""}, H100, CUDA_13, NO_CARD, r"CUDA_VISIBLE_DEVICES ''", id="hidden"),
    pytest.param({"SLURM_GPUS": "0"}, H100, CUDA_13, NO_CARD, r"ask the scheduler for a GPU", id="SLURM, without"),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "smi", "build", "fault", "message"), WARNED)
def test_with_auto_a_card_that_cannot_be_used_is_warned_of(
    machine, monkeypatch, caplog, variables, smi, build, fault, message
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    install_nvidia_smi(machine, smi)
    fake_torch(monkeypatch, build, fault)
    assert choose_device("auto") == "cpu"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith("going on on the CPU, since torch cannot use the GPU: ")
    assert "\n" not in record.message
    with pytest.raises(InputError, match=message):
        raise InputError(record.message)


@pytest.mark.parametrize(
    ("build", "fault"), [(CPU_BUILD, NOT_COMPILED), (CUDA_13, NO_DRIVER), (ROCM, NO_AMD_CARD)]
)
def test_without_a_card_auto_is_the_cpu_and_says_nothing(machine, monkeypatch, caplog, build, fault):
    fake_torch(monkeypatch, build, fault)
    assert choose_device("auto") == "cpu"
    assert not caplog.records


@pytest.mark.parametrize("word", ["auto", "cuda"])
@pytest.mark.parametrize("variables", [{}, SLURM])
@pytest.mark.parametrize("build", [CUDA_12, CUDA_13, ROCM])
def test_a_gpu_that_works_is_used(machine, monkeypatch, caplog, word, variables, build):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fake_torch(monkeypatch, build, None)
    assert choose_device(word) == "cuda"
    assert not caplog.records


def test_a_gpu_that_counts_wrongly_is_not_used(machine, monkeypatch):
    fake_torch(monkeypatch, CUDA_13, None)
    monkeypatch.setattr(device.functional, "conv3d", lambda *_: torch.zeros(1))
    with refused_in_one_line(r"a sum of 27 ones is 0\.0"):
        choose_device("cuda")


def test_device_cpu_is_the_cpu_whatever_was_given(machine, monkeypatch, caplog):
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    install_nvidia_smi(machine, V100)
    fake_torch(monkeypatch, CUDA_13, OLD_DRIVER)
    with caplog.at_level(logging.INFO):
        assert choose_device("cpu") == "cpu"
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert "the GPU of this job (SLURM_JOB_GPUS=0) is not used" in caplog.text


@pytest.mark.parametrize(
    ("line", "driver"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023", "535.104.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)", "580.65.06"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("smi", "code"),
    [
        (None, 0),
        ("NVIDIA-SMI has failed, because it could not talk to the driver.", 9),
        ("No devices were found", 0),
    ],
)
def test_without_nvidia_smi_the_kernel_knows_driver_and_cards(machine, monkeypatch, line, driver, smi, code):
    if smi:
        install_nvidia_smi(machine, smi, code)
    for number in range(2):
        card = machine / "nvidia" / "gpus" / f"0000:0{number}:00.0" / "information"
        card.parent.mkdir(parents=True)
        card.write_text("Model: \t\t Tesla T4\nIRQ:   \t\t 55\n")
    (machine / "nvidia" / "version").write_text(f"{line}\nGCC version:  gcc version 11.4.0\n")
    fake_torch(monkeypatch, CUDA_13, OLD_DRIVER)
    with refused_in_one_line(rf"\(driver {driver}, torch .*, card Tesla T4, Tesla T4\)"):
        choose_device("cuda")


def test_a_card_whose_driver_is_not_loaded_is_seen(machine, monkeypatch, caplog):
    """After an update of the kernel the driver's module may be missing: neither nvidia-smi nor /proc sees a card."""
    for name, vendor, kind, number in (
        ("a", "0x10de", "0x030200", "0x1db6"),
        ("b", "0x8086", "0x030000", "0x1"),
    ):
        (machine / "pci" / name).mkdir(parents=True)
        for file, text in {"vendor": vendor, "class": kind, "device": number}.items():
            (machine / "pci" / name / file).write_text(f"{text}\n")
    fake_torch(monkeypatch, CUDA_13, NO_DRIVER)
    assert choose_device("auto") == "cpu"
    assert (
        "driver none, torch 2.13.0+cu130 for CUDA 13.0 with code for sm_75 sm_80 sm_90, card NVIDIA 0x1db6"
        in caplog.text
    )


def test_an_nvidia_smi_that_hangs_is_left(machine, monkeypatch):
    install_nvidia_smi(machine, "")
    (machine / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 5\n")
    monkeypatch.setattr(device, "NVIDIA_SMI_SECONDS", 0.2)
    fake_torch(monkeypatch, CUDA_13, NO_CARD)
    with refused_in_one_line("driver none"):
        choose_device("cuda")


@pytest.mark.slow
@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch may use a GPU")
@pytest.mark.parametrize("section", ["training", "weak"])
def test_a_run_tries_the_gpu_before_its_first_job(machine, config, monkeypatch, capfd, section):
    assert start.check_devices(config) == [], "device: cpu tries nothing"
    changed = {**config.sections, section: {**config.sections[section], "device": "auto"}}
    auto = type(config)(**{**vars(config), "sections": changed})
    (line,) = start.check_devices(auto)
    assert line.startswith("device: auto is the CPU here")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with refused_in_one_line(r"^CUDA_VISIBLE_DEVICES=0 gives this job a GPU, but .* not compiled with CUDA"):
        start.check_devices(auto)
    assert start.check_devices(config) == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    install_nvidia_smi(machine, V100)
    line, _ = start.check_devices(auto)
    assert line.startswith("going on on the CPU, since torch cannot use the GPU: Torch not compiled")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_the_gpu_of_this_machine_is_used():
    assert choose_device("auto") == choose_device("cuda") == "cuda"
