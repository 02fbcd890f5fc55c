"""What an edit reruns: of the code and of the configuration, no more than it can change."""

import ast
import os
import re
from contextlib import ExitStack, contextmanager

import pytest
import yaml

import dag_sizes
from covidseg.runs.code import WITHOUT_EFFECT
from toy_workflow import copy_toy, finished_toy, jobs_of, snakemake, stop_in_epoch_three

pytestmark = pytest.mark.slow

SCRIPTS = "workflow/scripts"
STRATEGIES = f"{SCRIPTS}/covidseg/training/strategies"
PAGES = f"{SCRIPTS}/covidseg/site"
# What follows once a score is another.
SHOWN = {"collect", "summarise", "table", "violin", "visual", "volumes", "bland_altman", "claims"}
TRAINED = {"train", "predict", "score", "count", "collect_trainings"} | SHOWN
FOUND = {"localise", "score_weak", "localisation", "thresholds"} | SHOWN


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy, for dry runs alone: every test puts back what it edits."""
    return copy_toy(finished_toy(tmp_path_factory), tmp_path_factory.mktemp("reruns") / "toy")


@contextmanager
def edited(folder, path, change):
    """Change a file's text for a while."""
    file = folder / path
    original, stat = file.read_text(), file.stat()
    text = change(original)
    assert text != original
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(original)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def due(toy):
    """The jobs of a dry run that make results; `pages` has those that show them."""
    return {
        name: count
        for name, count in jobs_of(snakemake(toy, "-n")).items()
        if name != "all" and not name.startswith("site")
    }


def pages(toy):
    """The jobs of a dry run that make pages of the site."""
    return {name: count for name, count in jobs_of(snakemake(toy, "-n")).items() if name.startswith("site")}


def yaml_edit(change):
    def apply(text):
        content = yaml.safe_load(text)
        change(content)
        return yaml.safe_dump(content, sort_keys=False)

    return apply


def other_constant(text):
    """The code with its first number another, by the syntax tree."""
    tree = ast.parse(text)
    number = next(
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) in (int, float)
    )
    number.value += 1
    return ast.unparse(tree)


def more(text):
    """The code with one statement more."""
    return text + "\nADDED = 1\n"


def comment_everywhere(toy):
    """Add a comment to every module and script, and a sentence to every docstring at their heads."""
    for path in (toy / SCRIPTS).rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace('"""', '"""Edited. ', 1) + "\n# edited\n")


def test_a_comment_in_every_module_reruns_nothing(tmp_path, toy):
    own = copy_toy(toy, tmp_path / "toy")
    comment_everywhere(own)
    assert due(own) == {}


def test_a_training_in_flight_goes_on_after_a_comment_and_after_an_edit_of_what_has_no_effect(tmp_path, toy):
    own = copy_toy(toy, tmp_path / "toy")
    config, target = own / "config/config.yaml", "results/models/scratch/fold1/model.safetensors"
    log = stop_in_epoch_three(own, target)
    comment_everywhere(own)
    for name in WITHOUT_EFFECT:
        path = own / SCRIPTS / f"{name}.py"
        path.write_text(more(path.read_text()))
    change = yaml_edit(
        lambda content: content["training"].update(checkpoint_seconds=59, device_memory_gib=2, compile=False)
    )
    config.write_text(change(config.read_text()))
    snakemake(own, target)
    assert re.search(r"resumed at epoch \d+", log.read_text())
    assert "of another configuration, code or data" not in log.read_text()


def put(path, value):
    """An edit of YAML: the value at a dotted path."""

    def change(content):
        *parents, last = path.split(".")
        for parent in parents:
            content = content[parent]
        content[last] = value

    return yaml_edit(change)


