"""Run in nnU-Net's environment: plan, preprocess, and train a small network for some iterations.

Usage: nnunet_source.py <number of the data set> <JSON>: what is changed in nnU-Net's plan: `spacing`, `patch_size`,
and arguments of the network. nnU-Net writes the model to its folder of results.
"""

import json
import sys
from pathlib import Path

import torch
from nnunetv2.experiment_planning.plan_and_preprocess_api import (
    extract_fingerprints,
    plan_experiments,
    preprocess,
)
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


def change_plans(path, changes):
    """Make the planned network small; nnU-Net itself plans up to 320 features."""
    plans = json.loads(path.read_text())
    chosen = plans["configurations"]["3d_fullres"]
    chosen |= {key: changes.pop(key) for key in ("spacing", "patch_size")}
    chosen["architecture"]["arch_kwargs"] |= changes
    path.write_text(json.dumps(plans))
    return plans


def train(plans, dataset):
    trainer = nnUNetTrainer(
        plans | {"continue_training": False}, "3d_fullres", 0, dataset, torch.device("cpu")
    )
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 1, 10, 1
    trainer.run_training()


if __name__ == "__main__":
    number = int(sys.argv[1])
    extract_fingerprints([number], num_processes=1)
    plan_experiments([number])
    (folder,) = Path(str(nnUNet_preprocessed)).glob(f"Dataset{number}_*")
    plans = change_plans(folder / "nnUNetPlans.json", json.loads(sys.argv[2]))
    preprocess([number], configurations=["3d_fullres"], num_processes=[1])
    train(plans, json.loads((folder / "dataset.json").read_text()))
