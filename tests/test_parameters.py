"""Trained, frozen, loaded and new parameters: in model.json, and in the tables of the papers (wang2021 4.5)."""

import csv
import json

import pytest
import torch
import yaml

import papers
from conftest import ROOT
from covidseg.config.kinds import KINDS
from covidseg.config.loading import load_configuration
from covidseg.config.remarks import find_remarks
from covidseg.config.series import Series
from covidseg.errors import InputError
from covidseg.paper.artefact import Artefact
from covidseg.paper.parameters_table import make, parameter_rows, parts_of_networks, whole_networks
from covidseg.training.description import Description
from covidseg.training.network import build_network
from covidseg.training.strategies import load_strategy
from covidseg.training.weights import LoadedWeights

# A network of three parts: the encoder loaded and frozen, the decoder loaded, the heads new.
FROZEN = {
    "encoder": {"trained": 0, "frozen": 4500, "loaded": 4500, "new": 0},
    "decoder": {"trained": 5490, "frozen": 0, "loaded": 5490, "new": 0},
    "head": {"trained": 10, "frozen": 0, "loaded": 0, "new": 10},
}
SCRATCH = {
    part: {"trained": size, "frozen": 0, "loaded": 0, "new": size}
    for part, size in (("encoder", 4500), ("decoder", 5490), ("head", 10))
}
SERIES = [
    ("Train from scratch", "none", "", "", "scratch", 5, True, ""),
    ("Pre-trained Lesion Representations", "MSD", "", "", "lesions-msd", 5, True, ""),
    ("Pre-trained Lesion Representations", "StructSeg", "", "", "lesions-structseg", 5, False, "structseg"),
    ("Pre-trained Lesion Representations", "NSCLC", "", "", "lesions-nsclc", 5, True, ""),
]
MODELS = {"scratch": "scratch", "lesions-msd": "lesions-msd", "lesions-nsclc": "lesions-nsclc"}


@pytest.fixture
def artefact(tmp_path):
    """The entry of a table, and the model.json of three models."""
    counts = {"scratch": SCRATCH, "lesions-msd": FROZEN, "lesions-nsclc": FROZEN}
    for name, numbers in counts.items():
        folder = tmp_path / "results" / "models" / name / "fold0"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps(Description(parameters=numbers).to_json()))
    return Artefact(
        base=tmp_path / "parameters",
        paper="wang2021",
        entry={"kind": "parameters", "title": "Parameters", "rows": {}},
        config_name="phantom",
        remarks=["Not run: some."],
        inputs={"descriptions": sorted(tmp_path.glob("results/models/*/fold0/model.json"))},
        parameters={"series": SERIES, "models": MODELS},
    )


