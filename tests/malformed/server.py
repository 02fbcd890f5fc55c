"""Runs Snakemake in processes that have imported it beforehand, which takes a tenth of the time."""

import os
import re
import sys
from multiprocessing import get_context
from pathlib import Path

from covidseg.errors import InputError

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["snakemake.cli", "snakemake.workflow", "snakemake.dag", "pandas", "jsonschema", "yaml", __name__])
ONE_LINE = re.compile(r'(?:WorkflowError(?: in file [^\n]*)?:\n)?([^\n]+)\n(?:  File "[^"]*", line \d+, in <module>\n)?')
CHATTER = ("Using workflow specific profile", "Building DAG of jobs", "Assuming unrestricted shared")


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
    text = "".join(line for line in output.read_text().splitlines(keepends=True) if not line.startswith(CHATTER))
    output.unlink()
    if process.exitcode:
        match = ONE_LINE.fullmatch(text.strip() + "\n")
        assert match, f"not one line: {text}"
        raise InputError(match[1])
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
