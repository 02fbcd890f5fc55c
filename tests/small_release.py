"""A release of two small random models, as a run with the phantom configuration would write it."""

from dataclasses import replace

from conftest import ROOT, SMALL_NETWORK, describe
from covidseg.evaluation.score_table import COLUMNS
from covidseg.files import write_csv
from covidseg.runs.release import write_release
from covidseg.training.network import build_network
from covidseg.training.weights import save_model

LABELS = {"scratch": {"1": "infection"}, "task1-lung": {"1": "left_lung", "2": "right_lung"}}
PROVENANCE = {
    "written": "2021-03-04T05:06:07+00:00",
    "commit": {"id": "0123456789abcdef", "remark": "clean"},
    "python": "3.11.7",
    "packages": {"snakemake": "9.27.1"},
    "data": {"covid20/Infection_Mask.zip": {"sha256": "ab", "bytes": 7, "modified": 1, "from": "computed"}},
}


def write_fold(folder, labels, lineage=None, seed=4):
    """A small network with random weights, in the place of one fold."""
    folder.mkdir(parents=True)
    network = build_network(SMALL_NETWORK, classes=len(labels) + 1, seed=seed)
    known = describe(SMALL_NETWORK)
    described = replace(known, labels=labels, lineage=known.lineage | (lineage or {}))
    save_model(folder / "model.safetensors", network, described)
    return folder / "model.safetensors"


def write_models(folder):
    """Five folds of two experiments, each of which has learned from two of six cases."""
    for name, labels in LABELS.items():
        dataset = "covid20" if name == "scratch" else "covid20-lung"
        for fold in range(5):
            cases = [f"{dataset}/{fold}", f"{dataset}/{fold + 1}"]
            lineage = {"experiment": name, "fold": fold, "training_cases": cases}
            write_fold(folder / name / f"fold{fold}", labels, lineage, seed=fold)


def score_rows():
    """DSC of three patients by every region; a bad model of the infection comes last."""
    rows = []
    for experiment, region, values in (
        ("scratch", "infection", (0.2, 0.4, 0.9)),
        ("task1-lung", "left_lung", (0.9, 0.9, 0.8)),
        ("task1-lung", "right_lung", (0.8, 0.8, 0.8)),
    ):
        common = {
            "experiment": experiment,
            "paper": "wang2021",
            "strategy": "scratch",
            "source": "none",
            "fold": 0,
        }
        common |= {"dataset": "covid20", "split": "test", "region": region, "metric": "DSC"}
        rows += [
            common | {"case": f"c{k}", "patient": f"p{k}", "value": value} for k, value in enumerate(values)
        ]
    return rows


def write_results(folder):
    """results/models and results/scores.csv."""
    write_models(folder / "models")
    write_csv(folder / "scores.csv", score_rows(), columns=COLUMNS)
    return folder


def release_of(results, output, config, names=()):
    write_release(
        output,
        names,
        config=config,
        root=ROOT,
        models=results / "models",
        scores=[results / "scores.csv"],
        provenance=PROVENANCE,
    )
    return output
