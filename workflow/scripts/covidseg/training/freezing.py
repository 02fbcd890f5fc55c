"""Freeze parts of a network."""

from torch import nn

from covidseg.training.network import is_head


def freeze(network: nn.Module, *parts: str) -> None:
    """Freeze parts of a network: their parameters are not trained.

    The library's decoder holds its encoder, so `network.decoder.requires_grad_(False)` would freeze all.

    Args:
        network: the network to train, with random or loaded weights.
        parts: names of parts as in model.json: encoder, decoder, general_encoder, fusion, or head (the
            segmentation heads, which the decoder does not contain).

    Raises:
        ValueError: the network has no such part.
    """
    members: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():  # names a shared parameter once, by its first module
        members.setdefault("head" if is_head(name) else name.partition(".")[0], []).append(parameter)
    for part in parts:
        if part not in members:
            raise ValueError(f"no part {part!r} of the network; there are: {', '.join(members)}")
        for parameter in members[part]:
            parameter.requires_grad_(False)
