"""Runs Snakemake in processes that have imported it beforehand, which takes a tenth of the time."""

import os
import re
import sys
from multiprocessing import get_context
from pathlib import Path

from covidseg.errors import InputError

CONTEXT = get_context("forkserver")
PRELOADED = (
    "api",
    "cli",
    "dag",
    "deployment.conda",
    "executors.local",
    "report.html_reporter",
    "scheduling",
    "spawn_jobs",
    "workflow",
)
OTHERS = ("boto3", "jinja2", "jsonschema", "nbformat", "pandas", "smart_open", "yaml", __name__)
CONTEXT.set_forkserver_preload([*(f"snakemake.{name}" for name in PRELOADED), *OTHERS])
# What Snakemake prints of an error, and what it prints at the start and at the end of every run.
ERROR = re.compile(
    r"(?:WorkflowError|MissingRuleException)(?: in file [^\n]*)?:\n([^\n]+)\n"
    r'(?:  File "[^"]*(?:Snakefile|\.smk|internals\.py)", line \d+, in [^\n]+\n)*'
)
CHATTER = re.compile(
    r"SNAKEMAKE|=+$|  [A-Z][\w ]*(\(s\))?: |Config file |Conda environments|Singularity containers|Using workflow|Building DAG|Assuming|host: |"
    r"Using shell|Provided (cores|resources)|Rules claiming|Job stats|[a-z_]+ +\d+$|job +count|-+ +-+$|Select jobs|"
    r"To be fetched|  .*Citation: |Execute|Shutting down|Complete log|$"
)


def snakemake(folder: Path, *arguments: str) -> str:
    """Run `snakemake` in a folder; return the output.

    Raises:
        InputError: the run ended with an error of one line.
        AssertionError: it ended with another error.
    """
    output = folder / "output.txt"
    process = CONTEXT.Process(target=_snakemake, args=(folder, arguments, output))
    process.start()
    process.join()
    text = output.read_text()
    output.unlink()
    if process.exitcode:
        told = "".join(line for line in text.splitlines(keepends=True) if not CHATTER.match(line))
        match = ERROR.fullmatch(told)
        if not match and told.count("\n") != 1:
            raise AssertionError(f"not one line: {told}")
        raise InputError(match[1] if match else told.strip())
    return text


def _snakemake(folder: Path, arguments: tuple[str, ...], output: Path) -> None:
    from snakemake.cli import main

    os.chdir(folder)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    sys.argv = ["snakemake", *arguments]
    main(list(arguments))
