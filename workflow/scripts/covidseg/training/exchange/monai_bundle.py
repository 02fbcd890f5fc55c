"""A trained model as a bundle of MONAI: a folder with network, weights, and what a scan goes through.

The format is MONAI's Bundle Specification. The network is that of dynamic-network-architectures, so the
bundle needs MONAI and this package, and nothing of covidseg.
"""

import importlib.metadata
from pathlib import Path
from typing import Any

import torch

from covidseg.cases.ct_normalisation import CTNormalisation
from covidseg.files import write_json
from covidseg.training.description import ModelDescription
from covidseg.training.exchange.nnunet_zip import CLASS, network_arguments
from covidseg.training.exchange.stock_network import with_stock_layers
from covidseg.training.weights import load_model

PACKAGES = {"dynamic-network-architectures": "dynamic_network_architectures", "nibabel": "nibabel"}
ZYX = [0, 3, 2, 1]  # the order of a volume's axes (channel, x, y, z) in that of the network


def write_monai_bundle(folds: dict[int, Path], output: Path, *, step: float) -> None:
    """Write the models of all folds as one bundle.

    Args:
        folds: number of the fold -> model.safetensors.
        output: folder of the bundle.
        step: distance from one tile to the next, as a share of the patch.
    """
    (output / "models").mkdir(parents=True)
    for fold, weights in folds.items():
        network, description = load_model(weights)
        torch.save(with_stock_layers(network).state_dict(), output / "models" / f"model_fold{fold}.pt")
    (output / "configs").mkdir()
    write_json(output / "configs" / "metadata.json", metadata(description))
    write_json(output / "configs" / "inference.json", inference(description, fold=min(folds), step=step))


def inference(description: ModelDescription, *, fold: int, step: float) -> dict[str, Any]:
    """Return configs/inference.json; `run` segments the file `image` and returns the labels (z, y, x)."""
    network = network_arguments(description) | {"dropout_op": None, "deep_supervision": False}
    located = {key: f"${network[key]}" for key in ("conv_op", "norm_op", "nonlin")}
    outputs = 1 + len(description.labels)
    see = "@preprocessing({'image': @image})['image'][None]"
    load = "torch.load(@bundle_root + '/models/model_fold' + str(@fold) + '.pt', weights_only=True)"
    return {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "fold": fold,
        "image": "scan.nii.gz",
        "network_def": {"_target_": CLASS, "input_channels": 1, "num_classes": outputs} | network | located,
        "weights": f"$@network_def.load_state_dict({load})",
        "preprocessing": {"_target_": "Compose", "transforms": _transforms(description)},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": description.plan["patch"],
            "sw_batch_size": 2,
            "overlap": 1 - step,
            "mode": "gaussian",
        },
        "labels": f"$@inferer({see}, @network_def.eval()).argmax(1)[0]",
        "run": ["@weights", "$@labels"],
    }


def _transforms(description: ModelDescription) -> list[dict[str, Any]]:
    """Return what a scan in HU goes through, up to the input (1, z, y, x) of the network."""
    low, high = description.normalisation["window_hu"]
    z, y, x = description.plan["spacing"]
    found = CTNormalisation.of(description.normalisation)
    scale: dict[str, Any] = {"_target_": "NormalizeIntensityd"}
    if found is not None:
        scale |= {"subtrahend": found.mean, "divisor": found.deviation}
    steps: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "image_only": True},
        {"_target_": "EnsureChannelFirstd"},
        {"_target_": "Orientationd", "axcodes": "LPS", "labels": None},
        {"_target_": "ScaleIntensityRanged", "clip": True}
        | {"a_min": low, "a_max": high, "b_min": low, "b_max": high},
        {"_target_": "Spacingd", "pixdim": [x, y, z], "mode": "bilinear"},
        scale,
        {"_target_": "Transposed", "indices": ZYX},
    ]
    return [step | {"keys": "image"} for step in steps]


def metadata(description: ModelDescription) -> dict[str, Any]:
    """Return configs/metadata.json."""
    patch, labels = description.plan["patch"], {"0": "background", **description.labels}
    shared = {"format": "segmentation", "spatial_shape": patch, "dtype": "float32", "is_patch_data": True}
    versions = {
        f"{name}_version": importlib.metadata.version(package)
        for name, package in {"monai": "monai", "pytorch": "torch", "numpy": "numpy"}.items()
    }
    return {
        "version": "1.0.0",
        "changelog": {"1.0.0": "written by covidseg"},
        **versions,
        "required_packages_version": {
            name: importlib.metadata.version(package) for package, name in PACKAGES.items()
        },
        "name": description.lineage["experiment"],
        "task": f"Segmentation of {', '.join(description.labels.values())} in chest CT",
        "description": "A network trained by covidseg. Not for clinical use.",
        "authors": "covidseg",
        "copyright": "see the licences of the training data",
        "intended_use": "research; not for clinical use",
        "network_data_format": {
            "inputs": {
                "image": {"type": "image", "modality": "CT", "num_channels": 1, "channel_def": {"0": "image"}}
                | shared
                | {"format": "hounsfield", "value_range": description.normalisation["window_hu"]}
            },
            "outputs": {
                "pred": {"type": "image", "num_channels": len(labels), "channel_def": labels}
                | shared
                | {"value_range": [0, 1]}
            },
        },
    }
