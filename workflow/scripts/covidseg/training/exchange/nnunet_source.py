"""A network of nnU-Net becomes a pre-trained model of covidseg, which trainings start from."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from covidseg.errors import InputError
from covidseg.files import digest
from covidseg.training.description import Counts, ModelDescription, Normalisation
from covidseg.training.exchange import unpickle
from covidseg.training.exchange.nnunet_files import NnunetFiles
from covidseg.training.exchange.nnunet_plan import NnunetPlan, differences, read_plan
from covidseg.training.network import build_network
from covidseg.training.sections import Network
from covidseg.training.weights import LoadedWeights, copy_weights, read_tensors, save_model

log = logging.getLogger(__name__)

REMEDY = "take a model that fits, or write its network and spacing into a configuration (docs/models.md)"


@dataclass(frozen=True)
class Source:
    """A source of experiments.yaml that is a model of nnU-Net.

    Attributes:
        name: key of `sources`.
        files: where the model is.
        network: section `network` of the configuration.
        spacing: (z, y, x) in mm, to which the configuration resamples scans.
    """

    name: str
    files: NnunetFiles
    network: Network
    spacing: Sequence[float]


def import_nnunet(source: Source, weights: Path) -> None:
    """Write model.safetensors and model.json of a pre-trained model, from a network of nnU-Net.

    Args:
        source: the model and what it has to fit.
        weights: path of model.safetensors.

    Raises:
        InputError: the model is damaged, does not fit the configuration, or covidseg has no such network.
    """
    where = f"{source.files.path}: {source.files.configuration}"
    plans, dataset = (source.files.read_json(kind) for kind in ("plans", "dataset"))
    plan = read_plan(plans, dataset, source.files.configuration, where)
    if found := differences(plan, source.network, source.spacing):
        raise InputError(f"{where}: does not fit the configuration: {'; '.join(found)}; {REMEDY}")
    network = build_network(plan.architecture, classes=1 + len(plan.labels), seed=0)
    copy_weights(read_weights(source.files), dict(network.named_parameters()), source.files.path)
    log.info("%s: regions %s, %s", where, ", ".join(plan.labels.values()), plan.normalisation)
    save_model(weights, network, describe(source, plan, network))


def read_weights(files: NnunetFiles) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint: another process unpickles them, without torch's switches.

    Raises:
        InputError: the checkpoint is damaged, or holds more than weights.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TORCH")}
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, weights = (Path(temporary) / name for name in ("checkpoint.pth", "weights.safetensors"))
        files.copy_checkpoint(checkpoint)
        command = [sys.executable, "-I", unpickle.__file__, str(checkpoint), str(weights)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["its process was killed"])[-1]
            raise InputError(
                f"{files.path}: {files.members['checkpoint']}: {reason}; name a checkpoint of nnU-Net v2"
            )
        return read_tensors(weights)


def describe(source: Source, plan: NnunetPlan, network: nn.Module) -> ModelDescription:
    """Return the content of model.json."""
    loaded = LoadedWeights.of(network, loaded=[name for name, _ in network.named_parameters()])
    counts: dict[str, Counts] = loaded.counts(network)
    return ModelDescription(
        plan={"spacing": plan.spacing, "patch": plan.patch},
        normalisation=cast("Normalisation", plan.normalisation.to_json()),
        labels=plan.labels,
        schedule={"epochs": 0, "first_epoch": 0, "epoch_max": 0},
        lineage={
            "experiment": f"pretrain-{source.name}",
            "fold": 0,
            "strategy": "nnunet",
            "options": {"fold": source.files.fold, "checkpoint": source.files.checkpoint},
            "pretrained": None,
            "training_cases": [],
            "source_cases": [],
            "seed": 0,
        },
        fingerprint=" ".join(digest(path) for path in source.files.inputs),
        architecture=plan.architecture,
        parameters=counts,
        device="trained by nnU-Net",
    )
