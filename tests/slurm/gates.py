"""Gates at which trainings wait: what injected/sitecustomize.py does, and how a process comes by it."""

import os
from pathlib import Path

INJECTED = Path(__file__).parent / "injected"


def environment_with_gates(folder, environment):
    """Return the environment of a process whose trainings, its children's too, wait at the gates of a folder."""
    path = os.pathsep.join(filter(None, (str(INJECTED), environment.get("PYTHONPATH"))))
    return environment | {"PYTHONPATH": path, "COVIDSEG_GATES": str(folder)}
