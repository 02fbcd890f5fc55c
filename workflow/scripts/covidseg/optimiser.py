"""Stochastic gradient descent with Nesterov momentum."""

import torch
from torch import nn
from torch.optim.sgd import sgd


class NesterovSGD:
    """torch's SGD over a network's trainable parameters, momenta kept by the parameters' names.

    torch's functional form is used because the class imports torch's compiler on its first call, which
    takes as long as a phantom training; and momenta under their names go into a state file as they are.

    Attributes:
        momenta: parameter name -> momentum, empty before the first step.
    """

    def __init__(self, network: nn.Module, *, momentum: float, weight_decay: float) -> None:
        self.parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.momenta: dict[str, torch.Tensor] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter that has a gradient."""
        moving = {name: p for name, p in self.parameters.items() if p.grad is not None}
        buffers = [self.momenta.get(name) for name in moving]
        sgd(
            list(moving.values()),
            [p.grad for p in moving.values()],
            buffers,
            has_sparse_grad=False,
            foreach=None,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0,
            nesterov=True,
            maximize=False,
        )
        self.momenta.update(zip(moving, buffers, strict=True))
