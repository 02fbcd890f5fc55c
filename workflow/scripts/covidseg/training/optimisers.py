"""The optimisers: stochastic gradient descent (SGD) with Nesterov momentum, and Adam."""

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimiser:
    """What both optimisers have in common.

    Attributes:
        parameters: name -> parameter to train.
    """

    parameters: dict[str, nn.Parameter]

    def zero_grad(self) -> None:
        """Delete the gradients of all parameters."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def moving(self) -> dict[str, nn.Parameter]:
        """Return the parameters that have a gradient."""
        return {name: p for name, p in self.parameters.items() if p.grad is not None}


class NesterovSGD(Optimiser):
    """torch's SGD for a network's trainable parameters; the momenta are stored by the parameters' names.

    torch's functional form is used for two reasons. torch's class imports torch's compiler on the first
    call, which takes as long as a training on phantoms. And momenta with names can be written to a state
    file without conversion.

    Attributes:
        momenta: parameter name -> momentum; empty before the first step.
    """

    def __init__(self, network: nn.Module, *, momentum: float, weight_decay: float) -> None:
        self.parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.momenta: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def step(self, learning_rate: torch.Tensor) -> None:
        """Update every parameter that has a gradient; the learning rate is a tensor without axes."""
        moving = self.moving()
        on_gpu = learning_rate.is_cuda
        for name, parameter in moving.items():
            if name not in self.momenta:
                self.momenta[name] = torch.zeros_like(parameter)
        sgd(
            list(moving.values()),
            [p.grad for p in moving.values() if p.grad is not None],
            [self.momenta[name] for name in moving],
            has_sparse_grad=False,
            foreach=False,
            fused=on_gpu,  # one kernel for all parameters
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            # torch's annotations know numbers alone. Its fused kernel takes a float32 tensor.
            lr=learning_rate.float() if on_gpu else learning_rate.item(),  # type: ignore[arg-type]
            dampening=0,
            nesterov=True,
            maximize=False,
        )


class Adam(Optimiser):
    """torch's Adam for a network's parameters, in functional form for the reasons given in `NesterovSGD`.

    Attributes:
        moments: parameter name -> first moment, second moment and number of steps, three tensors.
    """

    def __init__(self, network: nn.Module, *, betas: tuple[float, float]) -> None:
        self.parameters = dict(network.named_parameters())
        self.betas = betas
        self.moments: dict[str, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
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
            # Without `fused`, a CPU uses MKL's square root, whose last bit depends on the processor's maker.
            fused=next(iter(moving.values())).device.type == "cpu",
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
