"""What a rehearsal runs: one experiment per strategy, one system of each kind, few cases, two iterations."""

import copy
from pathlib import Path
from typing import Any, cast

from covidseg.archives.origins import archive_paths
from covidseg.archives.phantom import HOSTS
from covidseg.config import in_use
from covidseg.config.configuration import Configuration
from covidseg.config.experiments import Experiment
from covidseg.config.sheets import Sections
from covidseg.config.without import learned_from

EPOCHS = 2  # the state is written after the first epoch, and the training is killed and goes on from there
# Per epoch, of the papers' network: on a GPU the first iterations are slower than all others. A small network
# needs so many that it is killed before it ends.
ITERATIONS = {"cpu": 1, "cuda": 20}
SMALL_ITERATIONS = 100
SLICES = {"train_normal": 8, "train_lesion": 6, "test_lesion": 4}
SCANS_WITH_SLICES = ["scan_001", "scan_002"]  # one normal, one with lesions


def rehearsal_sections(config: Configuration, device: str) -> Sections:
    """Return a configuration that runs every rule and strategy of another configuration, in minutes.

    Network, patch and batch stay as they are, and so does all else that decides memory and time per
    iteration. VA-GAN's often_steps, many updates of the critic in few iterations, are left out, since they
    would count as the time of every iteration.

    Args:
        config: the configuration to rehearse.
        device: "cuda" or "cpu". On a CPU a prediction computes only the tiles of one forward pass.
    """
    sections: dict[str, Any] = copy.deepcopy(dict(config.sections))
    real_grids = sections["phantom"] is None
    cases = {name: few_cases(config, name) for name in rehearsed_datasets(config)}
    sections |= {
        "name": f"{sections['name']}-rehearsal",
        "timed": True,
        "phantom": {"seed": sections["seed"], "cases": cases},
        "rehearsal": {
            "experiments": rehearsed_experiments(config),
            "real_grids": real_grids,
            "tiles": sections["inference"]["tiles"] if device == "cpu" else None,
        },
    }
    iterations = ITERATIONS[device] if real_grids else SMALL_ITERATIONS
    short = {"epochs": EPOCHS, "checkpoint_seconds": 0, "iterations": iterations}
    sections["training"] |= short | {"validation_every": EPOCHS, "validation_patches": 2}
    sections["weak"] |= short | {"slices": SLICES, "volume_slices": SLICES["test_lesion"]}
    sections["weak"]["va_gan"]["often_steps"] = sections["weak"]["va_gan"]["critic_steps"]
    sections["inference"]["mirror_axes"] = []
    return cast("Sections", sections)


def rehearsed_experiments(config: Configuration) -> list[str]:
    """Return one experiment per strategy, and one localiser per system and kind of heat map.

    Of the experiments that start from a pre-training the last one counts, which has most data and options;
    of those that start from random weights the first one, which all others are compared with. The lungs that
    slices are cut out with are needed too. An experiment on data of which there is no phantom is left out.
    """
    found: dict[str, str] = {}
    for name, one in config.experiments.items():
        first = one.pretraining or one.strategy not in found
        if one.evaluate and one.model == name and first and _has_phantoms(config, one):
            found[one.strategy] = name
    lungs = [name for name in [config.sections["weak"]["lungs"]] if name in config.experiments]
    heat = {(one.strategy, one.map): name for name, one in reversed(config.localisers.items())}
    return list(dict.fromkeys([*found.values(), *lungs, *reversed(heat.values())]))


def rehearsed_datasets(config: Configuration) -> list[str]:
    """Return the data sets in use of which there are phantoms."""
    used = {*in_use.datasets(config), *in_use.sliced_datasets(config)}
    return [name for name in config.datasets if name in used and _has_phantom(config, name)]


def strategies_left_out(config: Configuration) -> list[str]:
    """Return the strategies of which no experiment can be rehearsed, since its data have no phantom."""
    named = rehearsed_experiments(config)
    chosen = {config.experiments[name].strategy for name in named if name in config.experiments}
    return sorted(
        {one.strategy for one in config.experiments.values() if one.evaluate and one.model}
        - chosen
        - {"pretrain"}
    )


def _has_phantoms(config: Configuration, experiment: Experiment) -> bool:
    learned = learned_from(experiment, config.experiments)
    return all(_has_phantom(config, name) for name in {*learned, *experiment.evaluate})


def _has_phantom(config: Configuration, dataset: str) -> bool:
    return all(path.partition("/")[0] in HOSTS for path in archive_paths(config.datasets[dataset]))


def few_cases(config: Configuration, dataset: str) -> list[str]:
    """Return the names of one training case and one test case of fold 0, or of scans with slices."""
    names = config.case_names(dataset)
    if "slices" in config.datasets[dataset]:
        return SCANS_WITH_SLICES
    if published := config.published_split(dataset):
        parts = [[case for case in published[0][part] if case in (names or [])] for part in ("train", "val")]
        return [parts[0][0], parts[1][-1]]  # of covid20 one in HU and one windowed
    return (names or [])[:1]


def key_of(config: Configuration, file: Path) -> str:
    """Return the strategy, system or data set that a job's first file belongs to; empty if there is none."""
    strategies = {name: one.strategy for name, one in (config.experiments | config.localisers).items()}
    strategies |= {name: one.system for name, one in config.weak_models.items()}
    strategies = dict.fromkeys(config.datasets, "") | strategies
    parts = [part.removesuffix(".json") for part in file.parts if part.removesuffix(".json") in strategies]
    return strategies[parts[0]] or parts[0] if parts else ""
