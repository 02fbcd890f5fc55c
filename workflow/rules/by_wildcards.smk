"""Functions that give a rule its names, paths and parameters by a job's wildcards. No rules."""

from covidseg.cases.external_files import state_of_files
from covidseg.runs.environments import environment_of


def environment(*scripts):
    """Return the conda file of a rule that runs these scripts; rules without torch have a light one."""
    return f"../../envs/{environment_of(BASE / 'workflow' / 'scripts', scripts)}"


def strategy_code(wildcards, script="train"):
    """Return the code that a training runs, with the module of its own strategy and of no other."""
    return code(script, in_use.strategy_module(CONFIG, wildcards.experiment))


def system_code(script, model):
    """Return the code that a weakly supervised system runs, with its own module and no other system's."""
    return code(script, in_use.system_module(CONFIG, model))


def phantom_code(wildcards):
    """Return the code behind a phantom archive; None for a real one: edits of code download nothing."""
    return code("covidseg/archives/phantom/hosts") if phantom_of(wildcards) else None


def keys(*names):
    """Return a parameter's function, which picks the keys of the data set's entry that the rule reads."""
    return lambda wildcards: in_use.pick(CONFIG.datasets[wildcards.dataset], *names)


def experiment_of(wildcards):
    return CONFIG.experiments[wildcards.experiment]


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


def archive_files(wildcards):
    return expand("data/raw/{path}", path=CONFIG.archives(wildcards.dataset))


def trained_on(wildcards):
    return in_use.training_datasets(CONFIG, wildcards.experiment)


def predicted_on(wildcards):
    return in_use.predicted_datasets(CONFIG, wildcards.experiment)


def evaluated_on(wildcards):
    return list(experiment_of(wildcards).evaluate)


def localised_on(wildcards):
    return list(CONFIG.localisers[wildcards.localiser].evaluate)


def external_state(wildcards):
    """Return the state of the files that were predicted elsewhere; a changed file is taken again."""
    one, fold = experiment_of(wildcards), int(wildcards.fold)
    return state_of_files(one.predictions, datasets=one.evaluate, fold=fold)


def training_sections(wildcards):
    return in_use.training_parameters(CONFIG, wildcards.experiment)


def training_memory(wildcards):
    return MEMORY.host_mb("train", experiment_of(wildcards).strategy)


def system_memory(wildcards):
    return MEMORY.host_mb("train_weak", CONFIG.weak_models[wildcards.model].system)


def scored_regions(wildcards):
    return {name: CONFIG.datasets[name]["regions"] for name in evaluated_on(wildcards)}


def scored_localiser(wildcards):
    return CONFIG.localisers[wildcards.localiser].for_scoring()


def sliced_patients(wildcards):
    return {
        name: in_use.pick(CONFIG.datasets[name], "patient")
        for name in localised_on(wildcards)
    }


def slices_of(wildcards):
    return CONFIG.weak_models[wildcards.model].train


def pretraining_of(wildcards):
    """Return the name of the model that a training starts from, in a list, or an empty list."""
    name = experiment_of(wildcards).pretraining
    return [name] if name else []


from covidseg.training.exchange.nnunet_files import find_source

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


def classifier_of(wildcards):
    """Return the name of the classifier that a system learns from, in a list, or an empty list."""
    name = CONFIG.weak_models[wildcards.model].classifier
    return [name] if name else []


def model_of(wildcards):
    return CONFIG.localisers[wildcards.localiser].model


def phantom_of(wildcards):
    if not CONFIG.is_phantom(wildcards.dataset):
        return None
    cases = CONFIG.phantom_cases(wildcards.dataset, wildcards.archive)
    return cases | {"seed": config["phantom"]["seed"]} | real_grid(wildcards.dataset)


def real_grid(dataset):
    """Return the grid of the real scans as `grid`, if this is a rehearsal at full size."""
    if not (REHEARSAL and REHEARSAL["real_grids"]):
        return {}
    from covidseg.runs.grids import (
        typical_grids,
    )  # imports torch, which only a rehearsal needs

    grid = typical_grids(FOLDER / "grids.csv")[dataset]
    return {"grid": (grid.shape, grid.spacing)}


def addresses_of(wildcards):
    """Return an archive's addresses and checksums, and the state of a user's own files at file: addresses.

    If one of these changes, the archive is fetched or packed again.
    """
    if CONFIG.is_phantom(wildcards.dataset):
        return None
    origin = CONFIG.origin(wildcards.dataset, wildcards.archive)
    try:
        state = origin.local_state()
    except InputError as error:
        raise WorkflowError(str(error))
    fetched = {"addresses": origin.addresses, "checksums": origin.checksums}
    return fetched | {"state": state} if state else fetched


