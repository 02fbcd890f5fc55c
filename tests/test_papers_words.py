"""What the papers say, and what the configuration must therefore have: values, sections, tables and figures."""

import re

import pytest
import yaml

from conftest import ROOT
from covidseg.evaluation.lesion_metrics import LESION_METRICS, LUNG_SHARES

PAPERS = ROOT.parent / "shared" / "papers"
CONFIG = ROOT / "config"
ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10}


def paper_text(paper):
    """The text of a paper; the test is skipped where it is absent."""
    if not PAPERS.is_dir():
        pytest.skip(f"no papers at {PAPERS}")
    (path,) = PAPERS.glob(f"{paper}_*.txt")
    return path.read_text()


def read(name, folder=CONFIG):
    return yaml.safe_load((folder / f"{name}.yaml").read_text())


def of_kind(config, paper, kind):
    return [entry for entry in config.artefacts[paper].values() if entry["kind"] == kind]


@pytest.mark.parametrize("paper", ["wang2021", "wang2020", "zhang2021", "ma2021", "yang2021"])
def test_every_table_and_figure_of_a_paper_is_made(config, paper):
    text = paper_text(paper)
    tables = {int(ROMAN.get(n, n)) for n in re.findall(r"\b(?:TABLE|Table) ([IVX]+|\d+)\b", text)}
    figures = {int(number) for number in re.findall(r"\bFig(?:ure|\.) ?(\d+)", text)}
    named = {f"table{number}" for number in tables} | {f"figure{number}" for number in figures}
    assert len(figures) >= 3
    assert {name for name in config.artefacts[paper] if re.fullmatch(r"(table|figure)\d+", name)} == named


def test_the_claims_are_of_all_sections_with_results(config):
    sections = {
        "wang2021": {"4.4", "4.4.1", "4.4.2", "4.5"},
        "wang2020": {"IV-D-1", "IV-D-2", "IV-E"},
        "zhang2021": {"IV-C", "IV-D"},
        "ma2021": {"IV-A", "IV-B", "IV-C", "IV-D"},
        "yang2021": {"3.2", "3.3"},
    }
    for paper, needed in sections.items():
        claims = config.claims[paper].values()
        assert needed <= {claim["section"].partition(",")[0] for claim in claims}, paper


def test_both_consistency_losses_are_full_after_30_of_the_papers_1000_epochs(papers_sheets):
    """zhang2021 III-B wants little disturbance "at early training stage"; its reference ramps up over 30 epochs."""
    epochs = read("paper")["training"]["epochs"]
    rows = [
        row
        for row in read("experiments", papers_sheets)["experiments"].values()
        if row.get("strategy") == "collaborative"
    ]
    assert [row["options"]["relations"] for row in rows] == ["general", "both"]
    for row in rows:
        assert row["options"]["ramp_up"] * epochs == pytest.approx(30)
        assert {"lambda_general", "lambda_target"} <= row["options"].keys()


@pytest.mark.parametrize("name", ["config", "paper"])
def test_no_training_starts_again_unless_it_is_asked_to(name):
    """The papers do not mention nnU-Net's guard, which looks after 100 epochs."""
    restart = read(name)["training"]["restart"]
    assert restart["momentum"] is None
    if name == "paper":
        assert restart["epochs"] == 100


def comment_of(file, key):
    """The comment above a key of a sheet, and the one beside it, in small letters."""
    lines = (CONFIG / file).read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if re.match(rf"\s+{key}:", line))
    above = place
    while lines[above - 1].lstrip().startswith("#"):
        above -= 1
    return " ".join(line.partition("#")[2].strip() for line in lines[above : place + 1]).lower()


@pytest.mark.parametrize(
    ("file", "key", "words"),
    [
        ("experiments.yaml", "hybrid", "skip connections come from the dedicated encoder alone"),
        ("experiments.yaml", "multi-encoder", "skip connections come from the self-encoder alone"),
        ("experiments.yaml", "collaborative-backbone", "relations are taken at the bottleneck"),
        ("paper.yaml", "features", "two channels with a softmax"),
        ("paper.yaml", "patch", "56 slices instead"),
        ("paper.yaml", "window", "the non-covid data too"),
    ],
)
def test_what_the_papers_leave_open_is_marked_as_ours_at_its_key(file, key, words):
    comment = comment_of(file, key)
    assert words in comment
    assert re.search(r"\bours\b", comment)


def test_zhang2021_s_patch_is_cited_by_its_section():
    assert "zhang2021 iv-b" in comment_of("paper.yaml", "patch")
    printed = re.search(r"56 ?.?.? ?160 ?.?.? ?192", paper_text("zhang2021").split("IV. EXPERIMENTS")[-1])
    assert printed


def test_yang2021_prints_every_number_that_is_credited_to_it():
    """The lines of section `weak` with a value and, beside it, a comment that begins with yang2021."""
    text = paper_text("yang2021")
    weak = (CONFIG / "paper.yaml").read_text().split("\nweak:")[1].split("\nevaluation:")[0]
    credited = re.findall(r"^ +(\w+): (.*\S) +# yang2021", weak, re.MULTILINE)
    assert len(credited) >= 8
    for key, value in credited:
        for number in re.findall(r"\d+\.?\d*", value):
            # yang2021 names the decoders and the equal weights of all pixels and of the critic in words.
            assert number in ("0", "1") or re.search(rf"(?<![\d.]){number}(?![\d.]*\d)", text), (key, number)


def test_figure_4_of_yang2021_segments_every_column_and_figure_2_the_last(config):
    figure2, figure4 = (config.artefacts["yang2021"][name] for name in ("figure2", "figure4"))
    assert figure4["segmented"] == list(figure4["localisers"])
    assert figure2["segmented"] == list(figure2["localisers"])[-1:]


@pytest.mark.parametrize("paper", ["wang2021", "wang2020", "zhang2021", "ma2021", "yang2021"])
def test_a_figure_ranks_the_rows_of_every_table_of_scores(config, paper):
    """But for the sources' own cases: each source has other patients, so that there is no ranking."""

    def compared(entry):
        return {
            (one.experiment, one.region, one.split)
            for one in config.series(entry)
            if one.split not in ("in_domain", "validation")
        }

    ranked = set().union(*(compared(entry) for entry in of_kind(config, paper, "ranking")))
    assert ranked
    for table in of_kind(config, paper, "table"):
        assert compared(table) <= ranked, table["title"]


@pytest.mark.parametrize("paper", ["wang2021", "wang2020", "zhang2021", "ma2021"])
def test_every_paper_of_volumes_has_a_table_of_all_their_metrics_and_a_figure_of_agreement(config, paper):
    volumes, agreements = (of_kind(config, paper, kind) for kind in ("volumes", "bland_altman"))
    shown = {metric for entry in volumes for metric in entry["metrics"]}
    assert shown == {*LESION_METRICS, *(LUNG_SHARES if paper == "ma2021" else ())}, "it alone segments lungs"
    assert agreements
