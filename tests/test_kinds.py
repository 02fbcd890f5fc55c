"""The registry of the kinds of tables and figures, and a kind of one's own in three places."""

import importlib
import inspect
import json

import pytest

from conftest import ROOT
from covidseg.config.kinds import KINDS, with_kinds
from covidseg.config.schemas import check_schema, read_schema
from covidseg.errors import InputError
from toy_workflow import change_yaml, copy_toy, finished_toy, jobs_of, snakemake

SCHEMA = ROOT / "config" / "schemas" / "artefacts.schema.yaml"


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_module_that_makes_it_and_a_rule_of_its_own(name):
    kind = KINDS[name]
    make = importlib.import_module(f"covidseg.paper.{kind.module}").make
    assert list(inspect.signature(make).parameters) == ["artefact"]
    assert [other.rule for other in KINDS.values()].count(kind.rule) == 1
    assert set(kind.optional) <= set(kind.keys)
    assert kind.page in kind.suffixes


def test_inputs_and_parameters_of_every_artefact_are_paths_and_plain_values(config):
    made = {"results/scores.csv", "config/published.csv"}
    for group in config.artefacts.values():
        for artefact in group.values():
            kind = KINDS[artefact["kind"]]
            paths = kind.inputs(config, artefact).values()
            flat = [path for one in paths for path in ([one] if isinstance(one, str) else one)]
            assert flat
            assert all(path in made or path.startswith("results/") for path in flat)
            json.dumps(kind.parameters(config, artefact))  # raises for what a rerun could not compare


@pytest.mark.parametrize(
    ("artefact", "message"),
    [
        ({"kind": "pie"}, r"kind: 'pie'; allowed: table, violin, ranking, visual"),
        ({"kind": "thresholds", "title": "T", "split": "test"}, r"'localisers' is a required property"),
        (
            {"kind": "thresholds", "title": "T", "split": "test", "localisers": {"a": "b"}, "cases": 3},
            r"unknown key 'cases'; allowed: kind, title, localisers, split",
        ),
    ],
)
def test_an_entry_of_artefacts_yaml_has_the_keys_of_its_kind(artefact, message):
    with pytest.raises(InputError, match=message):
        check_schema({"yang2021": {"figure9": artefact}}, "artefacts.yaml", with_kinds(read_schema(SCHEMA)))


MODULE = '''"""A bar per experiment."""

from covidseg.evaluation.summary import mean_scores, read_scores
from covidseg.paper.artefact import Artefact
from covidseg.paper.figures import COLUMN, Page, save_figure


def make(artefact: Artefact) -> None:
    """Write <base>.svg, .pdf and .png."""
    means = mean_scores(read_scores(artefact.input("scores")), dataset="covid20", region="infection", split="test")
    lines = [f"Configuration: {artefact.config_name}.", *artefact.remarks]
    page = Page.of(COLUMN, 2.0, title=artefact.entry["title"], lines=lines)
    page.axes(1.0, 0.0, 2.4, 1.7).barh(means["experiment"], means[artefact.own("metric")])
    save_figure(page.figure, artefact.base)
'''
ENTRY = """    "bars": Kind(
        "bars",
        rule="bars",
        keys={"metric": {"enum": ["DSC", "NSD"]}},
        inputs=needs.scores,
        parameters=lambda config, artefact: {},
    ),
"""


@pytest.mark.slow
def test_a_kind_of_ones_own_takes_three_places(tmp_path, tmp_path_factory):
    own = copy_toy(finished_toy(tmp_path_factory), tmp_path / "toy")
    library = own / "workflow" / "scripts" / "covidseg"
    (library / "paper" / "bars.py").write_text(MODULE)
    registry = library / "config" / "kinds.py"
    registry.write_text(registry.read_text().replace("KINDS = {\n", "KINDS = {\n" + ENTRY))
    bars = {"kind": "bars", "title": "Mean DSC", "metric": "DSC"}
    change_yaml(own / "config" / "artefacts.yaml", lambda content: content["wang2021"].update(bars=bars))
    assert jobs_of(snakemake(own, "-n")) == {"bars": 1, "site_paper": 1, "site": 1, "all": 1}
    snakemake(own, "results/paper/wang2021/bars.png")
    assert (own / "results" / "paper" / "wang2021" / "bars.svg").stat().st_size > 500