NEW_STRATEGY = """
from covidseg.training.strategies.base import Strategy


class MyStrategy(Strategy):
    pass
"""
WITHOUT_A_RERUN = [
    *((f"{SCRIPTS}/{name}.py", more) for name in WITHOUT_EFFECT),
    (f"{STRATEGIES}/hybrid.py", more),  # no experiment of the toy has it
    (f"{SCRIPTS}/covidseg/weak/va_gan.py", more),
    (f"{SCRIPTS}/covidseg/cases/nnunet.py", more),
    (f"{SCRIPTS}/covidseg/archives/http.py", more),  # nothing is fetched
    (
        f"{STRATEGIES}/__init__.py",
        lambda text: text.replace(
            "STRATEGIES = {\n", 'STRATEGIES = {\n    "my-strategy": Entry("my_strategy", "MyStrategy"),\n'
        ),
    ),
    ("config/config.yaml", put("training.checkpoint_seconds", 59)),
    ("config/config.yaml", put("training.device_memory_gib", 2)),
    ("config/config.yaml", put("training.restart.epochs", 3)),  # its momentum is null: a warning alone
    ("config/config.yaml", put("weak.checkpoint_seconds", 59)),
    ("config/config.yaml", put("weak.variants.code.range", 0.7)),  # variant paper is chosen
    ("config/config.yaml", put("weak.va_gan.map_weight", 7)),
    ("config/config.yaml", put("accept_licences", True)),
    ("config/datasets.yaml", put("nsclc.licence", "CC0")),  # not in use
    ("config/splits.json", lambda text: '{"ours": [{"train": ["a"], "val": ["b"]}], ' + text.lstrip()[1:]),
]


# A data set and a split in config/local that no experiment uses.
UNUSED = """
datasets:
  mine:
    title: Mine
    homepage: https://example.org
    licence: CC0
    archives: {a.zip: {address: null}}
    images: {archive: mine/a.zip, member: "{case}/ct.nii.gz", format: nifti}
    labels: {archive: mine/a.zip, member: "{case}/lesion.nii.gz", format: nifti, map: {0: 0, 1: 1}}
    case_name: "{case}"
    patient: .*
    regions: {1: lesion}
    intensity: {"*": hounsfield}
    split: mine
splits: {mine: [{train: [x], val: [y]}]}
"""
# A source in config/local: one more pre-training, and one more experiment of two folds.
SOURCE = """
sources: {again: {paper: wang2021, title: Again, datasets: [msd], lesions: union, evaluate: {}}}
experiments: {body-finetune: {sources: [again]}}
"""


def test_a_local_source_runs_its_own_jobs_and_what_prints_their_scores(toy):
    local = toy / "config/local/my.yaml"
    local.write_text(SOURCE)
    try:
        jobs = due(toy)
    finally:
        local.unlink()
    assert {rule: jobs[rule] for rule in ("pretrain", "train", "predict", "score")} == {
        "pretrain": 1, "train": 2, "predict": 2, "score": 2,
    }  # fmt: skip
    assert not jobs.keys() & {"download", "ingest", "preprocess", "split", "train_weak", "localise"}


def test_edits_that_can_change_nothing_rerun_nothing(toy):
    module, local = toy / STRATEGIES / "my_strategy.py", toy / "config/local/my.yaml"
    with ExitStack() as edits:
        for path, change in WITHOUT_A_RERUN:
            edits.enter_context(edited(toy, path, change))
        module.write_text(NEW_STRATEGY)
        edits.callback(module.unlink)
        local.write_text(UNUSED)
        edits.callback(local.unlink)
        assert due(toy) == {}
        assert pages(toy) == {"site": 1}, "the page of what is ours shows some of these values"


def test_another_constant_of_the_phantoms_lesions_makes_all_phantoms_anew(toy):
    archives = len([path for path in (toy / "data/raw").glob("*/*") if path.is_file()])
    with edited(toy, f"{SCRIPTS}/covidseg/archives/phantom/lesions.py", other_constant):
        jobs = due(toy)
    assert jobs["download"] == archives == dag_sizes.TOY["download"]
    assert jobs["ingest"] == dag_sizes.TOY["ingest"]
    assert jobs["train"] == dag_sizes.TOY["train"]


@pytest.mark.parametrize(
    ("module", "change", "rules"),
    [
        ("covidseg/paper/violin", more, {"violin"}),
        ("covidseg/paper/cases_figure", more, {"visual", "examples", "localisation"}),
        ("covidseg/evaluation/metrics", more, {"score"} | SHOWN),
        ("covidseg/training/losses", more, {"pretrain"} | TRAINED),
        ("covidseg/weak/decomposition", more, {"train_weak", "collect_trainings"} | FOUND),
    ],
)
def test_an_edit_of_code_reruns_what_runs_it(toy, module, change, rules):
    with edited(toy, f"{SCRIPTS}/{module}.py", change):
        assert set(due(toy)) == rules


