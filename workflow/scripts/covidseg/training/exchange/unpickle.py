"""Read the weights out of a checkpoint of nnU-Net: a program that runs in a process of its own.

A checkpoint is a pickle, and a pickle can run any code when it is read. So torch reads the checkpoint with
`weights_only`, which makes tensors and plain values and refuses everything else, and in a process that knows
nothing of the pipeline. Only the tensors of the network leave the process. What else the checkpoint says
(trainer, plans, logs) is dropped.

Usage: python -I unpickle.py <checkpoint> <file for the weights, safetensors>
"""

import pickle
import sys
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

# Numbers of numpy, with which nnU-Net logs losses: under the names of numpy 2 and of numpy 1.
NUMBERS: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float16", "float32", "float64", "int32", "int64", "bool")),
    *(
        (np._core.multiarray.scalar, f"numpy.{module}.multiarray.scalar")  # type: ignore[attr-defined]
        for module in ("core", "_core")
    ),
]
# nnU-Net lists each layer twice, and its encoder twice more as part of the decoder.
TWICE = (".all_modules.", "decoder.encoder.")
WRAPPERS = ("module.", "_orig_mod.")  # of a network on several GPUs, or compiled


def read_weights(path: str) -> dict[str, torch.Tensor]:
    """Return name -> tensor, float32, of the network in a checkpoint; each tensor once.

    Raises:
        ValueError: the file is no checkpoint of nnU-Net, or holds more than tensors and plain values.
    """
    try:
        with torch.serialization.safe_globals(NUMBERS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = [line for line in str(error).splitlines() if "GLOBAL" in line or "global" in line]
        reason = " ".join(found[:1]).strip() or "damaged"
        raise ValueError(f"holds more than weights and is not read ({reason})") from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"no checkpoint of torch, or damaged ({reason})") from error
    weights = content.get("network_weights") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(one, torch.Tensor) for one in weights.values()):
        raise ValueError("no checkpoint of nnU-Net v2: it has no tensors under network_weights")
    renamed = {_plain(str(name)): tensor for name, tensor in weights.items()}
    return {
        name: tensor.float().clone().contiguous()
        for name, tensor in renamed.items()
        if not any(part in name for part in TWICE)
    }


def _plain(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


if __name__ == "__main__":
    try:
        save_file(read_weights(sys.argv[1]), sys.argv[2])
    except ValueError as error:
        sys.exit(str(error))
