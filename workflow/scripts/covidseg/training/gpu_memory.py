"""What a job says when the memory of its GPU does not suffice."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from covidseg.errors import InputError

# Words of torch's errors when the memory is full, also where a library of NVIDIA has asked for memory.
MEMORY_IS_FULL = ("out of memory", "ALLOC_FAILED")


@contextmanager
def enough_gpu_memory(remedy: str) -> Iterator[None]:
    """Report in one line that the memory of the GPU does not suffice.

    Args:
        remedy: what lowers the need for memory.

    Raises:
        InputError: the memory of the GPU does not suffice.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in MEMORY_IS_FULL):
            raise
        raise InputError(f"{_describe(str(error))}; {remedy}") from error


def _describe(error: str) -> str:
    """Return how much memory this job needs, how much others hold, and how much the card has."""
    free, total = torch.cuda.mem_get_info()
    held = torch.cuda.memory_reserved()
    tried = re.search(r"Tried to allocate ([\d.]+ [KMG]iB)", error)
    others = _gib(max(0, total - free - held))
    return (
        f"the memory of the GPU is full: this job holds {_gib(held)} and asks for "
        f"{tried[1] if tried else 'more'}, other processes and the driver hold {others}, and "
        f"{torch.cuda.get_device_name()} has {_gib(total)}"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
