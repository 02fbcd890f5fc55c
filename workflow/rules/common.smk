"""The checked configuration, and the functions that turn it into paths. No rules."""

import functools
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

BASE = Path(workflow.basedir)
SCRIPTS = BASE / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from covidseg.config.configuration import load_configuration
from covidseg.errors import InputError
from covidseg.files import digest
from covidseg.runs.code import imported
from covidseg.training.strategies import STRATEGIES
from covidseg.weak import SYSTEMS

try:
    CONFIGURATION = load_configuration(
        config,
        str((workflow.overwrite_configfiles or ["config/config.yaml"])[-1]),
        BASE / "config",
    )
except InputError as error:
    raise WorkflowError(str(error))

config.pop("extends", None)
config.update(CONFIGURATION.sections)  # with what the chosen file leaves to another
EXPERIMENTS = CONFIGURATION.experiments
WEAK_MODELS = CONFIGURATION.weak_models
LOCALISERS = CONFIGURATION.localisers
DATASETS = CONFIGURATION.datasets
ARTEFACTS = CONFIGURATION.shown()
TARGET = config["plan"]["target"]
DAY = 1440  # minutes: of a training, which goes on in as many jobs as it needs


def rising(amount):
    """Return a resource, in MB or minutes, of which every further attempt of a job asks for more."""
    return lambda wildcards, attempt: attempt * amount


# For the same bits on every x86-64 processor with AVX2: a newer one would count in wider registers and so in
# another order, and MKL does so by the maker. Jobs inherit it; it costs nothing measurable on phantoms.
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
    dataset="|".join(DATASETS),
    experiment="|".join(EXPERIMENTS),
    fold=r"\d+",
    paper="|".join(ARTEFACTS),
    archive="[^/]+",


@functools.cache
def code(*scripts):
    """Return checksums of scripts and of the library modules they import, directly or through others.

    Snakemake does not see a script's imports: as a parameter, a changed module reruns the rules that use
    it, and only those.
    """
    return [
        f"{path.relative_to(BASE)} {digest(path)}"
        for path in imported(SCRIPTS, scripts)
    ]


def strategy_code(wildcards):
    """Return what a training runs: its own strategy's module and no other's.

    The registry is left out (a package's file is not found by `code`): a new strategy trains nothing anew.
    """
    strategy = STRATEGIES[EXPERIMENTS[wildcards.experiment].strategy]
    return code("train", f"covidseg/training/strategies/{strategy.module}")


def archive_files(wildcards):
    return [
        f"data/raw/{archive}" for archive in CONFIGURATION.archives(wildcards.dataset)
    ]


def phantom_of(wildcards):
    if not CONFIGURATION.is_phantom(wildcards.dataset):
        return None
    cases = CONFIGURATION.phantom_cases(wildcards.dataset, wildcards.archive)
    return cases | {"seed": config["phantom"]["seed"]}


def addresses_of(wildcards):
    """Return what, when it changes, makes another file of an archive."""
    if CONFIGURATION.is_phantom(wildcards.dataset):
        return None
    origin = CONFIGURATION.origin(wildcards.dataset, wildcards.archive)
    return {"addresses": origin.addresses, "checksums": origin.checksums}


def plan_of(wildcards):
    return {key: config["plan"][key] for key in ("spacing", "window")}


def datasets_in_use():
    return sorted(
        {
            name
            for experiment in EXPERIMENTS.values()
            for name in (
                *experiment.train,
                *experiment.source_datasets,
                *experiment.evaluate,
            )
        }
    )


def sliced_in_use():
    """Return the data sets that slices are made of."""
    return sorted(
        {
            *(model.train for model in WEAK_MODELS.values()),
            *(name for localiser in LOCALISERS.values() for name in localiser.evaluate),
        }
    )


def archives_in_use():
    """Return the archives that are fetched."""
    names = {*datasets_in_use(), *sliced_in_use()}
    archives = {path for name in names for path in CONFIGURATION.archives(name)}
    return sorted(f"data/raw/{path}" for path in archives)


