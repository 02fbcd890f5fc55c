"""Run in nnU-Net's environment: load every case of every fold as nnU-Net's trainer does, and print what it sees.

Usage: nnunet_program.py Dataset<number>_<name> <folds>. The last line is JSON: a fold's part -> case -> label ids
and the mean of the normalised image over the lungs (labels 1 and 2).
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


def describe(dataset):
    found = {}
    for case in dataset.identifiers:
        image, labels, *_ = dataset.load_case(case)
        image, labels = np.asarray(image[0]), np.asarray(labels[0])
        lungs = float(image[(labels == 1) | (labels == 2)].mean())
        found[case] = {"labels": np.unique(labels).tolist(), "lungs": lungs}
    return found


def folds(name, count):
    folder = Path(str(nnUNet_preprocessed)) / name
    dataset = json.loads((folder / "dataset.json").read_text())
    for fold in range(count):
        plans = json.loads((folder / "nnUNetPlans.json").read_text()) | {"continue_training": False}
        trainer = nnUNetTrainer(plans, "3d_fullres", fold, dataset, torch.device("cpu"))
        training, validation = trainer.get_tr_and_val_datasets()
        yield {"train": describe(training), "val": describe(validation)}


if __name__ == "__main__":
    print(json.dumps(list(folds(sys.argv[1], int(sys.argv[2])))))