@pytest.mark.parametrize(
    ("path", "change", "rules"),
    [
        # Figure and tables of one kind in two papers; and the page of all papers that links to them.
        (f"{SCRIPTS}/covidseg/paper/violin.py", more, {"site_paper": dag_sizes.TOY["violin"], "site": 1}),
        (f"{PAGES}/templates/trainings.html", str.upper, {"site_trainings": 1, "site": 1}),
        (f"{PAGES}/templates/start.html", lambda text: text.replace("ask this", "ask"), {"site": 1}),
        (f"{PAGES}/static/site.css", lambda text: text + "\n", {"site": 1}),
        ("config/paper.yaml", lambda text: text.replace("(ours) epochs.", "(ours) in epochs."), {"site": 1}),
        ("config/published_errata.md", lambda text: text + "\nMore.\n", {"site": 1}),
    ],
)
def test_an_edit_makes_anew_the_pages_that_it_can_change(toy, path, change, rules):
    with edited(toy, path, change):
        assert pages(toy) == rules


def test_other_scores_make_the_pages_anew_that_show_scores(toy):
    with edited(toy, "config/config.yaml", put("evaluation.tolerance_mm.infection", 2)):
        found = pages(toy)
    assert {"site_paper", "site_cases", "site_slices", "site"} <= set(found)
    assert {"site_data", "site_trainings"}.isdisjoint(found)


def trained_again(toy):
    """The names of the models that a dry run trains."""
    return sorted(set(re.findall(r"train\w*: results/models/([\w-]+)/fold\d/", snakemake(toy, "-n"))))


def test_another_constant_in_a_strategy_trains_that_strategy_alone(toy):
    with edited(toy, f"{STRATEGIES}/body_finetune.py", more):
        assert trained_again(toy) == ["body-finetune-msd"]
        assert set(due(toy)) == TRAINED


def description_of_msd(text):
    for key in ("licence", "title", "citation", "homepage"):
        text = put(f"msd.{key}", "https://example.org/new")(text)
    return text


@pytest.mark.parametrize(
    ("sheet", "change", "rules"),
    [
        (
            "config",
            put("weak.variants.paper.threshold", 0.3),
            {"score_weak", "localisation", "thresholds"} | SHOWN,
        ),
        (
            "config",
            put("weak.variants.paper.mask_level", 100),
            {"slices", "train_weak", "collect_trainings"} | FOUND,
        ),
        ("config", put("evaluation.tolerance_mm.infection", 2), {"score"} | SHOWN),
        ("config", put("evaluation.lesions.overlap", 0.2), {"score"} | SHOWN),
        ("datasets", description_of_msd, {"licences"}),
        ("config", put("evaluation.bootstrap", 200), {"table", "volumes", "claims"}),
        ("claims", put("wang2021.msd-gain.remark", "It is so."), {"claims"}),
    ],
)
def test_an_edit_of_the_configuration_reruns_what_reads_the_key(toy, sheet, change, rules):
    with edited(toy, f"config/{sheet}.yaml", change):
        found = set(due(toy))
    assert found == rules


def test_keys_that_some_trainings_read_rerun_these(toy):
    with edited(toy, "config/config.yaml", put("training.validation_patches", 3)):
        assert trained_again(toy) == ["body-finetune-msd", "pretrain-msd", "task3-msd"]
    with edited(toy, "config/config.yaml", put("weak.classifier.learning_rate", 0.01)):
        assert trained_again(toy) == ["classifier"]


def test_another_scheme_of_splits_ingests_nothing(toy):
    with edited(toy, "config/config.yaml", put("splits", "patient")):
        jobs = due(toy)
    assert {"download", "ingest", "preprocess", "slices"}.isdisjoint(jobs)
    assert jobs["split"] == dag_sizes.TOY["split"]


def test_a_case_left_out_is_ingested_no_more_and_nothing_is_fetched_anew(toy):
    with edited(toy, "config/datasets.yaml", put("msd.leave_out", {"lung_001": "half a scan"})):
        jobs, trained = due(toy), trained_again(toy)
    assert "download" not in jobs
    assert (jobs["ingest"], jobs["preprocess"], jobs["split"]) == (1, 1, 1)
    assert trained == ["body-finetune-msd", "pretrain-msd", "task3-msd"]


def test_what_no_phantom_has_can_be_left_out_without_a_rerun(toy):
    with edited(toy, "config/datasets.yaml", put("nsclc.leave_out", {"LUNG1-005": "6 mm gaps"})):
        assert due(toy) == {}
    with edited(toy, "config/datasets.yaml", put("msd.leave_out", {"lung_096": "no phantom"})):
        assert due(toy) == {}
