"""What plans.json and dataset.json of nnU-Net v2 say of a network, in the terms of covidseg.

The format: github.com/MIC-DKFZ/nnUNet, nnunetv2/utilities/plans_handling/plans_handler.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from covidseg.cases.ct_normalisation import CTNormalisation
from covidseg.errors import InputError
from covidseg.training.sections import Architecture, Network

CLOSE = 0.01  # spacings that differ by at most this share are the same
NETWORK = "PlainConvUNet"
AXES = [0, 1, 2]
# What covidseg's blocks are made of (training/network.py): key of nnU-Net's arguments -> the value that fits.
LAYERS = {
    "conv_op": "Conv3d",
    "norm_op": "InstanceNorm3d",
    "nonlin": "LeakyReLU",
    "dropout_op": None,
    "conv_bias": True,
    "nonlin_first": False,
}
SETTINGS = {
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "nonlin_kwargs": {"negative_slope": 0.01},
}


@dataclass(frozen=True)
class NnunetPlan:
    """A network of nnU-Net.

    Attributes:
        architecture: the network, as `build_network` takes it.
        spacing: (z, y, x) in mm of the scans that it was trained on.
        patch: size (z, y, x) of a patch in voxels.
        normalisation: how a scan becomes its input.
        labels: output channel, as a string of digits -> name of the region.
    """

    architecture: Architecture
    spacing: list[float]
    patch: list[int]
    normalisation: CTNormalisation
    labels: dict[str, str]


def read_plan(plans: dict[str, Any], dataset: dict[str, Any], configuration: str, where: str) -> NnunetPlan:
    """Return the network that plans.json and dataset.json describe.

    Args:
        plans: content of plans.json.
        dataset: content of dataset.json.
        configuration: nnU-Net's name of the configuration, such as 3d_fullres.
        where: the model's place, for messages.

    Raises:
        InputError: covidseg has no such network, or the files are damaged.
    """
    try:
        chosen = _configuration(plans["configurations"], configuration)
        _refuse_other_inputs(plans, chosen, dataset)
        return NnunetPlan(
            architecture=_architecture(chosen),
            spacing=[float(one) for one in chosen["spacing"]],
            patch=[int(one) for one in chosen["patch_size"]],
            normalisation=_normalisation(plans),
            labels=_labels(dataset["labels"]),
        )
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{where}: plans.json or dataset.json is without {error}, or damaged; export the model again"
        ) from error


def _configuration(configurations: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a configuration, with the keys of the one that it inherits from."""
    if name not in configurations:
        raise ValueError(
            f"its folder is named for configuration {name!r}, but plans.json has "
            f"{', '.join(configurations)}; keep the name that nnU-Net gave the folder"
        )
    own = configurations[name]
    parent = own.get("inherits_from")
    return _configuration(configurations, parent) | own if parent else own


def _refuse_other_inputs(plans: dict[str, Any], chosen: dict[str, Any], dataset: dict[str, Any]) -> None:
    """Raise ValueError unless the input is one CT, in three dimensions, with the axes z, y, x."""
    channels = list((dataset.get("channel_names") or dataset["modality"]).values())
    schemes = list(chosen["normalization_schemes"])
    if len(chosen["patch_size"]) != 3:
        raise ValueError(f"its patch {chosen['patch_size']} is flat; covidseg takes 3D networks: 3d_fullres")
    if len(channels) != 1 or chosen.get("previous_stage"):
        more = "the result of a network before it" if chosen.get("previous_stage") else ", ".join(channels)
        raise ValueError(f"its input is more than one CT ({more}); covidseg's networks have one channel")
    if schemes != ["CTNormalization"]:
        raise ValueError(
            f"its normalisation is {', '.join(schemes)}; covidseg reads CTNormalization (channel_names: CT), "
            "which does not depend on how the scans were cut and windowed"
        )
    if list(plans["transpose_forward"]) != AXES:
        raise ValueError(f"its axes are in the order {plans['transpose_forward']}; covidseg has z, y, x")


def _normalisation(plans: dict[str, Any]) -> CTNormalisation:
    found = plans["foreground_intensity_properties_per_channel"]["0"]
    return CTNormalisation(
        window=(float(found["percentile_00_5"]), float(found["percentile_99_5"])),
        mean=float(found["mean"]),
        deviation=float(found["std"]),
    ).checked()


def _labels(labels: dict[str, Any]) -> dict[str, str]:
    numbers = {name: value for name, value in labels.items() if name not in ("background", "ignore")}
    if any(not isinstance(value, int) for value in numbers.values()):
        raise ValueError("its labels are regions that overlap; covidseg's regions do not")
    return {str(number): name for name, number in sorted(numbers.items(), key=lambda item: item[1])}


