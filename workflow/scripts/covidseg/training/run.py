"""From an experiment and a fold to a training run, and to the description of its model."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from covidseg.cases.arrays import ArrayDescription
from covidseg.cases.splits import read_splits, training_cases, validation_cases
from covidseg.files import fingerprint
from covidseg.training.description import Ancestor, ModelDescription
from covidseg.training.sections import (
    Architecture,
    Augmentation,
    Network,
    TrainedExperiment,
    Training,
    TrainingSections,
)
from covidseg.training.strategies import load_strategy
from covidseg.training.strategies.base import Schedule, Strategy
from covidseg.training.weights import read_description

SCHEME = "z-score over the scan, after the crop to its non-zero voxels and the resampling"


@dataclass(frozen=True)
class Run:
    """One model to train.

    Attributes:
        strategy: the training strategy, which decides network, initial weights, schedule and loss.
        pretrained: model.safetensors to start from, or None.
        cases: folders of preprocessed training cases.
        source_cases: folders of the source's training cases; empty unless the strategy trains on them too.
        validation: folders of preprocessed cases for the validation Dice; may be empty.
        labels: data set -> label id of the data set -> output channel.
        classes: number of output channels, background included.
        fold: number of the fold; `fold` and `seed` together seed the patches.
        seed: seed of weights, patches and augmentation.
        patch: size (z, y, x) of a patch in voxels.
        network, training, augmentation: these sections of the configuration.
        threads: number of processor threads.
        timed: whether log.csv gets the seconds per epoch, which differ from run to run.
        fingerprint: checksum of configuration, code and data; a saved state with another fingerprint is
            not resumed.
    """

    strategy: Strategy
    pretrained: Path | None
    cases: list[Path]
    source_cases: list[Path]
    validation: list[Path]
    labels: dict[str, dict[int, int]]
    classes: int
    fold: int
    seed: int
    patch: tuple[int, int, int]
    network: Network
    training: Training
    augmentation: Augmentation
    threads: int
    timed: bool
    fingerprint: str

    @cached_property
    def architecture(self) -> Architecture:
        """The network to build."""
        return self.strategy.architecture(self.network)

    @cached_property
    def schedule(self) -> Schedule:
        """The schedule of the learning rate."""
        return self.strategy.schedule(self.training, self.pretrained)


def make_run(
    experiment: TrainedExperiment,
    *,
    fold: int,
    preprocessed: list[Path],
    splits: list[str],
    pretrained: Path | None,
    sections: TrainingSections,
    training: Training,
    code: list[str],
    threads: int,
) -> Run:
    """Collect the data and the settings of one training.

    Args:
        experiment: the experiment, as returned by `Experiment.for_training`.
        fold: number of the fold.
        preprocessed: folders results/preprocessed/<data set> of all data sets that the training reads.
        splits: files results/splits/<data set>.json of the same data sets.
        pretrained: model.safetensors to start from, or None.
        sections: the part of the configuration that decides the model.
        training: the whole section `training`, with the keys that decide how a training runs but not its
            result.
        code: checksums of the files of code; a saved state is worthless once one of them changes.
        threads: number of processor threads.
    """
    folders = {folder.name: folder for folder in preprocessed}
    folds = read_splits(splits)
    datasets = list(experiment["train"])
    depth, height, width = sections["plan"]["patch"]
    cases, source_cases, validation = (
        [folders[name] / case for name, case in names]
        for names in (
            training_cases(folds, datasets, fold),
            training_cases(folds, list(experiment["source_datasets"]), fold),
            validation_cases(folds, list(experiment["watched"]), fold),
        )
    )
    return Run(
        strategy=load_strategy(experiment["strategy"], experiment["options"], datasets),
        pretrained=pretrained,
        cases=cases,
        source_cases=source_cases,
        validation=validation,
        labels=experiment["labels"],
        classes=1 + len(experiment["classes"]),
        fold=fold,
        seed=sections["seed"],
        patch=(depth, height, width),
        network=sections["network"],
        training=training,
        augmentation=sections["augmentation"],
        threads=threads,
        timed=sections["timed"],
        fingerprint=fingerprint(
            [experiment, fold, sections, threads, code],
            [*filter(None, [pretrained]), *(case / "case.json" for case in [*cases, *source_cases])],
        ),
    )


def describe_run(run: Run, experiment: TrainedExperiment, sections: TrainingSections) -> ModelDescription:
    """Return the content of model.json as far as it is known before the training."""
    return ModelDescription(
        plan={"spacing": ArrayDescription.read(run.cases[0]).spacing_mm, "patch": list(run.patch)},
        normalisation={"window_hu": sections["plan"]["window"], "scheme": SCHEME},
        labels={str(channel): region for channel, region in experiment["classes"].items()},
        schedule={
            "epochs": run.training["epochs"],
            "first_epoch": run.schedule.first_epoch,
            "epoch_max": run.schedule.epoch_max,
        },
        lineage={
            "experiment": experiment["name"],
            "fold": run.fold,
            "strategy": experiment["strategy"],
            "options": experiment["options"],
            "pretrained": _ancestor(run.pretrained) if run.pretrained else None,
            "training_cases": [_name(case) for case in run.cases],
            "source_cases": [_name(case) for case in run.source_cases],
            "seed": run.seed,
        },
        fingerprint=run.fingerprint,
        architecture=run.architecture,
    )


def _name(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


def _ancestor(weights: Path) -> Ancestor:
    description = read_description(weights, ModelDescription)
    return {
        "experiment": description.lineage["experiment"],
        "weights_sha256": description.weights_sha256,
    }
