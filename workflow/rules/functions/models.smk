"""Functions that give the rules of models their names and parameters by a job's wildcards. No rules."""

from covidseg.training.exchange.nnunet_files import find_source


def strategy_code(wildcards, script="train"):
    """Return the code that a training runs, with the module of its own strategy and of no other."""
    return code(script, in_use.strategy_module(CONFIG, wildcards.experiment))


def experiment_of(wildcards):
    return CONFIG.experiments[wildcards.experiment]


def trained_on(wildcards):
    return in_use.training_datasets(CONFIG, wildcards.experiment)


def training_sections(wildcards):
    return in_use.training_parameters(CONFIG, wildcards.experiment)


def training_memory(wildcards):
    return MEMORY.host_mb("train", experiment_of(wildcards).strategy)


def trains(*, memory_mb):
    """Return a training's memory, GPU and run time. The time stays: a training goes on in another job."""
    return asks(memory_mb=memory_mb, minutes=DAY) | {"gpu": 1, "runtime": DAY}


def trained(folder):
    """Return the output files of a training."""
    return {
        "model": f"{folder}/model.safetensors",
        "description": f"{folder}/model.json",
        "log": f"{folder}/log.csv",
    }


def pretraining_of(wildcards):
    """Return the name of the model that a training starts from, in a list, or an empty list."""
    name = experiment_of(wildcards).pretraining
    return [name] if name else []


NNUNET_STARTED = in_use.nnunet_started(CONFIG)


def nnunet_row(source):
    """Return what names a model of nnU-Net: its path, its fold and its checkpoint."""
    return in_use.pick(CONFIG.nnunet_sources[source], "nnunet", "fold", "checkpoint")


def nnunet_inputs(wildcards):
    """Return the files of a model of nnU-Net."""
    try:
        return find_source(nnunet_row(wildcards.source)).inputs
    except InputError as error:
        raise WorkflowError(f"sources.{wildcards.source}.nnunet: {error}")


def nnunet_model_of(wildcards):
    return f"pretrain-{NNUNET_STARTED[wildcards.experiment]}"


def prepared(datasets):
    """Return an input's function: the preprocessed cases of data sets, as the experiment's networks see them."""

    def paths(wildcards):
        source = NNUNET_STARTED.get(wildcards.experiment)
        folder = f"preprocessed_nnunet/{source}" if source else "preprocessed"
        return expand(f"results/{folder}/{{dataset}}", dataset=datasets(wildcards))

    return paths


def weights_of_folds(wildcards):
    """Return the weights of the models of all folds."""
    experiment = experiment_of(wildcards)
    return [
        f"results/models/{experiment.model}/fold{fold}/model.safetensors"
        for fold in range(experiment.folds)
    ]


def nnunet_folder(wildcards):
    """Return nnU-Net's name of the first data set that an experiment is trained on."""
    return next(
        name for name, used in NNUNET.items() if used == trained_on(wildcards)[0]
    )


def trained_entries(wildcards):
    return {
        name: in_use.pick(CONFIG.datasets[name], "intensity")
        for name in trained_on(wildcards)
    }


# What a model's formats for other programs depend on, beside the model itself.
EXPORTED_PARAMETERS = {
    "dataset": nnunet_folder,
    "datasets": trained_entries,
    "window": config["plan"]["window"],
    "inference": in_use.pick(config["inference"], "step", "mirror_axes"),
}


def exported_models(wildcards):
    """Return the folder of the model that --config model= names."""
    name = OWN_SCAN.get("model")
    known = [one.name for one in CONFIG.experiments.values() if one.model]
    if name not in known:
        listed = ", ".join(known)
        raise WorkflowError(
            f"export_model: no model {name!r}; say snakemake export_model --config model=NAME; models: {listed}"
        )
    return f"results/export/{name}"


def released_models(wildcards):
    """Return the files of the models that a release is asked for; none, if their scores choose them."""
    folders = [
        name for name in in_use.models(CONFIG) if name.partition("/")[0] in RELEASED
    ]
    files = ("model.safetensors", "model.json")
    return expand("results/models/{folder}/{file}", folder=folders, file=files)


def released_scores(wildcards):
    """Return the scores of the models that a release is asked for, or those of all models."""
    if not RELEASED:
        return ["results/scores.csv"]
    own = [name for name, one in CONFIG.experiments.items() if one.model in RELEASED]
    scored = [name for name in in_use.scored(CONFIG) if name.partition("/")[0] in own]
    return expand("results/scores/{name}.csv", name=scored)
