"""How far every training of a configuration is, read from the files that trainings write while they run.

Nothing here needs Snakemake's lock or a scheduler, so that it also tells of trainings on other machines.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from covidseg.config.configuration import Configuration
from covidseg.config.in_use import trained
from covidseg.training.epoch_log import HEAD, last_epoch
from covidseg.training.lease import holder_name

RULES = ("train", "train_nnunet", "pretrain", "collaborative", "train_weak")  # whose jobs are trainings
HINT = "How far the trainings are: `snakemake progress`, in another terminal, with the same --configfile"
DONE, WAITING, STOPPED, FAILED, RUNNING = STATES = ("done", "waiting", "stopped", "failed", "running")
NOTHING = "–"


@dataclass(frozen=True)
class Training:
    """One model to train.

    Attributes:
        experiment: name of the experiment, or of the weakly supervised model.
        strategy: strategy of the experiment, or system of the model.
        source: further data that the model learns from, or "none".
        fold: number of the fold.
    """

    experiment: str
    strategy: str
    source: str
    fold: int

    @property
    def place(self) -> Path:
        """Folder of the training, relative to results/models and results/state."""
        return Path(self.experiment, f"fold{self.fold}")


def trainings(config: Configuration) -> list[Training]:
    """Return every training of a configuration."""
    networks = [config.experiments[name] for name in trained(config)]
    return [
        *(
            Training(one.name, one.strategy, one.source, fold)
            for one in networks
            for fold in range(one.folds)
        ),
        *(Training(one.name, one.system, "none", 0) for one in config.weak_models.values()),
    ]


def progress_table(found: list[Training], folder: Path) -> pd.DataFrame:
    """Return one row per training, those that run last, where a reader of a terminal looks first.

    Args:
        found: the trainings.
        folder: folder of the run, with results/ and logs/.
    """
    table = pd.DataFrame([_row(training, folder) for training in found])
    return table.sort_values("State", key=lambda states: states.map(STATES.index), kind="stable")


def count_states(table: pd.DataFrame) -> str:
    """Return how many trainings there are, by state, in one line."""
    counts = Counter(table["State"])
    listed = ", ".join(f"{counts[state]} {state}" for state in reversed(STATES) if counts[state])
    return f"{len(table)} trainings: {listed}"


def _row(training: Training, folder: Path) -> dict[str, object]:
    text = _log(training, folder).rpartition(HEAD)[2]
    state, where = _state(training, folder, text)
    epoch = last_epoch(text) if state != WAITING else None
    return {
        "Experiment": training.experiment,
        "Strategy": training.strategy,
        "Source": training.source,
        "Fold": training.fold,
        "State": state,
        "Epochs done": f"{epoch.done} of {epoch.epochs}" if epoch else NOTHING,
        "Loss": (epoch and epoch.loss) or NOTHING,
        "Time left": (epoch and state == RUNNING and epoch.left) or NOTHING,
        "Where": where or NOTHING,
    }


def _state(training: Training, folder: Path, text: str) -> tuple[str, str | None]:
    """Return the state of a training, and the process that runs it."""
    state = folder / "results" / "state" / training.place
    if name := holder_name(state):
        return RUNNING, name
    if (folder / "results" / "models" / training.place / "model.safetensors").exists():
        return DONE, None
    if (state / "state.safetensors").exists():
        return STOPPED, None
    return (FAILED if " ERROR " in text else WAITING), None


def _log(training: Training, folder: Path) -> str:
    """Return the log of a training; an empty text before the first start."""
    places = [folder / "logs" / rule / training.place for rule in RULES]
    names = [place.with_suffix(".log") for place in places]
    names.append(folder / "logs" / "train_weak" / f"{training.experiment}.log")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in names if path.is_file()]
    return texts[-1] if texts else ""
