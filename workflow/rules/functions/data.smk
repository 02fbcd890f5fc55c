"""Functions that give the rules of data their names and parameters by a job's wildcards. No rules."""


def keys(*names):
    """Return a parameter's function, which picks the keys of the data set's entry that the rule reads."""
    return lambda wildcards: in_use.pick(CONFIG.datasets[wildcards.dataset], *names)


def phantom_code(wildcards):
    """Return the code behind a phantom archive; None for a real one: edits of code download nothing."""
    return code("covidseg/archives/phantom/hosts") if phantom_of(wildcards) else None


def phantom_of(wildcards):
    if not CONFIG.is_phantom(wildcards.dataset):
        return None
    cases = CONFIG.phantom_cases(wildcards.dataset, wildcards.archive)
    return cases | {"seed": config["phantom"]["seed"]} | real_grid(wildcards.dataset)


def real_grid(dataset):
    """Return the grid of the real scans as `grid`, if this is a rehearsal at full size."""
    if not (REHEARSAL and REHEARSAL["real_grids"]):
        return {}
    # Imports torch, which only a rehearsal needs.
    from covidseg.runs.grids import typical_grids

    grid = typical_grids(FOLDER / "grids.csv")[dataset]
    return {"grid": (grid.shape, grid.spacing)}


def archive_files(wildcards):
    return expand("data/raw/{path}", path=CONFIG.archives(wildcards.dataset))


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


def split_kind(wildcards):
    return CONFIG.datasets[wildcards.dataset]["split"]


def split_names(wildcards):
    """Return the cases that a split is reduced to: those of a phantom, or those that a user chooses; or None."""
    reduced = config["phantom"] or "cases" in CONFIG.datasets[wildcards.dataset]
    return CONFIG.case_names(wildcards.dataset) if reduced else None


def published_folds(wildcards):
    return CONFIG.splits.get(split_kind(wildcards))


def chosen_cases(wildcards):
    return CONFIG.chosen_cases(wildcards.dataset)


def left_out(wildcards):
    """Return the cases that a data set is without; the reasons are no parameter, for they are only printed."""
    return sorted(CONFIG.left_out(wildcards.dataset))


NNUNET = in_use.nnunet_folders(CONFIG)


def exported(wildcards):
    return NNUNET[wildcards.folder]


def exported_entry(wildcards):
    name = exported(wildcards)
    entry = in_use.pick(CONFIG.datasets[name], *in_use.EXPORTED)
    return entry | {"leave_out": CONFIG.left_out(name)}