def split_names(wildcards):
    """Return the cases that a split is reduced to: those of a phantom, or those that a user chooses; or None."""
    reduced = config["phantom"] or "cases" in CONFIG.datasets[wildcards.dataset]
    return CONFIG.case_names(wildcards.dataset) if reduced else None


def chosen_cases(wildcards):
    return CONFIG.chosen_cases(wildcards.dataset)


def left_out(wildcards):
    """Return the cases that a data set is without; the reasons are no parameter, for they are only printed."""
    return sorted(CONFIG.left_out(wildcards.dataset))


def split_kind(wildcards):
    return CONFIG.datasets[wildcards.dataset]["split"]


def published_folds(wildcards):
    return CONFIG.splits.get(split_kind(wildcards))


def entry_of(wildcards):
    """Return the entry of an artefact, with the full title that is printed."""
    paper, name = wildcards.paper, wildcards.artefact
    entry = ARTEFACTS[paper][name]
    return entry | {"title": full_title(paper, name, entry["title"])}


def kind_of(wildcards):
    return KINDS[entry_of(wildcards)["kind"]]


def tables_of(wildcards):
    """Return the tables of a paper, to which the page of a table links: key -> label."""
    if kind_of(wildcards).page != ".html":
        return {}
    return {
        name: label_of(wildcards.paper, name)
        for name, entry in ARTEFACTS[wildcards.paper].items()
        if KINDS[entry["kind"]].page == ".html"
    }


def inputs_of(wildcards):
    """Return the files that an artefact is made from; published.csv is one of the sheets, not in a storage."""
    found = kind_of(wildcards).inputs(CONFIG, entry_of(wildcards))
    return {
        name: (
            local(str(FOLDER / "published.csv"))
            if paths == "config/published.csv"
            else paths
        )
        for name, paths in found.items()
    }


def parameters_of(wildcards):
    return kind_of(wildcards).parameters(CONFIG, entry_of(wildcards))


def remarks_of(wildcards):
    """Return the remarks on everything that an artefact should show, even on what it leaves out here."""
    return find_remarks(CONFIG, CONFIG.artefacts[wildcards.paper][wildcards.artefact])


def what_is_drawn(kind):
    """Return what `snakemake --list` says of the rule of a kind, which is its tables and figures."""
    papers = {
        paper: [name for name, entry in entries.items() if entry["kind"] == kind]
        for paper, entries in ARTEFACTS.items()
    }
    listed = "; ".join(
        f"{paper}: {', '.join(names)}" for paper, names in papers.items() if names
    )
    return f"Draw {listed or 'nothing in this configuration'}."


def report_labels(wildcards):
    """Return what Snakemake's report calls an artefact."""
    paper, name = wildcards.paper, wildcards.artefact
    title = ARTEFACTS[paper][name]["title"]
    return {"Result": f"{label_of(paper, name)} of {paper}", "Title": title}


def outputs_of(kind):
    """Return the files of an artefact of a kind; its page is marked for Snakemake's report."""
    base = "results/paper/{paper}/{artefact}"
    page = report(
        base + kind.page,
        caption="../report/artefact.rst",
        category="{paper}",
        labels=report_labels,
    )
    return [page if suffix == kind.page else base + suffix for suffix in kind.suffixes]


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


NNUNET = in_use.nnunet_folders(CONFIG)


def exported(wildcards):
    return NNUNET[wildcards.folder]


def exported_entry(wildcards):
    name = exported(wildcards)
    entry = in_use.pick(CONFIG.datasets[name], *in_use.EXPORTED)
    return entry | {"leave_out": CONFIG.left_out(name)}


def site_part(module, folder, needed):
    """Return the parameters of a rule that makes a part of the site.

    Args:
        module: of the part, in covidseg/site/.
        folder: of the part below results/report.
        needed: function of the configuration, and of the job's wildcards in their order, that returns what the
            module reads from the configuration.
    """
    return {
        "code": code("site_part", f"covidseg/site/{module}"),
        "templates": page_files(
            BASE / "workflow" / "scripts", f"covidseg/site/{module}"
        ),
        "module": module,
        "folder": lambda wildcards: folder.format(**wildcards),
        "parameters": lambda wildcards: needed(CONFIG, *wildcards),
        "configuration": config["name"],
        "phantom": bool(config["phantom"]),
    }


def documents(pattern):
    """Return the files of the documentation that fit a pattern."""
    return [
        in_checkout(f"docs/{path.name}")
        for path in sorted(BASE.glob(f"docs/{pattern}"))
    ]


def artefacts_of(paper):
    """Return the files of a paper's tables and figures."""
    return in_use.artefact_files({paper: ARTEFACTS[paper]})


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