def _architecture(chosen: dict[str, Any]) -> Architecture:
    """Return a configuration's network; raises ValueError if covidseg's networks are made of other layers."""
    name, kwargs = _network(chosen)
    if name != NETWORK:
        raise ValueError(
            f"its network is {name}{_blocks(kwargs)}; covidseg's U-Net has plain convolutions: train with "
            "nnU-Net's default plans (nnUNetPlans)"
        )
    _refuse_other_layers(kwargs)
    stages = kwargs["n_stages"]
    return {
        "features": list(kwargs["features_per_stage"]),
        "kernels": _per_stage(kwargs["kernel_sizes"], stages),
        "strides": _per_stage(kwargs["strides"], stages),
        "convolutions": {
            "encoder": _repeat(kwargs["n_conv_per_stage"], stages),
            "decoder": _repeat(kwargs["n_conv_per_stage_decoder"], stages - 1),
        },
        "design": "unet",
    }


def _network(chosen: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the class and the arguments of a network; nnU-Net before 2.5 writes them in other words."""
    if "architecture" in chosen:
        found = chosen["architecture"]
        return found["network_class_name"].split(".")[-1], found["arch_kwargs"]
    stages, base = len(chosen["n_conv_per_stage_encoder"]), chosen["UNet_base_num_features"]
    blocks = "n_conv_per_stage" if chosen["UNet_class_name"] == NETWORK else "n_blocks_per_stage"
    return chosen["UNet_class_name"], {
        "n_stages": stages,
        "features_per_stage": [min(base * 2**i, chosen["unet_max_num_features"]) for i in range(stages)],
        "kernel_sizes": chosen["conv_kernel_sizes"],
        "strides": chosen["pool_op_kernel_sizes"],
        blocks: chosen["n_conv_per_stage_encoder"],
        "n_conv_per_stage_decoder": chosen["n_conv_per_stage_decoder"],
    }


def _blocks(kwargs: dict[str, Any]) -> str:
    blocks = kwargs.get("n_blocks_per_stage")
    return f" (residual blocks per stage: {blocks})" if blocks else ""


def _refuse_other_layers(kwargs: dict[str, Any]) -> None:
    for key, wanted in LAYERS.items():
        found = kwargs.get(key, wanted)
        found = found.split(".")[-1] if isinstance(found, str) else found
        if found != wanted:
            raise ValueError(f"its network has {key} {found}; covidseg's has {wanted}")
    for key, settings in SETTINGS.items():
        for name, value in settings.items():
            found = (kwargs.get(key) or {}).get(name, value)
            if found != value:
                raise ValueError(f"its network has {key}.{name} {found}; covidseg's has {value}")


def _per_stage(sizes: int | list[Any], stages: int) -> list[list[int]]:
    """Return one size (z, y, x) per stage; nnU-Net may write one number for all axes or stages."""
    listed = sizes if isinstance(sizes, list) else [sizes] * stages
    return [[one] * 3 if isinstance(one, int) else list(one) for one in listed]


def _repeat(number: int | Sequence[int], stages: int) -> list[int]:
    return [number] * stages if isinstance(number, int) else list(number)


def differences(plan: NnunetPlan, network: Network, spacing: Sequence[float]) -> list[str]:
    """Return what differs between a network of nnU-Net and the configuration, in words; stages count from 1.

    Args:
        plan: the network of nnU-Net.
        network: section `network` of the configuration.
        spacing: (z, y, x) in mm, to which the configuration resamples scans.
    """
    theirs, found = plan.architecture, []
    if len(theirs["features"]) != len(network["features"]):
        return [f"{len(theirs['features'])} stages, configured {len(network['features'])}"]
    sizes: list[tuple[str, Sequence[Any], Sequence[Any]]] = [
        ("features", theirs["features"], network["features"]),
        ("kernel", theirs["kernels"], network["kernels"]),
        ("stride", theirs["strides"], network["strides"]),
    ]
    for word, own, wanted in sizes:
        for stage, (one, other) in enumerate(zip(own, wanted, strict=True), start=1):
            if one != other:
                found.append(f"stage {stage}: {word} {one}, configured {other}")
    if theirs["convolutions"] != network["convolutions"]:
        found.append(f"convolutions {theirs['convolutions']}, configured {network['convolutions']}")
    if any(abs(one / other - 1) > CLOSE for one, other in zip(plan.spacing, spacing, strict=True)):
        found.append(f"spacing {_mm(plan.spacing)} mm, planned {_mm(spacing)}")
    return found


def _mm(spacing: Sequence[float]) -> str:
    return " x ".join(f"{one:g}" for one in spacing)
