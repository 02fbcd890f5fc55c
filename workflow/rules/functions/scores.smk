"""Functions that give the rules of predictions and scores their names and parameters by wildcards. No rules."""

from covidseg.cases.external_files import state_of_files


def of_model(file):
    """Return an input's function: a file of the model that the experiment evaluates."""
    return lambda wildcards: (
        f"results/models/{experiment_of(wildcards).model}/fold{wildcards.fold}/{file}"
    )


def if_trained(file):
    """Return an input's function: the same, in a list; an empty list if the predictions were made elsewhere."""
    return lambda wildcards: (
        [of_model(file)(wildcards)] if experiment_of(wildcards).model else []
    )


def predicted_on(wildcards):
    return in_use.predicted_datasets(CONFIG, wildcards.experiment)


def evaluated_on(wildcards):
    return list(experiment_of(wildcards).evaluate)


def external_state(wildcards):
    """Return the state of the files that were predicted elsewhere; a changed file is taken again."""
    one, fold = experiment_of(wildcards), int(wildcards.fold)
    return state_of_files(one.predictions, datasets=one.evaluate, fold=fold)


def scored_regions(wildcards):
    return {name: CONFIG.datasets[name]["regions"] for name in evaluated_on(wildcards)}
