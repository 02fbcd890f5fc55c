"""Run in nnU-Net's environment: train a fold with nnU-Net's own trainer, a network of few features, for an instant.

Usage: nnunet_training.py Dataset<number>_<name> <fold>. `nnUNetv2_train` does the same, but has no option for a
training of less than an epoch of 250 iterations.
"""

import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import torch
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

# After so few iterations a network finds something by chance; the seed makes it the same in every run. After some
# dozens of iterations a network finds nothing at all for a while.
FEATURES, ITERATIONS, SEED = 4, 2, 1


def train(name, fold):
    # No processes that augment: they draw from seeds of their own, so that no training would be like the last.
    os.environ["nnUNet_n_proc_DA"] = "0"  # noqa: SIM112
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(SEED)
    folder = Path(str(nnUNet_preprocessed)) / name
    plans = json.loads((folder / "nnUNetPlans.json").read_text()) | {"continue_training": False}
    network = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    network["features_per_stage"] = [FEATURES] * network["n_stages"]
    dataset = json.loads((folder / "dataset.json").read_text())
    trainer = nnUNetTrainer(plans, "3d_fullres", fold, dataset, torch.device("cpu"))
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = (
        1,
        ITERATIONS,
        1,
    )
    trainer.run_training()


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]))