def hosts_in_use():
    """Return the data sets whose archives are fetched."""
    return sorted({Path(path).parts[2] for path in archives_in_use()})


def slices_in_use():
    """Return the folders of all slices."""
    return expand("results/slices/{dataset}/images", dataset=sliced_in_use())


def model_files():
    """Return every model."""
    models = [
        (experiment.name, fold)
        for experiment in EXPERIMENTS.values()
        for fold in range(experiment.folds)
    ] + [(name, 0) for name in WEAK_MODELS]
    return [
        f"results/models/{name}/fold{fold}/model.safetensors" for name, fold in models
    ]


def camel_case(name):
    return "".join(part.capitalize() for part in re.findall("[A-Za-z0-9]+", name))


def nnunet_folders():
    """Return nnU-Net's folder of each exported data set -> the data set.

    Numbered from 501 in the order of datasets.yaml, so that those at its end move no other's number.
    """
    used = datasets_in_use()
    return {
        f"Dataset{number}_{camel_case(name)}": name
        for number, name in enumerate(DATASETS, start=501)
        if name in used
    }


NNUNET = nnunet_folders()


def exported(pattern):
    """Return an input function: a path of the data set that an nnU-Net folder holds."""
    return lambda wildcards: pattern.format(dataset=NNUNET[wildcards.folder])


def for_training(pattern):
    """Return an input function: a path for each data set whose cases a training sees."""

    def paths(wildcards):
        experiment = EXPERIMENTS[wildcards.experiment]
        datasets = dict.fromkeys([*experiment.train, *experiment.source_datasets])
        return expand(pattern, dataset=datasets)

    return paths


def of_pretraining(file):
    """Return an input function: a file of the model that a training starts from, or nothing."""

    def path(wildcards):
        name = EXPERIMENTS[wildcards.experiment].pretraining
        return f"results/models/{name}/fold0/{file}" if name else []

    return path


def splits_for_prediction(wildcards):
    experiment = EXPERIMENTS[wildcards.experiment]
    names = {*experiment.train, *experiment.evaluate}
    return expand("results/splits/{dataset}.json", dataset=sorted(names))


def evaluated(pattern):
    def paths(wildcards):
        datasets = EXPERIMENTS[wildcards.experiment].evaluate
        return expand(pattern, dataset=datasets, allow_missing=True)

    return paths


def system_module(model):
    return f"covidseg/weak/{SYSTEMS[WEAK_MODELS[model].system].module}"


def of_classifier(file):
    """Return an input function: a file of the classifier that a system learns from, or nothing."""

    def path(wildcards):
        name = WEAK_MODELS[wildcards.model].classifier
        return f"results/models/{name}/fold0/{file}" if name else []

    return path


def lung_predictions(wildcards):
    """Return the predictions that cut the lungs out of volumes, or nothing: the labelled lungs do."""
    name = config["weak"]["lungs"]
    return [] if name == "truth" else f"results/predictions/{name}/fold0"


def lung_folder(wildcards):
    """Return the folder in these predictions that has the volumes, or None."""
    if not lung_predictions(wildcards):
        return None
    places = EXPERIMENTS[config["weak"]["lungs"]].places(DATASETS)
    return places["left_lung", "test"][0]


def of_localiser(pattern):
    """Return an input function: a path for each data set that a localiser is evaluated on."""

    def paths(wildcards):
        datasets = LOCALISERS[wildcards.localiser].evaluate
        return expand(pattern, dataset=datasets, allow_missing=True)

    return paths


def score_files(wildcards):
    return [
        f"results/scores/{experiment.name}/fold{fold}.csv"
        for experiment in EXPERIMENTS.values()
        if experiment.evaluate
        for fold in range(experiment.folds)
    ] + [f"results/scores/{name}/fold0.csv" for name in LOCALISERS]
