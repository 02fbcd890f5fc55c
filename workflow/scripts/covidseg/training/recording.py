"""A function of tensors that a GPU records once and then replays (CUDA graph).

A training step starts about a thousand kernels. To start them one by one takes a processor longer than a GPU
needs to run them. A recorded step is started as a whole.
"""

import logging
from collections.abc import Callable

import torch

from covidseg.training.state import Tensors

log = logging.getLogger(__name__)

WARM_UP = (
    3  # calls before the recording: libraries choose their kernels and take their memory in the first ones
)


class Recorder:
    """Calls a function; on a GPU, records the function at the fourth call, and then replays the record.

    The function must do the same work in every call, and must not make the host wait for the device. The next
    call overwrites its results.

    Attributes:
        function: gets tensors and numbers by name; returns tensors by name.
        replays: whether calls are recorded; false on a CPU, or after a recording that failed.
    """

    def __init__(self, function: Callable[[Tensors], Tensors], device: torch.device) -> None:
        self.function = function
        self.replays = device.type == "cuda"
        self.stream = torch.cuda.Stream(device) if self.replays else None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: Tensors = {}
        self.outputs: Tensors = {}

    def __call__(self, inputs: Tensors) -> Tensors:
        """Return the results of the function for new inputs, which have the shapes of all calls."""
        self.calls += 1
        if self.replays and self.calls > WARM_UP and self.graph is None:
            self._record(inputs)
        if self.graph is None:
            return self._call(inputs)
        for name, tensor in inputs.items():
            self.inputs[name].copy_(tensor)
        self.graph.replay()
        return self.outputs

    def release(self) -> None:
        """Drop the record and free its memory; the next call records anew."""
        self.graph, self.inputs, self.outputs = None, {}, {}

    def forget(self) -> None:
        """Drop the record, because the function uses other tensors from now on."""
        self.release()
        self.calls = 0

    def _call(self, inputs: Tensors) -> Tensors:
        """Call the function, on the stream on which it will be recorded, as torch demands."""
        if self.stream is None:
            return self.function(inputs)
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            outputs = self.function(inputs)
        current.wait_stream(self.stream)
        return outputs

    def _record(self, inputs: Tensors) -> None:
        self.inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        torch.cuda.empty_cache()  # the record has memory of its own
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.outputs = self.function(self.inputs)
        except RuntimeError as error:
            log.warning("the training step cannot be recorded (%s); it is slower", str(error).splitlines()[0])
            self.replays = False
            return
        self.graph = graph
