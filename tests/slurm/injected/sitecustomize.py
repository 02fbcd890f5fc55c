"""What the cluster's jobs run before anything else (PYTHONPATH): trainings wait at a gate in their fourth epoch.

Python imports a module of this name at every start. A training goes on once its gate is open, which is an empty
file $COVIDSEG_GATES/<experiment>/fold<k>. So a fault meets a training in its middle, however fast the machine is.
"""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import wrapt

FINISHED_EPOCHS = 3  # before a training waits


@wrapt.when_imported("covidseg.training.loop")
def wait_at_gates(module):
    """Let the loop's steps wait; an AttributeError here means that `run_epochs` has another name."""
    run_epochs = module.run_epochs

    def gated(loop, state):
        gate = Path(os.environ["COVIDSEG_GATES"], *state.folder.parts[-2:])

        def step(progress):
            if progress.epoch >= FINISHED_EPOCHS and not gate.exists():
                wait(gate)
            return loop.step(progress)

        return run_epochs(replace(loop, step=step), state)

    module.run_epochs = gated


def wait(gate):
    """Wait until the gate is open or SIGTERM asks the loop to stop; meanwhile <gate>.waiting says who waits."""
    stopped = []
    listener = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *arguments: (listener(*arguments), stopped.append(True)))
    sign = gate.with_suffix(".waiting")
    sign.parent.mkdir(parents=True, exist_ok=True)
    sign.write_text(json.dumps(describe_self()))
    while not gate.exists() and not stopped:
        time.sleep(0.1)
    sign.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, listener)


def describe_self():
    """Return this process's job and node, and its number in the node's own space of processes."""
    return {
        "job": os.environ.get("SLURM_JOB_ID"),
        "node": os.environ.get("SLURMD_NODENAME"),
        "machine": str(Path("/proc/self/ns/pid").readlink()),
        "process": os.getpid(),
    }
