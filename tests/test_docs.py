"""README and docs/: every link leads somewhere, every command is one that works, every block can be loaded."""

import ast
import re
import subprocess
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from dvc.cli import parse_args as parse_dvc
from snakemake.cli import get_argument_parser

import choices_page
import dag_sizes
from conftest import ROOT
from covidseg.config import in_use, kinds
from covidseg.config.kinds import KINDS
from covidseg.config.loading import load_configuration
from covidseg.config.local import SECTIONS
from covidseg.runs import targets
from covidseg.segment.command import _parser as covidseg_parser
from covidseg.site.documents import render
from covidseg.training import strategies
from docs_blocks import TREES, blocks, commands

LANGUAGES = {"sh", "snakemake", "yaml", "python", "text", "json", "dockerfile"}
MAKEFILE = (ROOT / "Makefile").read_text()
RULES = {
    name
    for path in [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").rglob("*.smk")]
    for name in re.findall(r"^(?:rule|checkpoint) (\w+):", path.read_text(), re.MULTILINE)
} | {kind.rule for kind in KINDS.values()}
# Programs of others, whose commands no test runs -> why.
OTHERS = {
    **dict.fromkeys(("cd", "export", "ls", "head", "tail", "cat", "mkdir", "cp", "mv", "rm", "tar", "sha256sum"), "the shell's own"),
    **dict.fromkeys(("dot",), "Graphviz, which draws the picture of the rules"),
    **dict.fromkeys(("git", "apt-get", "pip", "python3", ".venv/bin/pip", "pipx", "curl", "rsync", "docker", "apptainer"), "changes this machine, or needs a network"),
    **dict.fromkeys(("nnUNetv2_plan_and_preprocess", "nnUNetv2_train", "nnUNetv2_predict", "nnUNetv2_install_pretrained_model_from_zip"), "nnU-Net's; a day long"),
    **dict.fromkeys(("tmux", "sbatch", "squeue", "eval"), "needs a terminal or a cluster; tests/slurm"),
}  # fmt: skip
KEYS_OF_A_SCAN = {"scan", "out", "model", "lungs", "series", "intensity", "models", "dicom_seg"}


@pytest.mark.parametrize("page", TREES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_anchor_leads_somewhere(page):
    targets_of = [
        str(child.attrs.get("href") or child.attrs.get("src"))
        for token in TREES[page]
        for child in token.children or []
        if child.type in ("link_open", "image")
    ]
    assert [target for target in targets_of if not leads_somewhere(page, target)] == []


def leads_somewhere(page, target):
    if target.startswith(("https:", "http://127.0.0.1")):
        return True
    path, _, anchor = unquote(target).partition("#")
    place = (page.parent / path).resolve() if path else page
    if not place.exists():
        return False
    return not anchor or anchor in {found.anchor for found in render(place.read_text(), set()).headings}


def test_every_picture_of_docs_is_shown():
    shown = {
        (page.parent / child.attrs["src"]).resolve()
        for page, tokens in TREES.items()
        for token in tokens
        for child in token.children or []
        if child.type == "image"
    }
    assert {*(ROOT / "docs").glob("*.png"), *(ROOT / "docs").glob("*.svg")} <= shown


def test_the_readme_is_short_and_names_the_guide():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 200
    assert "(docs/README.md)" in text


def test_a_page_has_one_title_and_no_html():
    for page in (ROOT / "docs").glob("*.md"):
        document = render(page.read_text(), set())
        assert [heading.level for heading in document.headings].count(1) == 1, page
        assert document.headings[0].level == 1, page


def test_every_block_has_a_language():
    assert [block for block in blocks() if block.language not in LANGUAGES] == []


def test_every_block_of_shell_is_correct_shell():
    for block in blocks("sh"):
        done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True)
        assert done.returncode == 0, f"{block.page}: {done.stderr}"


def test_every_block_of_code_can_be_read():
    for block in blocks("python"):
        ast.parse(block.text)
    for block in blocks("yaml"):
        content = yaml.safe_load(block.text)
        assert content, block.page
        if block.file.startswith("config/local/"):
            assert content.keys() <= SECTIONS.keys(), block.page


def test_every_command_is_checked_or_listed():
    unknown = {
        (page.name, words[0]) for page, words in commands() if not (words[0] in CHECKS or words[0] in OTHERS)
    }
    assert unknown == set()


LOCAL = "config/local/"
# Registries to which pages add a line.
REGISTRIES = {
    "workflow/scripts/covidseg/training/strategies/__init__.py": (strategies, strategies.STRATEGIES),
    "workflow/scripts/covidseg/config/kinds.py": (kinds, kinds.KINDS),
}
ADDING = sorted({block.page for block in blocks("yaml") if block.file.startswith(LOCAL)})


@contextmanager
def registered(page):
    """Add what a page adds to the registries, and take it away again."""
    before = [(table, dict(table)) for _, table in REGISTRIES.values()]
    try:
        for block in blocks("python", page=page.name):
            if block.file in REGISTRIES:
                exec(block.text, vars(REGISTRIES[block.file][0]))
        yield
    finally:
        for table, entries in before:
            table.clear()
            table.update(entries)


def loaded(page, folder):
    """Return the phantom configuration with the additions that a page shows, in a folder with four cases."""
    local = folder / "config" / "local"
    local.mkdir(parents=True)
    for path in (ROOT / "config").iterdir():
        if path.name != "local":
            (local.parent / path.name).symlink_to(path)
    for case, file in product(("p1", "p2", "p3", "p4"), ("ct.nii.gz", "lesion.nii.gz", "rs.dcm", "seg.dcm")):
        for place in ("scans", "rt", "seg", "png"):
            path = folder / place / case / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for block in blocks("yaml"):
        if block.page == page and block.file.startswith(LOCAL):
            (local / Path(block.file).name).write_text(block.text.replace("/path/to", str(folder)))
    sections = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    with registered(page):
        config = load_configuration(sections, "config/config.yaml", local.parent)
        return {*targets.files(config, in_use.shown_artefacts(config))}


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """Page -> the files that can be asked for with its additions."""
    return {page: loaded(page, tmp_path_factory.mktemp("page")) for page in ADDING}


@pytest.mark.slow
def test_the_additions_of_every_page_can_be_loaded(added):
    assert {
        ROOT / "config/local/README.md",
        ROOT / "docs/strategy.md",
        ROOT / "docs/figure.md",
    } <= added.keys()
    assert "results/paper/wang2021/means.svg" in added[ROOT / "docs/figure.md"]
    assert "results/models/new-decoder-msd/fold0/log.csv" in added[ROOT / "docs/strategy.md"]


@pytest.fixture(scope="module")
def makes(config, added):
    """What can be asked for: rules, and files of the phantom run and of the pages' own additions."""
    shown = in_use.shown_artefacts(config)
    own = {file for files in added.values() for file in files}
    return {*RULES, *targets.files(config, shown), *own, "results/report/index.html"}


def test_every_command_is_one_that_works(makes):
    wrong = []
    for page, words in commands():
        if words[0] in CHECKS:
            try:
                CHECKS[words[0]](words[1:], makes)
            except (SystemExit, AssertionError) as error:
                wrong.append(f"{page.name}: {' '.join(words)}: {error}")
    assert wrong == []


PARSER = get_argument_parser()


def check_snakemake(words, makes):
    """Dry-run: Snakemake's own parser, and whether files, profiles, keys and targets are there."""
    plugin = next((word for word in words if word in ("kubernetes", "aws-batch", "googlebatch")), None)
    if plugin or words[:1] == ["<file>"]:
        return  # the plug-ins are not installed; tests/test_workflow.py plans runs with their options
    args = PARSER.parse_args(words)
    for file in args.configfile or []:
        assert Path(ROOT, file).exists() or Path(file).name.startswith("my"), f"no {file}"
    for profile in args.profile or []:
        assert Path(ROOT, "profiles", profile, "config.yaml").exists(), f"no profile {profile}"
    known = KEYS_OF_A_SCAN | yaml.safe_load((ROOT / "config" / "config.yaml").read_text()).keys()
    given = {pair.partition("=")[0] for pair in args.config or []}
    assert given <= known, f"unknown keys {given - known}"
    wanted = {*args.targets, *(args.forcerun or [])}
    assert wanted <= makes, f"nothing makes {wanted - makes}"


def check_make(words, makes):
    variables = {word.partition("=")[0] for word in words if "=" in word}
    named = {word for word in words if "=" not in word and not word.startswith("-")}
    assert named <= set(re.findall(r"^# make ([\w-]+)", MAKEFILE, re.MULTILINE)), f"no target {named}"
    assert all(f"$({name})" in MAKEFILE for name in variables), f"no variable {variables}"


def check_covidseg(words, makes):
    if words != ["segment"] and "--help" not in words:  # the name of the command, or a help that ends it
        covidseg_parser().parse_args(words)


def check_dvc(words, makes):
    parse_dvc(words)


def check_script(words, makes):
    script = next(word for word in words if not word.startswith("-"))
    assert Path(ROOT, script.partition("::")[0]).exists(), f"no {script}"


def check_pytest(words, makes):
    for word in words:
        assert word.startswith("-") or word in ("gpu", "slow") or Path(ROOT, word).exists(), f"no {word}"


CHECKS = {
    "snakemake": check_snakemake,
    ".venv/bin/snakemake": check_snakemake,
    "make": check_make,
    "covidseg": check_covidseg,
    "dvc": check_dvc,
    "python": check_script,
    ".venv/bin/python": check_script,
    "pytest": check_pytest,
    ".venv/bin/pytest": check_pytest,
}


def test_every_rule_is_explained():
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    assert sorted(rule for rule in RULES if f"`{rule}`" not in text) == []


def test_the_page_of_choices_is_the_configuration_s():
    assert choices_page.PAGE.read_text() == choices_page.page(), "run python tests/choices_page.py"


def test_the_page_on_the_papers_has_the_numbers_of_the_dag():
    text = (ROOT / "docs" / "papers.md").read_text()
    total = sum(dag_sizes.PAPER.values())
    assert f"| all jobs | {total:,} |".replace(",", " ") in text
    assert f"| archives | {dag_sizes.PAPER['download']} |" in text
    assert f"| predictions | {dag_sizes.PAPER['predict']} |" in text


def test_no_number_of_a_phantom_run_stands_on_the_page_of_real_results():
    text = (ROOT / "docs" / "results-on-real-data.md").read_text()
    assert "config/config.yaml" not in text
    assert "results/paper" not in text


def test_the_first_hour_shows_the_jobs_of_the_demo():
    shown = int(re.search(r"\[ \d+/(\d+), about", (ROOT / "docs" / "first-hour.md").read_text())[1])
    assert shown == sum(dag_sizes.PHANTOM.values()) - 1, "the rule all is not counted"
