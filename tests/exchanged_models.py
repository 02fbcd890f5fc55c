"""A small network as covidseg and as nnU-Net keep it."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import nn

from conftest import SMALL_NETWORK, describe
from covidseg.training.network import build_network
from covidseg.training.weights import save_model

FOLDER = "Dataset700_Tumours/nnUNetTrainer__nnUNetPlans__3d_fullres"
ARGUMENTS = {
    "n_stages": 2,
    "features_per_stage": [4, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2]],
    "n_conv_per_stage": [1, 1],
    "n_conv_per_stage_decoder": [1],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
PLANS = {
    "transpose_forward": [0, 1, 2],
    "foreground_intensity_properties_per_channel": {
        "0": {"percentile_00_5": -900.0, "percentile_99_5": 100.0, "mean": -400.0, "std": 250.0}
    },
    "configurations": {
        "3d_fullres": {
            "patch_size": [4, 16, 16],
            "spacing": [3.0, 1.5, 1.0],
            "normalization_schemes": ["CTNormalization"],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": ARGUMENTS,
            },
        }
    },
}
DATASET = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "tumour": 1}}


def nnunet_network(seed=5):
    """nnU-Net's own network, with random weights."""
    torch.manual_seed(seed)
    classes = {"conv_op": nn.Conv3d, "norm_op": nn.InstanceNorm3d, "nonlin": nn.LeakyReLU}
    return PlainConvUNet(1, num_classes=2, deep_supervision=True, **ARGUMENTS | classes)


def checkpoint_of(network):
    """What nnUNetTrainer.save_checkpoint writes, logs with numpy's numbers included."""
    return {
        "network_weights": network.state_dict(),
        "optimizer_state": {"param_groups": [{"lr": 0.01}]},
        "logging": {"train_losses": [np.float32(0.5)], "dice_per_class_or_region": [[np.float64(0.1)]]},
        "_best_ema": np.float64(0.3),
        "current_epoch": np.int64(1),
        "init_args": {"configuration": "3d_fullres", "device": torch.device("cpu")},
        "trainer_name": "nnUNetTrainer",
    }


def write_nnunet_model(folder: Path, network=None, plans=PLANS, dataset=DATASET) -> Path:
    """Write a model as nnU-Net does; returns the folder of all models."""
    model = folder / FOLDER
    (model / "fold_0").mkdir(parents=True)
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset.json").write_text(json.dumps(dataset))
    torch.save(checkpoint_of(network or nnunet_network()), model / "fold_0" / "checkpoint_final.pth")
    return folder


def packed(folder: Path) -> Path:
    """Pack a folder of models, as nnUNetv2_export_model_to_zip does."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return folder.with_suffix(".zip")


def write_model(folder: Path, seed=3, classes=2, **changes) -> Path:
    """Write a small trained model of covidseg; returns model.safetensors."""
    description = describe(SMALL_NETWORK | changes)
    network = build_network(description.architecture, classes=classes, seed=seed)
    with torch.no_grad():  # norms that are not 1 and 0
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    labels = {str(number): f"region{number}" for number in range(1, classes)}
    save_model(folder / "model.safetensors", network, dataclasses.replace(description, labels=labels))
    return folder / "model.safetensors"
