"""Tables of what the whole DAG of a configuration needs: jobs, hours and gigabytes."""

import math
from collections import Counter
from pathlib import Path

import pandas as pd

from covidseg.runs.grids import Grid, at_target_spacing, predicted_grids
from covidseg.runs.hours import WEIGHTS, Known, training_of
from covidseg.runs.memory_table import memory_table
from covidseg.runs.network_sizes import weak_parameters

NOTHING = "–"
SizeRow = tuple[str, int | str, float, str]  # kind of file, number, gigabytes, origin of the gigabytes
BYTES = {"cases": 2 + 1, "preprocessed": 2 + 1, "predictions": 1}  # per voxel: int16 or float16, uint8

NOTES = [
    "All jobs of rule all but all itself, as `snakemake --forceall -n` counts them. Hours are of one GPU or, "
    "where a rule runs on CPUs, of one core. A limit is the rule's `runtime`, at which a scheduler stops a "
    "job, and no guess; trainings have none, since they go on in another job. Rules without an estimate are "
    "not in the sums of hours.",
    "Slices, scores, tables and figures are small beside these.",
    "Memory: train stands for pretrain and collaborative, too. The memory of the GPU holds at most "
    "training.device_memory_gib of cases. In float32, on cards without bfloat16 such as Volta's, all but the "
    "cases takes 1.8 times as much.",
]


def workload_tables(known: Known, hours: pd.DataFrame, hosts: list[str]) -> dict[str, pd.DataFrame]:
    """Return heading -> table.

    Args:
        known: all facts that the estimates are computed from.
        hours: one row per job, as returned by `job_hours`.
        hosts: data sets whose archives are fetched.
    """
    return {
        "Jobs and hours": rule_table(hours, list(known.rules)),
        "Trainings": epoch_table(known, hours),
        "Memory of one job": memory_table(known.config),
        "Gigabytes": size_table(known, hosts),
    }


