"""The checked configuration, and what the rules share. No rules."""

import functools
import os

from snakemake.exceptions import WorkflowError

from covidseg.config import in_use
from covidseg.config.loading import load_configuration
from covidseg.config.kinds import KINDS
from covidseg.errors import InputError
from covidseg.runs.code import code_of

try:
    chosen = internals.chosen_files(workflow) or ["config/config.yaml"]
    CONFIG = load_configuration(config, chosen[-1], BASE / "config")
except InputError as error:
    raise WorkflowError(str(error))

config.pop("extends", None)
config.update(CONFIG.sections)  # with what the chosen file leaves to another
ARTEFACTS = in_use.shown_artefacts(CONFIG)
TARGET = config["plan"]["target"]
ENVIRONMENT = "../../envs/environment.yaml"
MESSAGE = "{rule}: {output[0]} (log: {log})"  # one line per job on the terminal
DAY = 1440  # minutes: of a training, which goes on in as many jobs as it needs
# Weights and description of the one model of a pre-training, or of a weakly supervised system.
ONE_MODEL = [
    "results/models/{name}/fold0/model.safetensors",
    "results/models/{name}/fold0/model.json",
]


def asks(*, memory_mb, minutes):
    """Return a job's memory and time, of which every further attempt of the job asks for more."""
    return {
        "mem_mb": lambda wildcards, attempt: attempt * memory_mb,
        "runtime": lambda wildcards, attempt: attempt * minutes,
    }


def trains(*, memory_mb):
    """Return what a training asks for: its time is no guess, since it goes on in another job."""
    return asks(memory_mb=memory_mb, minutes=DAY) | {"gpu": 1, "runtime": DAY}


def trained(folder):
    """Return what a training makes."""
    return {
        "model": f"{folder}/model.safetensors",
        "description": f"{folder}/model.json",
        "log": f"{folder}/log.csv",
    }


# The same bits on every x86-64 processor with AVX2. A newer processor would add in wider registers, and so
# in another order; and MKL chooses its code by the processor's maker. Jobs inherit these variables, which
# cost nothing measurable on phantoms.
SAME_BITS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",
}
if config["training"]["precision"] == "float32":
    for name, value in SAME_BITS.items():
        os.environ.setdefault(name, value)


def one_of(names):
    """Return a wildcard constraint; without names a pattern that nothing matches."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    experiment=one_of(CONFIG.experiments),
    model=one_of(CONFIG.weak_models),
    localiser=one_of(CONFIG.localisers),
    fold=r"\d+",
    paper=one_of(ARTEFACTS),
    archive="[^/]+",


@functools.cache
def code(*scripts):
    """Return checksums of scripts and of the library modules they import, directly or through others.

    Snakemake does not see a script's imports. As a parameter, a changed module reruns the rules that use
    it, and only those.
    """
    return code_of(BASE / "workflow" / "scripts", scripts)
