"""The curves of all trainings in one table."""

import pandas as pd
import pytest

from conftest import refused_in_one_line
from covidseg.training.curves import join_curves


@pytest.fixture
def models(tmp_path):
    """Logs of a network with validation every second epoch, and of a system that has a loss only."""
    logs = {
        "scratch/fold1": "epoch,learning_rate,momentum,loss,validation_dice,seconds\n0,0.3,0.9,0.5,,\n1,0.2,0.9,-0.1,0.7,\n",
        "classifier/fold0": "epoch,seconds,loss,accuracy\n0,,16.5,0.9\n",
    }
    paths = [tmp_path / name / "log.csv" for name in logs]
    for path, text in zip(paths, logs.values(), strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return paths


def test_one_row_per_training_and_epoch_in_the_order_of_the_trainings(models):
    expected = pd.DataFrame(
        {
            "experiment": ["scratch", "scratch", "classifier"],
            "fold": [1, 1, 0],
            "epoch": [0, 1, 0],
            "loss": [0.5, -0.1, 16.5],
            "validation_dice": [None, 0.7, None],
            "learning_rate": [0.3, 0.2, None],
        }
    )
    pd.testing.assert_frame_equal(join_curves(models), expected.astype({"validation_dice": float}))


def test_a_file_that_is_no_log_is_refused(models):
    models[0].write_text("case,DSC\na,1\n")
    with refused_in_one_line(r"scratch/fold1/log\.csv: no column epoch, loss; "):
        join_curves(models)
