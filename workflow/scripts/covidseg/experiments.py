"""The models to train: experiments.yaml, checked and expanded to one experiment a source."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from covidseg.errors import InputError
from covidseg.strategies import STRATEGIES


@dataclass(frozen=True)
class Experiment:
    """One row of models, one a fold.

    Attributes:
        name: of its folders.
        paper: that it belongs to first.
        strategy: key of STRATEGIES.
        source: key of `sources` that it starts from, or "none".
        train: data sets.
        folds: number of models.
        evaluate: data set -> name of the split in the scores.
        options: of the strategy.
        source_datasets: data sets of the source, where the strategy trains on them too.
    """

    name: str
    paper: str
    strategy: str
    source: str
    train: tuple[str, ...]
    folds: int
    evaluate: dict[str, str]
    options: dict = field(default_factory=dict)
    source_datasets: tuple[str, ...] = ()

    @property
    def pretraining(self) -> str | None:
        """Name of the experiment whose model it starts from."""
        random = self.source == "none" or self.options.get("general_encoder") == "random"
        return None if random else f"pretrain-{self.source}"

    def to_json(self) -> dict:
        """Return the experiment as a dictionary, for a job's parameters."""
        return asdict(self)


def expand_experiments(sheet: dict, datasets: dict, path: Path) -> dict[str, Experiment]:
    """Turn experiments.yaml into experiments: pretrain-<source> first, then each row once a source."""
    expanded = [_pretraining(name, row, datasets, path) for name, row in sheet["sources"].items()]
    for name, row in sheet["experiments"].items():
        expanded += _row(name, row, sheet["sources"], datasets, path)
    experiments = {}
    for experiment in expanded:
        if experiment.name in experiments:
            raise InputError(f"{path}: a second experiment named {experiment.name}; rename one of them")
        _check_labels(experiment, datasets, path)
        experiments[experiment.name] = experiment
    return experiments


def _pretraining(source: str, row: dict, datasets: dict, path: Path) -> Experiment:
    where = f"{path}: sources.{source}"
    check_known(row["datasets"], datasets, f"{where}.datasets", "data set")
    check_known(row["evaluate"], datasets, f"{where}.evaluate", "data set")
    if row["lesions"] == "heads" and row["evaluate"]:
        raise InputError(f"{where}.evaluate: {row['evaluate']}; must be {{}} with lesions: heads")
    return Experiment(
        name=f"pretrain-{source}",
        paper=row["paper"],
        strategy="pretrain",
        source="none",
        train=tuple(row["datasets"]),
        folds=1,
        evaluate=row["evaluate"],
        options={"lesions": row["lesions"]},
    )


def _row(name: str, row: dict, sources: dict, datasets: dict, path: Path) -> list[Experiment]:
    where = f"{path}: experiments.{name}"
    check_known([row["strategy"]], STRATEGIES, f"{where}.strategy", "strategy")
    check_known(row["train"], datasets, f"{where}.train", "data set")
    check_known(row["evaluate"], datasets, f"{where}.evaluate", "data set")
    check_known(row.get("sources", []), sources, f"{where}.sources", "source")
    strategy = STRATEGIES[row["strategy"]]
    if strategy.needs_source != ("sources" in row):
        verb = "needs" if strategy.needs_source else "starts from nothing and takes no"
        allowed = f"; allowed: {', '.join(sources)}" if strategy.needs_source else "; remove the key"
        raise InputError(f"{where}: strategy {row['strategy']} {verb} sources{allowed}")
    _check_options(row.get("options", {}), strategy.options, f"{where}.options")
    return [
        Experiment(
            name=name if source == "none" else f"{name}-{source}",
            paper=row["paper"],
            strategy=row["strategy"],
            source=source,
            train=tuple(row["train"]),
            folds=row["folds"],
            evaluate=row["evaluate"],
            options=row.get("options", {}),
            source_datasets=tuple(sources[source]["datasets"]) if strategy.trains_on_source else (),
        )
        for source in row.get("sources", ["none"])
    ]


def _check_options(options: dict, allowed: dict, where: str) -> None:
    for key in options.keys() ^ allowed.keys():
        verb = "unknown" if key in options else "missing"
        raise InputError(f"{where}: {verb} option {key!r}; expected: {', '.join(allowed) or 'none'}")
    for key, value in options.items():
        if isinstance(allowed[key], tuple):
            check_known([value], dict.fromkeys(allowed[key]), f"{where}.{key}", "value")
        elif not isinstance(value, (int, allowed[key])) or value <= 0:
            raise InputError(f"{where}.{key}: {value!r}; expected a positive {allowed[key].__name__}")


def _check_labels(experiment: Experiment, datasets: dict, path: Path) -> None:
    ids = {name: list(datasets[name]["regions"]) for name in (*experiment.train, *experiment.evaluate)}
    if any(found != ids[experiment.train[0]] for found in ids.values()):
        listed = ", ".join(f"{name} {found}" for name, found in ids.items())
        raise InputError(f"{path}: {experiment.name}: label ids differ: {listed}; train on them apart")


def check_known(names: list[str], known: dict, where: str, kind: str) -> None:
    """Raise InputError at the first name that is not known, with those that are."""
    for name in names:
        if name not in known:
            raise InputError(f"{where}: unknown {kind} {name!r}; allowed: {', '.join(known)}")
