"""What makes a network fast on an NVIDIA GPU: fused kernels, and torch's compiler for long trainings."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import nn

from covidseg.training.layers import FusedBlock
from covidseg.training.sections import Training

log = logging.getLogger(__name__)

PARTS = ("encoder", "general_encoder", "decoder")
# (ours) Iterations from which on `compile: auto` compiles. On an H100 a compilation takes 50 to 80 s, and
# saves 2.3 ms per iteration of the papers' network.
LONG = 50_000


def fuse(network: nn.Module, device: torch.device) -> None:
    """On an NVIDIA GPU, replace the layers of every block by one `FusedBlock`; parameters keep their names.

    Where Triton does not work (no C compiler, for example), a warning is logged and torch's layers stay.
    """
    if device.type != "cuda":
        return
    blocks = [block for block in network.modules() if isinstance(block, ConvDropoutNormReLU)]
    try:
        fused = [FusedBlock(block) for block in blocks]
        _try(fused[0], device)
    except Exception as error:  # the errors of Triton, of a compiler and of a driver have no common class
        log.warning("torch's own layers are used, which takes three times as long: Triton fails (%s)", error)
        return
    for block, one in zip(blocks, fused, strict=True):
        block.all_modules = one


def _try(block: FusedBlock, device: torch.device) -> None:
    """Run a block forwards and backwards once."""
    features = torch.ones(1, block.conv.in_channels, 2, 4, 4, device=device)
    output = block(features.contiguous(memory_format=torch.channels_last_3d))
    if output.requires_grad:
        torch.autograd.grad(output.sum(), [block.norm.weight])
    torch.cuda.synchronize(device)


def pays_to_compile(training: Training, device: torch.device) -> bool:
    """Return whether a training is compiled, by the configuration's `compile`: true, false or auto."""
    wanted = training["compile"]
    if wanted == "auto":
        return device.type == "cuda" and training["epochs"] * training["iterations"] >= LONG
    return wanted


def compile_parts(network: nn.Module, *, cache: Path) -> None:
    """Let torch compile encoders and decoder at their first call.

    Args:
        network: the network to train; changed in place.
        cache: folder for compiled code, from which other jobs take it.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache.resolve()))
    for name in PARTS:
        if hasattr(network, name):
            getattr(network, name).compile(dynamic=False)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run compiled networks as they are: patches of another number or size are not worth a compilation."""
    # The compiler takes seconds to import. If it is not imported, nothing is compiled.
    loaded = "torch._dynamo" in sys.modules
    with torch.compiler.set_stance("force_eager") if loaded else nullcontext():
        yield
