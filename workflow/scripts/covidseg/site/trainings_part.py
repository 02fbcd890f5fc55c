"""The page of the trainings: the curves of every model, which can be compared, and the files of each."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from covidseg.paper import palette
from covidseg.site.curves import Axes, end_labels, mean_curve, region_words, spread
from covidseg.site.part import Entry, Part
from covidseg.site.scripts import as_json
from covidseg.site.trainings import Training, Words, read_training

LOSS = "Loss, Dice and cross-entropy"
PINNED = ("hybrid", "continual", "scratch")  # compared when the page opens: fold 0 of each
LABEL_GAP = 12  # between the labels at the ends of curves, in the panel's units
LOGS = Path("logs")
KINDS = ("train", "pretrain", "collaborative", "train_weak")  # rules whose jobs train a model


def make(part: Part) -> list[Entry]:
    """Write the page, and beside it the files of every training."""
    trainings = read_trainings(part)
    for one in trainings:
        _write_files(part.path / "files" / one.name, one, timed=part.parameters["timed"])
    if trainings:
        _write_all_logs(part.path / "all-logs.csv.gz", trainings)
    page = f"{part.folder}/index.html"
    part.site.write(page, "trainings.html", title="Trainings", plotly=True, **page_values(trainings, part))
    return [Entry(title="Trainings", kind="page", page=page)] + [
        {
            "title": f"{one.title}, {one.source_title}, fold {one.fold} ({one.model})",
            "kind": "training",
            "page": f"{page}#{quote(one.name)}",
        }
        for one in trainings
    ]


def read_trainings(part: Part) -> list[Training]:
    """Read the log and the description of every model."""
    words = _words(part.parameters)
    found = []
    for model, log, description in zip(
        part.parameters["models"], part.inputs["logs"], part.inputs["descriptions"], strict=True
    ):
        name, _, fold = model.rpartition("/fold")
        found.append(read_training(log, description, words[name], model=name, fold=int(fold)))
    return sorted(found, key=lambda one: _place(one.group, palette.STRATEGY_COLOURS))


def _place(key: str, palette_order: Iterable[str]) -> int:
    """Return where a strategy or a source stands: as in the palette, and what a user adds after that."""
    order = list(palette_order)
    return order.index(key) if key in order else len(order) + (key == "weak")


def _words(parameters: dict[str, Any]) -> dict[str, Words]:
    """Return model -> what the page calls it."""
    networks = {
        one["experiment"]: Words(
            group=one["strategy"],
            colour=f"strategy-{one['strategy']}",
            title=one["strategy_title"],
            source=one["source"],
            source_title="None" if one["source"] == "none" else one["source_title"],
            regions=tuple(parameters["regions"][one["experiment"]]),
        )
        for one in parameters["methods"]
        if one["model"] == one["experiment"]
    }
    systems = {
        name: Words(
            group="weak",
            colour=f"system-{one['system']}",
            title=one["title"],
            source="weak",
            source_title=one["source_title"],
            regions=("lesion",),
        )
        for name, one in parameters["weak"].items()
    }
    return networks | systems


def page_values(trainings: list[Training], part: Part) -> dict[str, Any]:
    """Return what the template shows."""
    networks = [one for one in trainings if one.group != "weak"]
    weak = [one for one in trainings if one.group == "weak"]
    axes = Axes.around([one.loss for one in networks])
    groups = _grouped(networks, lambda one: one.group)
    used = defaultdict(list)
    for one in part.parameters["methods"]:
        if one["model"] != one["experiment"]:
            used[one["model"]].append(one["experiment"])
    return {
        "trainings": [_row(one, axes, part) for one in trainings],
        "axes": axes,
        "panels": [_panel(group, ones, axes) for group, ones in groups.items()],
        "context": [one.name for one in networks if one.fold == 0],
        "weak": [_weak_panel(one) for one in weak],
        "groups": [(group, ones[0], len(ones)) for group, ones in groups.items()],
        "sources": _sources(trainings),
        "folds": sorted({one.fold for one in trainings}),
        "pinned": _first_pinned(networks or weak),
        "used": used,
        "timed": part.parameters["timed"],
    }


def _grouped(trainings: Iterable[Training], key: Callable[[Training], str]) -> dict[str, list[Training]]:
    groups: dict[str, list[Training]] = defaultdict(list)
    for one in trainings:
        groups[key(one)].append(one)
    return dict(groups)


def _sources(trainings: list[Training]) -> list[dict[str, Any]]:
    """Return the sources for the filter."""
    ones = sorted(trainings, key=lambda one: _place(one.source, palette.SOURCE_COLOURS))
    return [
        {"key": key, "title": ones[0].source_title, "count": len(ones)}
        for key, ones in _grouped(ones, lambda one: one.source).items()
    ]


def _first_pinned(trainings: list[Training]) -> list[str]:
    """Return the trainings that are compared when the page opens; the first one if no strategy is known."""
    first = {one.group: one.name for one in reversed(trainings) if one.fold == 0}
    return [first[group] for group in PINNED if group in first] or [one.name for one in trainings[:1]]


def _row(one: Training, axes: Axes, part: Part) -> dict[str, Any]:
    """Return a training as the template shows it."""
    lineage = one.description.get("lineage", {})
    start = (lineage.get("pretrained") or {}).get("experiment")
    if one.group == "weak":
        start = part.parameters["weak"][one.model]["classifier"]
    own = axes if one.group != "weak" else Axes.around([one.loss])
    return {
        "training": one,
        "path": Markup(own.path(one.loss)),
        "spark": _spark_box(one.loss, own),
        "scans": _scans(one, part.parameters["folds"]),
        "start": f"{start}/fold0" if start else "",
        "start_title": start,
        "job_log": part.parameters["timed"] and _job_log(one),
    }


def _spark_box(loss: pd.Series, axes: Axes) -> str:
    """Return the viewBox of a small plot that a curve fills."""
    if not len(loss):
        return "0 0 1 1"
    top, bottom = axes.y(float(loss.max())), axes.y(float(loss.min()))
    return f"-1 {top - 1:.1f} {axes.width + 2:.0f} {bottom - top + 2:.1f}"


def _scans(one: Training, folds: dict[str, int]) -> list[tuple[str, int, str]]:
    """Return what a model was trained on: data set, number of its scans, and where its page shows the fold.

    The number of slices is not known, and is 0.

    Args:
        one: the training.
        folds: data set -> number of its folds; one with a single fold has the same cases for every model.
    """
    lineage = one.description.get("lineage", {})
    counts: dict[str, int] = defaultdict(int)
    for case in [*lineage.get("training_cases", []), *lineage.get("source_cases", [])]:
        counts[case.partition("/")[0]] += 1
    found = [
        (name, count, f"#fold{one.fold if folds.get(name, 1) > 1 else 0}") for name, count in counts.items()
    ]
    slices = lineage.get("training_slices")
    return [*found, (slices, 0, "")] if slices else found


def _panel(group: str, trainings: list[Training], axes: Axes) -> dict[str, Any]:
    """Return the panel of a strategy: its folds, and the mean and the label of each of its models."""
    models = _grouped(trainings, lambda one: one.model)
    means = {name: mean_curve([one.loss for one in folds]) for name, folds in models.items()}
    means = {name: curve for name, curve in means.items() if len(curve)}
    ends = {name: axes.y(float(curve.iloc[-1])) for name, curve in means.items()}
    labels = end_labels({name: folds[0] for name, folds in models.items()})
    places = spread(ends, LABEL_GAP, 0, axes.height)
    return {
        "group": group,
        "title": trainings[0].title,
        "colour": trainings[0].colour,
        "trainings": trainings,
        "means": [
            {
                "model": models[name][0],
                "path": Markup(axes.path(curve)),
                "label": labels[name] or "all",
                "place": places[name],
                "end": axes.x(float(curve.index[-1])),
                "last": float(curve.iloc[-1]),
                "folds": len(models[name]),
            }
            for name, curve in means.items()
        ],
    }


def _weak_panel(one: Training) -> dict[str, Any]:
    """Return the panel of a weakly supervised system, which has axes of its own."""
    return {"training": one, "axes": Axes.around([one.loss]), "last": one.last_loss}


def _write_files(folder: Path, one: Training, *, timed: bool) -> None:
    """Write what the page links to, and the curves at full length, which it loads when they are compared."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(one.log, folder / "log.csv")
    shutil.copyfile(one.model_json, folder / "model.json")
    if timed and (job_log := _job_log(one)):
        shutil.copyfile(job_log, folder / "job.log")
    loss = LOSS if one.group != "weak" else f"Loss of {one.title}"
    content = {
        "title": ", ".join(filter(None, [one.title, region_words(one.regions)])),
        "curves": {
            title: [values.index.astype(int).tolist(), [float(f"{value:.6g}") for value in values]]
            for title, values in one.columns(loss).items()
        },
    }
    # Not flushed to disk, as no copy is: Snakemake removes the folder of a job that was killed.
    script = f"curves.set({as_json(one.name)}, {as_json(content)});\n"
    (folder / "curves.js").write_text(script, encoding="utf-8")


def _job_log(one: Training) -> Path | None:
    """Return the log of the job that trained a model; None if it is not kept.

    The log has times, which differ from run to run. Without times, all runs make the same site, which lacks
    these logs.
    """
    places = (LOGS / kind / f"{name}.log" for kind in KINDS for name in (one.name, one.model))
    return next((place for place in places if place.is_file()), None)


def _write_all_logs(path: Path, trainings: list[Training]) -> None:
    """Write the logs of all trainings as one table."""
    tables = [one.table.assign(model=one.model, fold=one.fold) for one in trainings]
    joined = pd.concat(tables).astype({"epoch": int})
    columns = ["model", "fold", *(name for name in joined if name not in ("model", "fold"))]
    packed = {"method": "gzip", "compresslevel": 9, "mtime": 0}
    joined[columns].to_csv(path, index=False, float_format="%.9g", compression=packed, lineterminator="\n")
