"""nnU-Net's guard: a training that finds nothing after some epochs starts again with a lower momentum.

Source: nnU-Net v1, nnUNetTrainerV2.on_epoch_end. There, a training whose validation Dice is 0 at epoch 100
gets new weights and momentum 0.95, since a high momentum sometimes keeps a network from learning. Here the
Dice is that of the training cases: many trainings have no validation cases, and other trainings have those of
another data set, in which a good network may find nothing.
"""

import logging
from copy import deepcopy

from torch import nn

from covidseg.device import Compute
from covidseg.training.optimisers import NesterovSGD
from covidseg.training.patches import TrainingCase
from covidseg.training.run import Run
from covidseg.training.sections import Training
from covidseg.training.state import Progress
from covidseg.training.validation import finds_foreground

log = logging.getLogger(__name__)


def current_momentum(training: Training, progress: Progress) -> float:
    """Return the momentum of the optimiser, which a restart lowers."""
    lower = training["restart"]["momentum"]
    return lower if progress.restarted and lower is not None else training["momentum"]


class Guard:
    """The guard of one training.

    Attributes:
        initial: the network's weights before the first epoch, if the training may start again.
    """

    def __init__(self, run: Run, network: nn.Module, optimiser: NesterovSGD) -> None:
        self.run, self.network, self.optimiser = run, network, optimiser
        self.epochs, self.momentum = run.training["restart"]["epochs"], run.training["restart"]["momentum"]
        self.initial = {} if self.momentum is None else deepcopy(network.state_dict())

    def check(self, cases: list[TrainingCase], compute: Compute, progress: Progress) -> bool:
        """At the epoch in question, warn if the network finds no foreground, and start again if this is on.

        The training then has its first weights again, but the epochs and their learning rates go on, as in
        nnU-Net. Returns whether the training starts again.

        Args:
            cases: training cases.
            compute: device and precision of the network.
            progress: the training, at the end of an epoch.
        """
        if progress.epoch + 1 != self.epochs or finds_foreground(self.run, self.network, cases, compute):
            return False
        log.warning("after %d epochs the network finds no foreground in the training cases", self.epochs)
        if self.momentum is None:
            log.warning("training does not start again, since training.restart.momentum is null")
            return False
        log.warning("training starts again with momentum %g", self.momentum)
        self.network.load_state_dict(self.initial)
        self.optimiser.momenta.clear()
        progress.restarted = True
        return True
