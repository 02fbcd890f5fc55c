"""Functions that give the rules of image-level labels their names and parameters by wildcards. No rules."""


def system_code(script, model):
    """Return the code that a weakly supervised system runs, with its own module and no other system's."""
    return code(script, in_use.system_module(CONFIG, model))


def slices_of(wildcards):
    return CONFIG.weak_models[wildcards.model].train


def classifier_of(wildcards):
    """Return the name of the classifier that a system learns from, in a list, or an empty list."""
    name = CONFIG.weak_models[wildcards.model].classifier
    return [name] if name else []


def system_memory(wildcards):
    return MEMORY.host_mb("train_weak", CONFIG.weak_models[wildcards.model].system)


def model_of(wildcards):
    return CONFIG.localisers[wildcards.localiser].model


def localised_on(wildcards):
    return list(CONFIG.localisers[wildcards.localiser].evaluate)


def scored_localiser(wildcards):
    return CONFIG.localisers[wildcards.localiser].for_scoring()


def sliced_patients(wildcards):
    return {
        name: in_use.pick(CONFIG.datasets[name], "patient")
        for name in localised_on(wildcards)
    }
