"""A trained network with torch's own layers, which other programs know."""

from torch import nn

from covidseg.training.layers import Convolution, InstanceNorm

STOCK: dict[type[nn.Module], type[nn.Module]] = {Convolution: nn.Conv3d, InstanceNorm: nn.InstanceNorm3d}


def with_stock_layers(network: nn.Module) -> nn.Module:
    """Give covidseg's layers the classes that they are made from; the weights and the results stay.

    covidseg's layers have no parameters of their own: they are faster ways to the same values.
    """
    for module in network.modules():
        if stock := STOCK.get(type(module)):
            module.__class__ = stock
    return network
