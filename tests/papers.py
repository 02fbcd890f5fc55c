"""The papers' own part of the configuration: what tests count or list by hand.

A user adds data sets, strategies, sources, experiments and rows of tables (README). Such an addition must not
turn a test red, so the tests that know a number or a list look at the configuration without the additions.
"""

from pathlib import Path

import yaml

DATASETS = (
    "covid20", "covid20-lung", "covid20-union", "msd", "structseg", "structseg-lung", "nsclc", "nsclc-lung",
    "mosmed", "capepoint", "cc-ccii", "covid-19-20",
)  # fmt: skip
SOURCES = ("msd", "structseg", "nsclc", "multi", "multi2")
EXPERIMENTS = (
    "scratch", "continual", "body-finetune", "lesion-representations", "hybrid", "multi-encoder",
    "collaborative-backbone", "collaborative-rc-g", "collaborative-rc-g-rc-t", "task1-lung", "task1-union",
    *(f"task{task}-{data}" for task in (2, 3) for data in ("structseg-lung", "nsclc-lung", *SOURCES[:3])),
)  # fmt: skip
STRATEGIES = (
    "pretrain", "scratch", "continual", "body-finetune", "lesion-representations", "hybrid", "multi-encoder",
    "collaborative-backbone", "collaborative",
)  # fmt: skip
WEAK_MODELS = (
    "weak-full", "weak-without-normal-fidelity", "weak-without-lesion-decoder", "weak-without-critic", "va-gan",
    "classifier", "biomarker-localisation",
)  # fmt: skip
LOCALISERS = (*WEAK_MODELS, "cam", "grad-cam")
# What no paper prints; besides, every paper has "claims".
EXTRA = ("parameters", "volumes", "agreement", "ranking")
ARTEFACTS = {
    "wang2021": ("table1", "table2", "table3", "figure1", "figure2", "figure3", "violin", "strategies", *EXTRA),
    "wang2020": ("table1", "table2", "table3", "figure1", "figure2", "figure3", "violin", "strategies", *EXTRA),
    "zhang2021": (
        *("table1", "table2", "table3"),
        *("figure1", "figure2", "figure3", "figure4", "figure5", "violin", *EXTRA),
    ),
    "ma2021": (
        *("datasets", *(f"table{number}" for number in range(1, 11))),
        *("figure1", "figure2", "figure3", "figure4", "figure5", "volumes", "agreement", "ranking"),
    ),
    "yang2021": ("numbers", "figure1", "figure2", "figure3", "figure4", "ranking"),
}  # fmt: skip
# What a row of a table or a column of a figure can stand for.
SHOWN = {
    *EXPERIMENTS,
    *(f"{name}-{source}" for name in EXPERIMENTS for source in SOURCES),
    *LOCALISERS,
    *DATASETS,
}


def keep(content: dict, names) -> dict:
    """Return the entries of these names, in the order of the sheet."""
    return {name: entry for name, entry in content.items() if name in names}


def keep_shown(content: dict) -> dict:
    """Return the rows or columns that show the papers' experiments, localisers and data sets alone."""
    return {
        title: names
        for title, names in content.items()
        if SHOWN.issuperset([names] if isinstance(names, str) else names)
    }


def of_experiments(sheet: dict) -> None:
    sheet["sources"] = keep(sheet["sources"], SOURCES)
    sheet["experiments"] = keep(sheet["experiments"], EXPERIMENTS)
    for row in sheet["experiments"].values():
        row["evaluate"] = keep(row["evaluate"], DATASETS)
        if "sources" in row:
            row["sources"] = [source for source in row["sources"] if source in SOURCES]
    weak = sheet["weak"]
    weak["evaluate"] = keep(weak["evaluate"], DATASETS)
    weak["models"] = keep(weak["models"], WEAK_MODELS)
    weak["localisers"] = keep(weak["localisers"], LOCALISERS)


def of_artefacts(sheet: dict) -> None:
    for paper, names in ARTEFACTS.items():
        sheet[paper] = keep(sheet[paper], ("claims", *names))
        for artefact in sheet[paper].values():
            for key in {"rows", "columns", "datasets", "localisers"} & artefact.keys():
                artefact[key] = keep_shown(artefact[key])


def of_datasets(sheet: dict) -> None:
    for name in sheet.keys() - DATASETS:
        del sheet[name]


def leave_additions_out(config: Path) -> None:
    """Reduce the sheets in a copy of the folder `config` to the papers' own entries."""
    for path in (config / "local").glob("*.yaml"):
        path.unlink()
    for name, reduce in (
        ("datasets", of_datasets),
        ("experiments", of_experiments),
        ("artefacts", of_artefacts),
    ):
        path = config / f"{name}.yaml"
        sheet = yaml.safe_load(path.read_text())
        reduce(sheet)
        path.write_text(yaml.safe_dump(sheet, sort_keys=False))
