"""The rows of experiments.yaml, checked and expanded to one row per source."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from covidseg.archives.dataset import Datasets
from covidseg.config.checks import check_known, check_options
from covidseg.config.external import EXTERNAL, check_external, regions_of
from covidseg.config.sheets import ExperimentRow, ExperimentSheet, SourceRow
from covidseg.errors import InputError, InputErrors, told_together
from covidseg.training.sections import Options
from covidseg.training.strategies import STRATEGIES


@dataclass(frozen=True, kw_only=True)
class ExpandedRow:
    """What an experiment has from its row in experiments.yaml.

    Attributes:
        name: name of the experiment, and of its folders of predictions and scores.
        row: key of the row of experiments.yaml that the experiment comes from.
        paper: the first paper that the experiment belongs to.
        strategy: key of STRATEGIES, or EXTERNAL if the predictions were made elsewhere.
        source: key of `sources`, the further data that the model learns from, or "none".
        train: names of the data sets that the model is trained on; of an external model those of `evaluate`.
        lesions: how the lesions of these data sets become classes. "union": they are one class; "classes":
            a COVID-19 infection is a class of its own; "separate": each data set's lesions are.
        folds: number of models, one per fold.
        evaluate: data set -> name of the split in the scores.
        model: name of the folder of the models: the experiment's own name or, if nothing is trained for the
            experiment, the name of the pre-training whose model the experiment evaluates. Empty for an
            experiment whose predictions were made elsewhere.
        predictions: path of the files that were predicted elsewhere, with fields in braces; or empty.
        regions: label id in these files -> region, or "background".
        options: options of the strategy.
        source_datasets: data sets of the source, if the strategy trains on them as well.
        nnunet: whether the source is a model that nnU-Net has trained.
    """

    name: str
    row: str
    paper: str
    strategy: str
    source: str = "none"
    train: tuple[str, ...]
    lesions: str = "union"
    folds: int = 1
    evaluate: dict[str, str] = field(default_factory=dict)
    model: str
    options: Options = field(default_factory=dict)
    source_datasets: tuple[str, ...] = ()
    predictions: str = ""
    regions: dict[int, str] = field(default_factory=dict)
    nnunet: bool = False

    @property
    def pretraining(self) -> str | None:
        """Name of the experiment whose weights the training starts from.

        None for random weights, for those of nnU-Net, which no experiment has trained, and where nothing is
        trained here.
        """
        if not self._starts_pretrained or self.nnunet:
            return None
        return pretraining_of(self.source, halfway=STRATEGIES[self.strategy].starts_halfway)

    @property
    def nnunet_source(self) -> str | None:
        """Name of the source whose nnU-Net model the training starts from; None for all other weights."""
        return self.source if self._starts_pretrained and self.nnunet else None

    @property
    def _starts_pretrained(self) -> bool:
        if self.predictions:
            return False
        random = self.options.get("general_encoder") == "random"
        return STRATEGIES[self.strategy].needs_source and not random


def pretraining_of(source: str, *, halfway: bool = False) -> str:
    """Return the name of the pre-training on a source, with a whole schedule or stopped half-way."""
    return f"pretrain-{source}-halfway" if halfway else f"pretrain-{source}"


def expand_rows(sheet: ExperimentSheet, datasets: Datasets, path: Path) -> list[ExpandedRow]:
    """Return the pre-trainings, and then the rows of experiments.yaml, each once per source.

    Every source is pre-trained once with a whole learning-rate schedule. A pre-training that stops in
    mid-schedule comes after it if an experiment starts from such a one.

    Args:
        sheet: content of experiments.yaml.
        datasets: content of datasets.yaml.
        path: path of experiments.yaml, for messages.

    Raises:
        InputErrors: rows are wrong; each message has the file, the key, the value and what is allowed.
    """
    wholes: dict[str, ExpandedRow] = {}
    with told_together() as faults:
        for source, described in sheet["sources"].items():
            with faults.gathered():
                if not _is_nnunet(source, described, path):
                    wholes[source] = _pretraining(source, described, datasets, path)
    rows: list[ExpandedRow] = []
    with told_together() as faults:
        for name, row in sheet["experiments"].items():
            where = f"{path}: experiments.{name}"
            with faults.gathered():
                check_known(row["evaluate"], datasets, f"{where}.evaluate", "data set")
            with faults.gathered():
                if "model" in row:
                    rows.append(_evaluation(name, row, wholes, where))
                elif "predictions" in row:
                    rows.append(_external(name, row, sheet["sources"], datasets, where))
                else:
                    rows += _training(name, row, sheet["sources"], datasets, where)
    started = {row.pretraining for row in rows}
    halves = [_halfway(source, whole) for source, whole in wholes.items()]
    return [*wholes.values(), *(half for half in halves if half.name in started), *rows]


def _is_nnunet(source: str, row: SourceRow, path: Path) -> bool:
    """Return whether a source is a model of nnU-Net; raises InputError for keys that do not fit its kind."""
    is_nnunet = "nnunet" in row
    others = ("datasets", "lesions", "evaluate") if is_nnunet else ("fold", "checkpoint")
    kind = "is a trained model of nnU-Net" if is_nnunet else "has no key nnunet"
    if wrong := [key for key in others if key in row]:
        raise InputErrors(
            [f"{path}: sources.{source}.{key}: the source {kind}; remove the key" for key in wrong]
        )
    return is_nnunet


def _pretraining(source: str, row: SourceRow, datasets: Datasets, path: Path) -> ExpandedRow:
    where = f"{path}: sources.{source}"
    with told_together() as faults:
        for key, names in (("datasets", row["datasets"]), ("evaluate", row["evaluate"])):
            with faults.gathered():
                check_known(names, datasets, f"{where}.{key}", "data set")
    name = pretraining_of(source)
    whole = ExpandedRow(
        name=name,
        row=name,
        paper=row["paper"],
        strategy="pretrain",
        train=tuple(row["datasets"]),
        lesions="separate" if row["lesions"] == "classes" else "union",
        evaluate=row["evaluate"],
        model=name,
        options={"lesions": row["lesions"], "schedule": "whole"},
    )
    _refuse_separate(whole, where)
    return whole


def _halfway(source: str, whole: ExpandedRow) -> ExpandedRow:
    """Return the pre-training on a source that stops in mid-schedule; it is evaluated on nothing."""
    name, options = pretraining_of(source, halfway=True), {**whole.options, "schedule": "first half"}
    return replace(whole, name=name, row=name, model=name, options=options, evaluate={})


def _evaluation(name: str, row: ExperimentRow, wholes: dict[str, ExpandedRow], where: str) -> ExpandedRow:
    """Return the experiment that evaluates a pre-trained model; nothing is trained for it.

    Such a row says nothing of a training, so that it cannot contradict the training of its model.
    """
    if further := row.keys() - {"paper", "model", "evaluate"}:
        raise InputError(
            f"{where}.{min(further)}: beside model, whose training decides it; remove one of the keys"
        )
    sources = {whole.name: source for source, whole in wholes.items()}
    check_known([row["model"]], sources, f"{where}.model", "pre-trained model")
    source = sources[row["model"]]
    evaluated = replace(
        wholes[source], name=name, row=name, paper=row["paper"], source=source, evaluate=row["evaluate"]
    )
    _refuse_separate(evaluated, where)
    return evaluated


def _external(
    name: str, row: ExperimentRow, sources: Iterable[str], datasets: Datasets, where: str
) -> ExpandedRow:
    """Return the experiment whose predictions were made elsewhere; nothing is trained or predicted for it."""
    check_external(row, where)
    check_known([row["source"]] if "source" in row else [], list(sources), f"{where}.source", "source")
    return ExpandedRow(
        name=name,
        row=name,
        paper=row["paper"],
        strategy=EXTERNAL,
        source=row.get("source", "none"),
        train=tuple(row.get("train", ())),
        folds=row.get("folds", 1),
        evaluate=row["evaluate"],
        model="",
        predictions=row["predictions"],
        regions=regions_of(row, datasets, where),
    )


def _refuse_separate(row: ExpandedRow, where: str) -> None:
    """Raise InputError if a model is evaluated that tells the lesions of its data sets apart."""
    lesions = row.options["lesions"]
    if row.evaluate and lesions != "union":
        raise InputError(f"{where}.evaluate: {row.evaluate}; must be {{}} with lesions: {lesions}")


def _training(
    name: str, row: ExperimentRow, sources: dict[str, SourceRow], datasets: Datasets, where: str
) -> list[ExpandedRow]:
    """Return one experiment per source of a row."""
    with told_together() as faults:
        with faults.gathered():
            check_known(row["train"], datasets, f"{where}.train", "data set")
        if ("lesions" in row) != (len(row["train"]) > 1):
            faults.found.append(
                f"{where}.lesions: needed where several data sets are trained on, and only there"
            )
        with faults.gathered():
            _check_strategy(row, sources, where)
    strategy = STRATEGIES[row["strategy"]]
    expanded = []
    for source in row.get("sources", [row.get("source", "none")]):
        own = f"{name}-{source}" if strategy.needs_source else name
        nnunet = "nnunet" in sources.get(source, {})
        if nnunet:
            _refuse_for_nnunet(row["strategy"], source, f"{where}.sources")
        expanded.append(
            ExpandedRow(
                name=own,
                row=name,
                paper=row["paper"],
                strategy=row["strategy"],
                source=source,
                train=tuple(row["train"]),
                lesions=row.get("lesions", "union"),
                folds=row["folds"],
                evaluate=row["evaluate"],
                model=own,
                options=row.get("options", {}),
                source_datasets=tuple(sources[source]["datasets"]) if strategy.trains_on_source else (),
                nnunet=nnunet,
            )
        )
    return expanded


def _refuse_for_nnunet(name: str, source: str, where: str) -> None:
    """Raise InputError for a strategy that needs more than the weights of a finished training."""
    needed = ""
    if STRATEGIES[name].starts_halfway:
        needed = "goes on with an unfinished schedule of the learning rate, and nnU-Net has finished its own"
    elif STRATEGIES[name].trains_on_source:
        needed = "trains on the scans of its source too, and a trained model has none"
    if needed:
        raise InputError(f"{where}: {source!r}: strategy {name} {needed}; take another strategy")


def _check_strategy(row: ExperimentRow, sources: Iterable[str], where: str) -> None:
    """Raise InputErrors for an unknown strategy, or for what does not fit the strategy."""
    strategies = [name for name in STRATEGIES if name != "pretrain"]  # which the sources stand for
    check_known([row["strategy"]], strategies, f"{where}.strategy", "strategy")
    strategy = STRATEGIES[row["strategy"]]
    with told_together() as faults:
        with faults.gathered():
            _check_sources(row, strategy.needs_source, sources, where)
        with faults.gathered():
            check_options(row.get("options", {}), strategy.options, f"{where}.options")


def _check_sources(row: ExperimentRow, needed: bool, sources: Iterable[str], where: str) -> None:
    sources = list(sources)
    if needed != ("sources" in row):
        verb = "needs" if needed else "starts from nothing and takes no"
        allowed = f"; allowed: {', '.join(sources)}" if needed else "; remove the key"
        raise InputError(f"{where}: strategy {row['strategy']} {verb} sources{allowed}")
    if needed and "source" in row:
        raise InputError(f"{where}.source: {row['source']!r} beside sources; remove one of the keys")
    check_known(row.get("sources", []), sources, f"{where}.sources", "source")
    check_known([row["source"]] if "source" in row else [], sources, f"{where}.source", "source")
