"""Stochastic gradient descent with Nesterov momentum, and Adam."""

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimiser:
    """What both have in common.

    Attributes:
        parameters: name -> parameter that is trained.
    """

    parameters: dict[str, nn.Parameter]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def moving(self) -> dict[str, nn.Parameter]:
        """Return the parameters that have a gradient."""
        return {name: p for name, p in self.parameters.items() if p.grad is not None}


class NesterovSGD(Optimiser):
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

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter that has a gradient."""
        moving = self.moving()
        buffers = [self.momenta.get(name) for name in moving]
        sgd(
            list(moving.values()),
            [p.grad for p in moving.values() if p.grad is not None],
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
        # `sgd` has put a tensor into the place of each None.
        self.momenta |= {name: b for name, b in zip(moving, buffers, strict=True) if b is not None}


class Adam(Optimiser):
    """torch's Adam over a network's parameters, in its functional form as `NesterovSGD`.

    Attributes:
        moments: parameter name -> first moment, second moment and number of steps (a tensor each).
    """

    def __init__(self, network: nn.Module, *, betas: tuple[float, float]) -> None:
        self.parameters = dict(network.named_parameters())
        self.betas = betas
        self.moments: dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter that has a gradient."""
        moving = self.moving()
        for name, parameter in moving.items():
            if name not in self.moments:
                zeros = torch.zeros_like(parameter)
                self.moments[name] = (zeros, zeros.clone(), torch.zeros(()))
        first, second, steps = zip(*(self.moments[name] for name in moving), strict=True)
        adam(
            list(moving.values()),
            [p.grad for p in moving.values() if p.grad is not None],
            list(first),
            list(second),
            [],
            list(steps),
            foreach=False,
            # Else a CPU takes MKL's square roots, whose last bit is another on another maker's processor.
            fused=next(iter(moving.values())).device.type == "cpu",
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
