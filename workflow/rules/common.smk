"""The checked configuration, and the functions and constants that the rules share. No rules."""

import functools
import os

from snakemake.exceptions import WorkflowError

from covidseg.config import in_use
from covidseg.config.faults import refuse_faults
from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.config.strict_yaml import read_yaml
from covidseg.config.kinds import KINDS
from covidseg.config.remarks import find_remarks
from covidseg.config.titles import full_title, label_of
from covidseg.errors import InputError
from covidseg.runs import start
from covidseg.runs.code import code_of, page_files, recall, remember
from covidseg.runs.environments import environment_of
from covidseg.runs.memory import ALL, Memory

# Settings of `snakemake segment` and (models) of `release`, which are none of the configuration's.
OWN_SCAN = {
    key: config.pop(key)
    for key in (
        "scan",
        "out",
        "model",
        "lungs",
        "series",
        "intensity",
        "dicom_seg",
        "models",
        "device",
        "precision",
        "step",
        "mirror",
    )
    if key in config
}

# `snakemake check` counts the jobs without a user's own additions too.
LOCAL = config.pop("local", True)
# A folder with sheets of its own, such as a workflow that imports this one may have, is asked for them first.
FOLDER = sheets_folder(BASE)

try:
    chosen = internals.chosen_files(workflow) or [str(DEFAULT)]
    for path in filter(os.path.isfile, chosen):
        read_yaml(Path(path))  # Snakemake's own reader takes a key that is there twice
    if internals.is_named("check"):
        refuse_faults(internals.chosen_files(workflow), FOLDER)
    CONFIG = load_configuration(config, chosen[-1], FOLDER, local=LOCAL)
    OWNER = start.results_owner()
except InputError as error:
    raise WorkflowError("\n".join(error.args))

config.pop("extends", None)
config.update(CONFIG.sections)  # with the sections that the chosen file extends
MEMORY = Memory.of(CONFIG)
ARTEFACTS = in_use.shown_artefacts(CONFIG)
REHEARSAL = config["rehearsal"]
TARGET = config["plan"]["target"]
# Numbers of folds, so that a dry run refuses any other; a weakly supervised system has fold 0.
FOLDS = [
    str(k) for k in range(max([1, *(one.folds for one in CONFIG.experiments.values())]))
]
MESSAGE = "{rule}: {output[0]} (log: {log})"  # one line per job in a dry run
# Of a rule without outputs, in place of its inputs, which are thousands of characters.
REACHED = "{rule}: all is made"
# Threads of jobs on whole data sets. A phantom takes less than a second, unless it has the size of a real scan.
THREADS = 1 if config["phantom"] and not REHEARSAL else 4
LONG = 1  # priority of long trainings, which start first, so that they are not the last to end
DAY = 1440  # minutes; a longer training goes on in further jobs
# Weights and description of the one model of a pre-training, or of a weakly supervised system.
ONE_MODEL = [
    "results/models/{name}/fold0/model.safetensors",
    "results/models/{name}/fold0/model.json",
]


def asks(*, memory_mb, minutes):
    """Return a job's memory and run time; every further attempt of a failed job asks for more of both.

    The memory is a number, or a function of the wildcards.
    """
    memory = memory_mb if callable(memory_mb) else lambda wildcards: memory_mb
    return {
        "mem_mb": lambda wildcards, attempt: attempt * memory(wildcards),
        "runtime": lambda wildcards, attempt: attempt * minutes,
    }


# These variables give float32 results the same bits on every x86-64 processor with AVX2. Without them a
# newer processor adds in wider registers, and so in another order, and Intel's library MKL runs other code on
# processors of other makers. Jobs inherit the variables. The variables cost no measurable time on phantoms.
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
    """Return a wildcard constraint that allows these names; without names, a pattern that matches nothing."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    experiment=one_of(CONFIG.experiments),
    model=one_of(CONFIG.weak_models),
    localiser=one_of(CONFIG.localisers),
    fold=one_of(FOLDS),
    paper=one_of(ARTEFACTS),
    archive="[^/]+",


KNOWN_CODE = Path(".snakemake/covidseg_code.json")
recall(KNOWN_CODE)


@functools.cache
def code(*scripts):
    """Return checksums of scripts and of the library modules they import, directly or through others.

    Snakemake does not see a script's imports. The checksums are a parameter of the
    rules, so that a changed module reruns the rules that use the module, and no other rules.
    """
    return code_of(BASE / "workflow" / "scripts", scripts)


def environment(*scripts):
    """Return the conda file of a rule that runs these scripts; rules without torch have a light one."""
    return f"../../envs/{environment_of(BASE / 'workflow' / 'scripts', scripts)}"
