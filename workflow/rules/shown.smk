"""What an artefact shows, as paths. No rules."""

from dataclasses import astuple

SUFFIXES = {
    "table": [".csv", ".md", ".tex", ".html", "_intervals.csv", "_tests.csv"],
    "violin": [".svg", ".png"],
    "visual": [".svg", ".png"],
    "relations": [".svg", ".png"],
    "examples": [".svg", ".png"],
    "datasets": [".csv", ".md", ".tex", ".html"],
    "localisation": [".svg", ".png"],
    "thresholds": [".svg", ".png"],
}


def artefacts_of_kind(kind):
    """Return a wildcard constraint: the artefacts of a kind, each in its own paper's folder."""
    found = [
        f"(?<={paper}/){name}"
        for paper, artefacts in ARTEFACTS.items()
        for name, artefact in artefacts.items()
        if artefact["kind"] == kind
    ]
    return one_of(found)


def artefact_of(wildcards):
    return ARTEFACTS[wildcards.paper][wildcards.artefact]


def series_of(wildcards):
    """Return the fields of each Series of an artefact: a rerun compares them with the last run's."""
    return [astuple(one) for one in CONFIGURATION.series(artefact_of(wildcards))]


def remarks_of(wildcards):
    """Return the remarks on all that an artefact should show, on what it does not show as well."""
    whole = CONFIGURATION.artefacts[wildcards.paper][wildcards.artefact]
    return CONFIGURATION.remarks(whole)


def truth_shown(kind):
    """Return an input function: a file or folder of the data set whose truth a visual artefact shows."""
    return lambda wildcards: f"results/cases/{artefact_of(wildcards)['truth']}/{kind}"


def predictions_shown(wildcards):
    artefact = artefact_of(wildcards)
    columns = CONFIGURATION.predictions(artefact).values()
    experiments = dict.fromkeys(
        place["experiment"] for places in columns for place in places.values()
    )
    return [
        f"results/predictions/{name}/fold{artefact['fold']}" for name in experiments
    ]


def cases_of_examples(kind):
    """Return an input function: a file or folder of each data set of an artefact."""

    def paths(wildcards):
        return expand(
            f"results/cases/{{dataset}}/{kind}", dataset=datasets_shown(wildcards)
        )

    return paths


def slices_shown(kind):
    """Return an input function: a folder of the slices that a localisation artefact shows."""
    return (
        lambda wildcards: f"results/slices/{slices_of(artefact_of(wildcards))}/{kind}"
    )


def slices_of(artefact):
    """Return the data set of slices at an artefact's split."""
    localiser = LOCALISERS[next(iter(artefact["localisers"].values()))]
    return localiser.places(DATASETS)["lesion", artefact["split"]][0]


def heatmaps_shown(wildcards):
    artefact = artefact_of(wildcards)
    names = artefact["localisers"].values()
    return [f"results/heatmaps/{name}/{slices_of(artefact)}" for name in names]


def curves_shown(wildcards):
    names = artefact_of(wildcards)["localisers"].values()
    return [f"results/curves/{name}.csv" for name in names]


def datasets_shown(wildcards):
    """Return the data sets that an artefact shows or describes, those that are there."""
    groups = artefact_of(wildcards)["datasets"].values()
    return [
        name for group in groups for name in group if name not in CONFIGURATION.missing
    ]


def model_shown(file):
    """Return an input function: a file of the model that a relations artefact shows."""

    def path(wildcards):
        artefact = artefact_of(wildcards)
        return f"results/models/{artefact['experiment']}/fold{artefact['fold']}/{file}"

    return path


def artefact_files(*kinds):
    """Return the files of all artefacts, or of those of some kinds."""
    return [
        f"results/paper/{paper}/{name}{suffix}"
        for paper, artefacts in ARTEFACTS.items()
        for name, artefact in artefacts.items()
        for suffix in SUFFIXES[artefact["kind"]]
        if artefact["kind"] in (kinds or SUFFIXES)
    ]
