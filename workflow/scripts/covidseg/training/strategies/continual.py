"""Continual learning (wang2021 3.3)."""

from pathlib import Path

from covidseg.errors import InputError
from covidseg.training.description import ModelDescription
from covidseg.training.sections import Training
from covidseg.training.strategies.base import Schedule
from covidseg.training.strategies.body_finetune import BodyFinetuning
from covidseg.training.weights import read_description


class ContinualLearning(BodyFinetuning):
    """Body fine-tuning whose learning rate continues the schedule of the pre-training."""

    def schedule(self, training: Training, pretrained: Path | None) -> Schedule:
        """Return the second part of one polynomial schedule over pre-training and this training.

        Raises:
            InputError: the schedule of the pre-training is used up, so that there is no second part.
        """
        assert pretrained is not None  # the strategy's entry in the registry asks for a source
        used = read_description(pretrained, ModelDescription).schedule
        done = used["first_epoch"] + used["epochs"]
        if done >= used["epoch_max"]:
            raise InputError(
                f"{pretrained}: its schedule of {used['epoch_max']} epochs is used up; continual learning "
                "continues a schedule, so start from pretrain-<source>-halfway"
            )
        return Schedule(done, done + training["epochs"])
