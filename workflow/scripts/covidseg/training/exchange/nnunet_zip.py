"""A trained model as nnU-Net v2 keeps it: a zip for `nnUNetv2_install_pretrained_model_from_zip`.

The content of the files: nnunetv2/inference/predict_from_raw_data.py of github.com/MIC-DKFZ/nnUNet.
"""

import inspect
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from covidseg.cases.ct_normalisation import CTNormalisation
from covidseg.files import atomic_path
from covidseg.training.description import ModelDescription
from covidseg.training.exchange import covidseg_unet
from covidseg.training.exchange.stock_network import with_stock_layers
from covidseg.training.weights import load_model

TRAINER, CONFIGURATION = "nnUNetTrainer", "3d_fullres"
CLASS = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
OWN_CLASS = "covidseg_unet.PlainConvUNet"  # in the model's folder: averages probabilities, as covidseg does
EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files in the zip, so that two runs write the same bytes
AS_READ = (
    "the scan as it is stored, with slices from the feet to the head, rows to the back, columns to the left"
)


@dataclass(frozen=True)
class Target:
    """What a zip says of a model beside its network.

    Attributes:
        dataset: nnU-Net's name of the data set, Dataset<number>_<name>.
        model: name of the experiment, which becomes nnU-Net's name of the plans.
        normalisation: how nnU-Net scales a scan in HU.
        mirror_axes: axes along which nnU-Net may mirror: 0 is z, 1 is y, 2 is x.
    """

    dataset: str
    model: str
    normalisation: CTNormalisation
    mirror_axes: Sequence[int]

    @property
    def folder(self) -> str:
        """The model's folder in nnU-Net's folder of results."""
        return f"{self.dataset}/{TRAINER}__{self.model}__{CONFIGURATION}"


def why_not_nnunet(description: ModelDescription) -> str:
    """Return why nnU-Net has no network like a model's; empty if it has one."""
    design, heads = description.architecture["design"], description.architecture.get("heads", 1)
    if design != "unet":
        return f"its network has two encoders ({design}), and nnU-Net's networks have one"
    return f"its network has {heads} heads, and nnU-Net's networks have one" if heads > 1 else ""


def write_nnunet_zip(folds: dict[int, Path], target: Target, output: Path) -> None:
    """Write the models of all folds as one zip.

    Args:
        folds: number of the fold -> model.safetensors.
        target: what else the zip says.
        output: path of the zip.
    """
    with atomic_path(output) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for fold, weights in folds.items():
            network, description = load_model(weights)
            content = io.BytesIO()
            torch.save(_checkpoint(network, fold, target), content)
            _add(archive, f"{target.folder}/fold_{fold}/checkpoint_final.pth", content.getvalue())
        texts = {
            "plans.json": plans(description, target, CLASS),
            "plans_probabilities.json": plans(description, target, OWN_CLASS),
            "dataset.json": dataset(description),
        }
        for name, entries in texts.items():
            _add(archive, f"{target.folder}/{name}", json.dumps(entries, indent=1).encode())
        _add(archive, f"{target.folder}/covidseg_unet.py", inspect.getsource(covidseg_unet).encode())


def _checkpoint(network: nn.Module, fold: int, target: Target) -> dict[str, Any]:
    return {
        "network_weights": with_stock_layers(network).state_dict(),
        "trainer_name": TRAINER,
        "init_args": {"configuration": CONFIGURATION, "fold": fold},
        "inference_allowed_mirroring_axes": tuple(target.mirror_axes) or None,
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)


def dataset(description: ModelDescription) -> dict[str, Any]:
    """Return the content of dataset.json."""
    labels = {name: int(number) for number, name in description.labels.items()}
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **labels},
        "numTraining": len(description.lineage["training_cases"]),
        "file_ending": ".nii.gz",
        "description": f"Trained by covidseg. Input: CT in HU; {AS_READ}.",
    }


def plans(description: ModelDescription, target: Target, network_class: str) -> dict[str, Any]:
    """Return the content of plans.json, for a class of networks that is named by its path."""
    spacing, patch = description.plan["spacing"], description.plan["patch"]
    low, high = target.normalisation.window
    mean = target.normalisation.mean
    return {
        "dataset_name": target.dataset,
        "plans_name": target.model,
        "original_median_spacing_after_transp": spacing,
        "original_median_shape_after_transp": patch,
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "percentile_00_5": low,
                "percentile_99_5": high,
                "mean": mean,
                "std": target.normalisation.deviation,
                **{"min": low, "max": high, "median": mean},
            }
        },
        "configurations": {CONFIGURATION: _configuration(description, network_class)},
    }


def _configuration(description: ModelDescription, network_class: str) -> dict[str, Any]:
    resampling = {
        f"resampling_fn_{kind}{suffix}": value
        for kind, order in (("data", 3), ("seg", 1), ("probabilities", 1))
        for suffix, value in {
            "": "resample_data_or_seg_to_shape",
            "_kwargs": {
                "is_seg": kind == "seg",
                "order": order,
                "order_z": 0,
                "force_separate_z": None,
            },
        }.items()
    }
    return {
        "data_identifier": f"covidseg_{CONFIGURATION}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": description.plan["patch"],
        "median_image_size_in_voxels": description.plan["patch"],
        "spacing": description.plan["spacing"],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **resampling,
        "architecture": {
            "network_class_name": network_class,
            "arch_kwargs": network_arguments(description),
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": False,
    }


def network_arguments(description: ModelDescription) -> dict[str, Any]:
    """Return the arguments of the class PlainConvUNet; classes are named by their path."""
    architecture = description.architecture
    return {
        "n_stages": len(architecture["features"]),
        "features_per_stage": architecture["features"],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": architecture["kernels"],
        "strides": architecture["strides"],
        "n_conv_per_stage": architecture["convolutions"]["encoder"],
        "n_conv_per_stage_decoder": architecture["convolutions"]["decoder"],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"negative_slope": 0.01, "inplace": True},
    }
