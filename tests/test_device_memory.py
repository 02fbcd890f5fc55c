"""The one memory budget of a training, as the training itself spends it."""

import pytest

from covidseg.training import train as training
from training_program import make_run, start


def test_a_training_spends_its_budget_on_its_own_cases_then_the_source_s_then_those_of_validation(
    training_folders, tmp_path, monkeypatch
):
    asked = []

    def load_cases(groups, *, budget_gib, **_):
        asked.append((groups, budget_gib))
        raise RuntimeError("loaded")

    monkeypatch.setattr(training, "load_cases", load_cases)
    first, second, third = ([folder] for folder in training_folders)
    run = make_run(first, third, source_cases=tuple(second), device_memory_gib=3)
    with pytest.raises(RuntimeError, match="loaded"):
        start(run, tmp_path)
    ((groups, budget),) = asked
    assert list(groups.values()) == [first, second, third]
    assert budget == 3
