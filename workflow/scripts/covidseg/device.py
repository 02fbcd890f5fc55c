"""Where and in which precision a network runs."""

from contextlib import AbstractContextManager

import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(setting: str) -> torch.device:
    """Return the device for "cpu", "cuda" or "auto" (a GPU where there is one)."""
    if setting == "auto":
        setting = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(setting)


def choose_precision(setting: str, device: torch.device) -> torch.dtype:
    """Return the type for "float32", "bfloat16" or "auto" (bfloat16 where the hardware has units for it)."""
    if setting == "auto":
        setting = "bfloat16" if _has_bfloat16(device) else "float32"
    return PRECISIONS[setting]


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager:
    """Return the context in which a network's forward pass runs."""
    return torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32)


def describe(device: torch.device, precision: torch.dtype) -> str:
    """Return the device's name, threads and precision, for logs and tables."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"CPU, {torch.get_num_threads()} threads"
    return f"{name}, {str(precision).removeprefix('torch.')}"


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
