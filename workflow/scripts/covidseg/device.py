"""The device that a network runs on, and the precision of its arithmetic."""

import ctypes
import logging
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

log = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


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
    """
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16(device) and _is_faster_in_bfloat16(device) else "float32"
    return Compute(torch.device(device), PRECISIONS[precision])


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
