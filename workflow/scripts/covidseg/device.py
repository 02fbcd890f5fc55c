"""The device that a network runs on, and the precision of its arithmetic.

A job that was given a GPU uses the GPU, or ends with one line: on a CPU a training of the papers takes years.
"""

import ctypes
import logging
import os
import re
import subprocess
import time
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from covidseg.errors import InputError

log = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# Variables in which a scheduler or a user names the GPUs of a process, and variables with a number of GPUs.
GPU_NAMES = (
    *("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
    *("NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
)
GPU_COUNTS = ("SLURM_GPUS_ON_NODE", "SLURM_GPUS")
# What torch raises if it cannot use a GPU; AssertionError, where a build of torch is for CPUs alone.
GPU_ERRORS = (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError)
# Values that name no GPU. Images of containers set "all", also on machines without a GPU.
NO_GPU = ("", "-1", "nodevfiles", "none", "void", "all")

NVIDIA = Path("/proc/driver/nvidia")
PCI = Path("/sys/bus/pci/devices")
NVIDIA_VENDOR, DISPLAY_CLASS = "0x10de", "0x03"
NVIDIA_SMI_SECONDS = 10
QUERY = ("nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader")

OLDER_BUILD = "envs/requirements-cu126.txt (make demo TORCH=cu126)"
# Words of an error of torch -> what helps.
REMEDIES = {
    "not compiled with CUDA": f"install envs/requirements.txt or, for an older card or driver, {OLDER_BUILD}",
    "driver on your system is too old": "update the driver (CUDA 13 needs 580 or newer, CUDA 12 needs 525), "
    f"or install {OLDER_BUILD}, which has CUDA 12.6",
    "no kernel image": f"for cards up to Volta (sm_70) install {OLDER_BUILD}, "
    "for newer cards envs/requirements.txt",
    "Found no NVIDIA driver": "load NVIDIA's driver, or start the container with its GPUs",
    "GPUs are available": "correct or unset CUDA_VISIBLE_DEVICES, or ask the scheduler for a GPU",
    "invalid device": "correct or unset CUDA_VISIBLE_DEVICES",
    "busy or unavailable": "another process has the card for itself: run one job at a time "
    "(--resources gpu=1), or choose another card with CUDA_VISIBLE_DEVICES",
    "cuDNN": "unset LD_LIBRARY_PATH, which may lead to another cuDNN, or set up .venv anew",
    "out of memory": "other processes fill the card: nvidia-smi lists them; choose another card with "
    "CUDA_VISIBLE_DEVICES",
    "system not yet initialized": "start the service nvidia-fabricmanager on this machine",
    "unsupported display driver": "the driver and its libraries have different versions: restart the machine",
}
OTHERWISE = "nvidia-smi says whether the driver works; if not, restart the machine"


@dataclass(frozen=True)
class Compute:
    """A device, and the floating-point type of a network's arithmetic on the device."""

    device: torch.device
    precision: torch.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which a network's forward pass runs."""
        enabled = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=enabled)

    def place(self, network: Network, memory_format: torch.memory_format) -> Network:
        """Move a network to the device and store its weights in the memory format."""
        # torch's own type annotations of `to` leave memory_format out.
        return network.to(self.device, memory_format=memory_format)  # type: ignore[call-overload]

    def __str__(self) -> str:
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        else:
            count = torch.get_num_threads()
            name = f"CPU with {count} thread{'s' if count > 1 else ''}"
        return f"{name}, {str(self.precision).removeprefix('torch.')}"


def choose_compute(device: str, precision: str, *, threads: int) -> Compute:
    """Return the device and the precision that the configuration's words mean on this machine.

    Args:
        device: "cpu", "cuda" or "auto" (a GPU where there is one).
        precision: "float32", "bfloat16" or "auto" (bfloat16 where it is faster).
        threads: number of processor threads, set for the whole process.

    Raises:
        InputError: as in `choose_device`.
    """
    torch.set_num_threads(threads)
    _keep_freed_memory()
    device = choose_device(device)
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16(device) and _is_faster_in_bfloat16(device) else "float32"
    return Compute(torch.device(device), PRECISIONS[precision])


def choose_device(word: str) -> str:
    """Return "cuda" or "cpu", the device that the configuration's word means on this machine.

    Args:
        word: "cpu", "cuda" or "auto". With "auto", a machine with an NVIDIA card that torch cannot use is
            warned of, and the CPU is used.

    Raises:
        InputError: torch cannot use a GPU, and the word is "cuda" or the process was given a GPU.
    """
    given = given_gpu()
    if word == "cpu":
        if given:
            log.info("device: cpu, so the GPU of this job (%s) is not used", given)
        return "cpu"
    fault = _fault()
    if not fault:
        return "cuda"
    driver, cards = _nvidia()
    if word == "cuda" or given:
        reason = f"{given} gives this job a GPU" if given else "device: cuda asks for a GPU"
        raise InputError(f"{reason}, but torch cannot use it: {_explain(fault, driver, cards)}")
    if cards:
        log.warning("going on on the CPU, since torch cannot use the GPU: %s", _explain(fault, driver, cards))
    return "cpu"


def given_gpu() -> str:
    """Return the variable by which this process was given a GPU, for example "SLURM_JOB_GPUS=0", or ""."""
    for name in (*GPU_NAMES, *GPU_COUNTS):
        value = os.environ.get(name, "")
        first = value.split(",")[0].strip().lower()
        if first not in NO_GPU and not (name in GPU_COUNTS and first.rpartition(":")[2] == "0"):
            return f"{name}={value}"
    return ""


def _fault() -> str:
    """Return the error of a small convolution on the GPU, in torch's words; "" if the result is right.

    Only a convolution shows whether driver, card, torch and cuDNN fit together: where a card has no code in
    the build of torch, `torch.cuda.is_available` is true.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of what the error says, in several lines
            ones = torch.ones(1, 1, 3, 3, 3, device="cuda")
            result = functional.conv3d(ones, ones).item()
    except GPU_ERRORS as error:
        line = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        return line.partition(" Please ")[0].rstrip(".")
    return "" if result == ones.numel() else f"a sum of {ones.numel()} ones is {result}"


def _nvidia() -> tuple[str, list[str]]:
    """Return the version of NVIDIA's driver, "none" if there is none, and the names of the NVIDIA cards."""
    try:
        asked = subprocess.run(QUERY, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS)
        rows = [line.split(", ", 1) for line in asked.stdout.splitlines() if ", " in line]
    except (OSError, subprocess.TimeoutExpired):
        rows = []
    if rows and not asked.returncode:
        return rows[0][0], [name for _, name in rows]
    version = re.search(r"\s(\d+(?:\.\d+)+)\s", _text(NVIDIA / "version"))
    cards = [_text(path) for path in sorted(NVIDIA.glob("gpus/*/information"))]
    models = [line.partition(":")[2].strip() for card in cards for line in card.splitlines()[:1]]
    return version[1] if version else "none", models or _cards_without_driver()


def _cards_without_driver() -> list[str]:
    return [
        f"NVIDIA {_text(card / 'device').strip()}"
        for card in sorted(PCI.glob("*"))
        if _text(card / "vendor").strip() == NVIDIA_VENDOR and _text(card / "class").startswith(DISPLAY_CLASS)
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _explain(fault: str, driver: str, cards: list[str]) -> str:
    """Return an error of torch with the driver, the build and the card, and what helps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch repeats its error in a warning
        architectures, card = torch.cuda.get_arch_list(), _card(cards)
    cuda, hip = torch.version.cuda, torch.version.hip
    built_for = f"CUDA {cuda}" if cuda else f"ROCm {hip}" if hip else "CPUs alone"
    code = f" with code for {' '.join(architectures)}" if architectures else ""
    remedy = next((remedy for words, remedy in REMEDIES.items() if words in fault), OTHERWISE)
    facts = f"driver {driver}, torch {torch.__version__} for {built_for}{code}, card {card}"
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        facts += f", CUDA_VISIBLE_DEVICES '{visible}'"
    return f"{fault} ({facts}); {remedy}; device: cpu goes without a GPU"


def _card(cards: list[str]) -> str:
    """Return the name of the card that torch would use, or else the names of all NVIDIA cards."""
    try:
        major, minor = torch.cuda.get_device_capability()
        return f"{torch.cuda.get_device_name()} (sm_{major}{minor})"
    except GPU_ERRORS:
        return ", ".join(cards) or "none"


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory: to return memory and request it again took a tenth of each iteration."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except OSError:
        return  # another C library has another allocator
    m_trim_threshold, m_mmap_threshold = -1, -3
    mallopt(m_trim_threshold, 2**30)
    mallopt(m_mmap_threshold, 2**30)


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _is_faster_in_bfloat16(device: str) -> bool:
    """Return whether bfloat16 is faster than float32; on a CPU, by the time of a convolution.

    Not every CPU with instructions for bfloat16 has units for them. Where the instructions are executed in
    several steps, a convolution took 1.3 to 1.8 times as long as in float32; with units, a fifth to a half.
    """
    if device == "cuda":
        return True
    seconds = _convolution_seconds()
    faster = seconds["bfloat16"] < seconds["float32"]
    listed = ", ".join(f"{1000 * value:.1f} ms in {name}" for name, value in seconds.items())
    log.info(
        "precision: auto chooses %s: a convolution takes %s", "bfloat16" if faster else "float32", listed
    )
    return faster


def _convolution_seconds() -> dict[str, float]:
    """Return precision -> the shortest processor time of five convolutions; the precisions take turns."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads wait for each other, and the processor time counts the waiting
    operands = torch.zeros(2, 32, 8, 32, 32), torch.zeros(32, 32, 3, 3, 3)
    seconds = dict.fromkeys(PRECISIONS, float("inf"))
    for _ in range(5):
        for name, precision in PRECISIONS.items():
            features, kernels = (
                operand.to(memory_format=torch.channels_last_3d).to(precision) for operand in operands
            )
            begun = time.process_time()
            functional.conv3d(features, kernels, padding=1)
            seconds[name] = min(seconds[name], time.process_time() - begun)
    torch.set_num_threads(threads)
    return seconds