def test_the_csv_has_a_row_per_part_and_one_for_the_network(artefact):
    make(artefact)
    with open(artefact.base.with_suffix(".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "row", "source", "experiment", "status", "left_out", "part", "parameters", "trained", "frozen", "loaded", "new",
    ]  # fmt: skip
    assert [row["part"] for row in rows if row["experiment"] == "lesions-msd"] == [
        "encoder", "decoder", "head", "network",
    ]  # fmt: skip
    whole = {row["experiment"]: list(row.values())[6:] for row in rows if row["part"] == "network"}
    assert whole == {
        "scratch": ["10000", "10000", "0", "0", "10000"],
        "lesions-msd": ["10000", "5500", "4500", "9990", "10"],
        "lesions-structseg": ["", "", "", "", ""],
        "lesions-nsclc": ["10000", "5500", "4500", "9990", "10"],
    }
    missing = [row for row in rows if row["experiment"] == "lesions-structseg"]
    assert [(row["status"], row["left_out"]) for row in missing] == [("not run", "structseg")]


def test_printed_rows_join_the_sources_with_the_same_numbers(artefact):
    make(artefact)
    text = artefact.base.with_suffix(".md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    assert lines[2:5] == [
        ["Train from scratch", "none", "10 000", "10 000", "0", "0", "10 000", "100.0"],
        [
            "Pre-trained Lesion Representations",
            "MSD, NSCLC",
            "10 000",
            "5 500",
            "4 500",
            "9 990",
            "10",
            "55.0",
        ],
        ["Pre-trained Lesion Representations", "StructSeg", *["not run"] * 6],
    ]
    assert [
        "Pre-trained Lesion Representations",
        "MSD, NSCLC",
        "Encoder",
        "4 500",
        "0",
        "4 500",
        "4 500",
        "0",
        "0.0",
    ] in lines
    assert "Configuration: phantom." in text
    assert "Not run: some." in text
    assert ">Segmentation heads</td>" in artefact.base.with_suffix(".html").read_text()
    tex = artefact.base.with_suffix(".tex").read_text()
    assert tex.count(r">{\raggedright\arraybackslash}p") == 2 + 3, "words in two tables"
    assert tex.count(r">{\raggedleft\arraybackslash}p") == 6 + 6, "numbers"


def test_sources_with_other_numbers_have_rows_of_their_own():
    heads = FROZEN | {"head": {"trained": 30, "frozen": 0, "loaded": 0, "new": 30}}
    series = [Series(*fields) for fields in SERIES if fields[6]]
    rows = parameter_rows(series, {"scratch": SCRATCH, "lesions-msd": FROZEN, "lesions-nsclc": heads})
    assert whole_networks(rows)["Source"].tolist() == ["none", "MSD", "NSCLC"]
    parts = parts_of_networks(rows)
    parts = parts[parts.Method != "Train from scratch"]
    assert parts[["Source", "Part"]].to_numpy().tolist() == [
        ["MSD, NSCLC", "Encoder"],
        ["MSD, NSCLC", "Decoder"],
        ["MSD", "Segmentation heads"],
        ["NSCLC", "Segmentation heads"],
    ]


def test_a_model_of_an_older_version_is_refused_by_name(artefact):
    path = artefact.inputs["descriptions"][0]
    path.write_text(json.dumps({"device": "CPU", "versions": {}, "weights_sha256": ""}))
    with pytest.raises(InputError, match=r"model\.json: has no numbers of parameters; delete the file"):
        make(artefact)


def test_the_papers_tables_read_the_model_of_every_row(config, papers_sheets):
    table = config.artefacts["wang2021"]["parameters"]
    kind = KINDS[table["kind"]]
    paths = kind.inputs(config, table)["descriptions"]
    assert len(paths) == 1 + 3 * 4 + 1
    assert {"results/models/scratch/fold0/model.json", "results/models/hybrid-multi/fold0/model.json"} <= {
        *paths
    }
    assert find_remarks(config, table) == [], "who trains and tests matters to scores alone"
    sections = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"without": ["structseg"]}
    without = load_configuration(sections, "config/config.yaml", papers_sheets)
    assert len(kind.inputs(without, table)["descriptions"]) == 1 + 3 * 3 + 1
    assert find_remarks(without, table)[0].startswith(
        "Not run, as configuration phantom is without structseg: Continual Learning (StructSeg); Body"
    )
    evaluated = table | {"rows": {"Task2-MSD": "task2-msd"}}
    assert kind.inputs(config, evaluated)["descriptions"] == ["results/models/pretrain-msd/fold0/model.json"]
    assert kind.parameters(config, evaluated)["models"] == {"task2-msd": "pretrain-msd"}


def test_a_frozen_encoder_is_nearly_a_half_of_the_papers_network():
    """wang2021 4.5: the strategy "cuts down nearly a half of parameters that need to be updated"."""
    network = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())["network"]
    architecture = load_strategy("lesion-representations", {"head": "auto"}, []).architecture(network)
    with torch.device("meta"):
        built = build_network(architecture, classes=2, seed=0)
    built.encoder.requires_grad_(False)
    counts = LoadedWeights.of(built, loaded=[]).counts(built)
    size = {part: numbers["trained"] + numbers["frozen"] for part, numbers in counts.items()}
    # Encoder: convolutions of 1-32-32, 64-64, 128-128, 256-256, 320-320 and 320-320 channels, each with bias and norm.
    channels = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    channels += [(256, 320), (320, 320), (320, 320), (320, 320)]
    kernels = [9, 9, *[27] * 10]
    encoder = sum(i * o * k + 3 * o for (i, o), k in zip(channels, kernels, strict=True))
    assert counts["encoder"] == {"trained": 0, "frozen": encoder, "loaded": 0, "new": encoder}
    assert encoder == 14_006_112
    assert encoder / sum(size.values()) == pytest.approx(0.456, abs=0.0005)


def test_every_strategy_of_the_papers_has_a_row_in_a_table_of_parameters(config):
    tables = [group["parameters"] for group in config.artefacts.values() if "parameters" in group]
    names = {one.experiment for table in tables for one in config.series(table)}
    assert {config.experiments[name].strategy for name in names} == {*papers.STRATEGIES} - {"pretrain"}