def rule_table(hours: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """Return one printed row per rule, followed by one row of sums for GPUs and one for CPUs.

    Args:
        hours: one row per job, as returned by `job_hours`.
        order: names of the rules, in the order of the rows.
    """
    groups = dict(iter(hours.groupby("rule")))
    rows = [
        _row(rule, groups[rule], "; ".join(sorted(set(groups[rule].basis))))
        for rule in order
        if rule in groups
    ]
    rows += [_row(f"all on {on}s", group, NOTHING) for on, group in hours.groupby("on")]
    return pd.DataFrame(rows)


def _row(title: str, jobs: pd.DataFrame, basis: str) -> dict[str, object]:
    pending = jobs[jobs.to_do]
    return {
        "Rule": title,
        "Jobs": len(jobs),
        "To do": len(pending),
        "On": jobs.on.iloc[0],
        "Hours": _number(jobs.hours.sum(min_count=1)),
        "Hours to do": number_of_hours(pending),
        "Longest job": _number(jobs.hours.max()),
        "Limit of a job": _number(jobs.at_most.max()),
        "Limit of all": _number(jobs.at_most.sum(min_count=1)),
        "Hours from": basis,
    }


def epoch_table(known: Known, hours: pd.DataFrame) -> pd.DataFrame:
    """Return one row per strategy: its trainings, the seconds per epoch, and the origin of the seconds."""
    names = [Path(file).parts[-3] for file in hours.file if file.endswith(WEIGHTS)]
    counts = Counter(training_of(known.config, name) for name in names)
    rows = []
    for (strategy, epochs), count in counts.items():
        time = known.epochs.get(strategy)
        rows.append(
            {
                "Strategy": strategy,
                "Models": count,
                "Epochs": epochs,
                "Seconds per epoch": _number(time.seconds) if time else NOTHING,
                "Hours": _number(count * epochs * time.seconds / 3600) if time else NOTHING,
                "From": time.basis if time else "neither measured nor published",
            }
        )
    return pd.DataFrame(rows)


def size_table(known: Known, hosts: list[str]) -> pd.DataFrame:
    """Return one row per kind of file: the number of files and, where known, their gigabytes.

    Args:
        known: all facts that the estimates are computed from.
        hosts: data sets whose archives are fetched.
    """
    rows = [_archives(known, hosts), *_volumes(known), *_models(known)]
    columns = ["What", "Number", "GB", "From"]
    total = sum(size for _, _, size, _ in rows if not math.isnan(size))
    rows.append(("all of these", NOTHING, total, "what can be told"))
    return pd.DataFrame(
        [(what, number, _number(size), basis) for what, number, size, basis in rows], columns=columns
    )


def _archives(known: Known, hosts: list[str]) -> SizeRow:
    real = [name for name in hosts if not known.config.is_phantom(name)]
    size = sum(known.config.datasets[name].get("gigabytes", math.nan) for name in real)
    basis = "config/datasets.yaml" if real else "phantom, generated"
    return "data/raw", int((known.jobs.rule == "download").sum()), size if real else math.nan, basis


def _volumes(known: Known) -> list[SizeRow]:
    """Return rows for cases, preprocessed cases and predictions; cases and predictions before compression."""
    ingested = [Path(file).parts[-2] for file in known.jobs[known.jobs.rule == "ingest"].file]
    grids = [grid for name in ingested for grid in known.cohorts[name].grids.values()]
    basis = f"by {', '.join(sorted({known.cohorts[name].basis for name in ingested}))}"
    spacing = known.target_spacing
    resampled = f"{basis}, at {' x '.join(f'{mm:.3g}' for mm in spacing)} mm" if spacing else basis
    shapes = {
        "cases": [grid.shape for grid in grids],
        "preprocessed": [at_target_spacing(grid, spacing) for grid in grids] if spacing else [],
        "predictions": [grid.shape for grid in _predicted(known)],
    }
    return [
        (
            f"results/{kind}",
            len(found),
            sum(map(math.prod, found)) * BYTES[kind] / 1e9 if found else math.nan,
            resampled if kind == "preprocessed" else f"before compression, {basis}",
        )
        for kind, found in shapes.items()
    ]


def _predicted(known: Known) -> list[Grid]:
    places = [Path(file) for file in known.jobs[known.jobs.rule.isin(["predict", "import_predictions"])].file]
    return [
        grid
        for place in places
        for dataset in known.config.experiments[place.parts[-2]].evaluate
        for grid in predicted_grids(
            known.config,
            known.cohorts[dataset],
            dataset,
            trained_on=known.config.experiments[place.parts[-2]].train,
            fold=int(place.name.removeprefix("fold")),
        )
    ]


def _models(known: Known) -> list[SizeRow]:
    """Return rows for the models and for the states of trainings, as if all trainings ran at the same time.

    The state of a training has the weights and their momenta. The state of a weak system has the weights and
    the three tensors per weight that Adam keeps, counted at full size although the third is only the number
    of steps. A training that succeeds deletes its state.
    """
    weak = {
        name: weak_parameters(model, known.config.sections["weak"])
        for name, model in known.config.weak_models.items()
    }
    trained = [Path(file).parts[-3] for file in known.jobs.file if file.endswith(WEIGHTS)]
    weights = [4 * (weak.get(name) or known.sizes[name].parameters) / 1e9 for name in trained]
    states = [size * (4 if name in weak else 2) for name, size in zip(trained, weights, strict=True)]
    largest = f"at most, if all train at once; one has up to {_number(max(states))} GB"
    return [
        ("results/models", len(trained), sum(weights), "parameters, 4 bytes each"),
        ("results/state", len(trained), sum(states), largest),
    ]


def number_of_hours(jobs: pd.DataFrame) -> str:
    """Return the sum of the known hours of jobs; a dash if the hours of none of the jobs are known."""
    return _number(jobs.hours.sum(min_count=min(1, len(jobs))))


def _number(value: float) -> str:
    """Return a number with three significant digits or, from 100 on, without decimals."""
    if math.isnan(value):
        return NOTHING
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"
