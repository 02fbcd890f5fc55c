"""What a run prints: a line per finished job, the time left, warnings once and again at the end."""

import logging
import os
import pty
import re
import subprocess

import pytest

from conftest import ROOT
from covidseg.runs import terminal
from covidseg.runs.terminal import Terminal
from toy_workflow import SNAKEMAKE, papers_checkout, snakemake


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, in seconds."""
    times = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: times[0])
    return times


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Run:
    """A run whose events a test sends."""

    def __init__(self, due, earlier=None):
        self.terminal = Terminal(due, earlier or {})

    def send(self, text="", level=logging.INFO, **told):
        """Return the lines that an event prints."""
        record = logging.makeLogRecord({"msg": text, "levelno": level, **told})
        return self.terminal.format(record).splitlines() if self.terminal.shows(record) else []

    def start(self, number, rule, output):
        log = f"{rule}{number}.log"
        return self.send(
            event="job_info", jobid=number, rule_name=rule, output=[output] * bool(output), log=[log]
        )

    def finish(self, number):
        return self.send(f"Finished jobid: {number}", event="job_finished", job_id=number)

    def fail(self, number, rule, output):
        told = {"jobid": number, "rule_name": rule, "output": [output], "log": [f"{rule}{number}.log"]}
        return self.send("Error in rule", logging.ERROR, event="job_error", **told)


def test_a_finished_job_has_one_line_with_the_time_left(clock, folder):
    run = Run({"train": 3, "score": 9})
    assert run.start(0, "train", "a/model") == run.start(1, "train", "b/model") == []
    clock[0] = 60
    assert run.finish(0) == ["[ 1/12, at least 30 s left] train a/model (1 min 0 s)"]  # (2 x 60 - 60) / 2
    assert run.start(2, "score", "a.csv") == []
    clock[0] = 70
    assert run.finish(2) == [
        "[ 2/12, about 1 min 10 s left] score a.csv (10 s)"
    ]  # (2 x 60 + 8 x 10 - 60) / 2
    assert run.send("Finished", event="progress", done=2, total=12) == []
    assert run.send("Select jobs to execute...") == run.send("Execute 1 jobs...", event="job_started") == []
    assert run.send("Job 3 has been submitted with SLURM jobid 12 (log: x).") == []


def test_the_last_job_has_no_time_left_and_a_target_no_line(clock, folder):
    run = Run({"score": 1})
    run.start(0, "score", "a.csv")
    assert run.finish(0) == ["[1/1] score a.csv (0 s)"]
    run.start(1, "all", "")
    assert run.finish(1) == []


def test_earlier_runs_tell_the_time_from_the_first_job_on(clock, folder):
    run = Run({"train": 1, "score": 2}, {"train": [100.0, 200.0]})
    run.start(0, "score", "a.csv")
    clock[0] = 4
    assert run.finish(0) == ["[1/3, about 2 min 34 s left] score a.csv (4 s)"]
    unknown = Run({"train": 1, "score": 1})
    unknown.start(0, "score", "a.csv")
    assert unknown.finish(0) == ["[1/2, time left not known yet] score a.csv (0 s)"]


def test_warnings_are_printed_once_and_again_at_the_end(clock, folder):
    run = Run({"ingest": 3})
    for number in range(3):
        run.start(number, "ingest", f"{number}.csv")
    (folder / "ingest0.log").write_text("2026-01-02 10:00:00 WARNING two scans\n2026-01-02 10:00:00 INFO x\n")
    (folder / "ingest1.log").write_text("2026-01-02 10:00:01 WARNING two scans\n")
    assert run.finish(0)[:-1] == ["WARNING two scans"]
    assert len(run.finish(1)) == 1
    assert run.send("slow disk", logging.WARNING) == ["slow disk"]
    assert run.send("slow disk", logging.WARNING) == []
    assert run.terminal.closing() == ["Warnings (2), once more:", "WARNING two scans", "slow disk"]


def test_a_failed_job_is_told_with_the_end_of_its_log_and_again_at_the_end(clock, folder):
    run = Run({"train": 2})
    run.start(0, "train", "a")
    (folder / "train0.log").write_text("".join(f"line {number}\n" for number in range(50)))
    told = run.fail(0, "train", "a")
    assert told == [
        "Failed: train a",
        "The log train0.log ends:",
        *(f"line {number}" for number in range(40, 50)),
    ]
    assert run.terminal.closing() == ["Failed (1), with the log:", "  train a: train0.log"]
    run.start(0, "train", "a")
    run.finish(0)
    assert run.terminal.closing() == [], "it succeeded when it was tried again"


def test_a_line_of_thousands_of_characters_is_shortened_but_an_error_is_whole(folder):
    run = Run({})
    assert run.send("x" * 5000) == ["x" * 200 + " ..."]
    assert run.send("x" * 5000, logging.ERROR, event="error") == ["x" * 5000]


SNAKEFILE = """
import sys
sys.path.insert(0, "{scripts}")
from covidseg.runs import internals
from covidseg.runs.terminal import Terminal

rule all:
    input: expand("{{name}}.txt", name=list("abcd"))

rule one:
    output: "{{name}}.txt"
    log: "{{name}}.log"
    retries: 1
    shell: "echo 2026-01-01 10:00:00 WARNING odd scan >> {{log}}; echo end of {{wildcards.name}} >> {{log}}; "
        "test {{wildcards.name}} != d && touch {{output}}"

onstart:
    global terminal
    terminal = Terminal(internals.count_due(workflow), {{}})
    internals.print_by(terminal, terminal.shows)

onerror:
    print("\\n".join(terminal.closing()), file=sys.stderr)
"""


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(scripts=ROOT / "workflow" / "scripts"))
    return tmp_path


COMMAND = [SNAKEMAKE, "--cores", "2", "--keep-going"]


@pytest.mark.slow
def test_snakemake_prints_the_lines(workflow):
    done = subprocess.run(COMMAND, cwd=workflow, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    jobs = [line for line in lines if line.startswith("[")]
    assert [
        re.match(r"\[(\d)/4, about \d s left\] one [abc]\.txt \(\d s\)$", line)[1] for line in jobs
    ] == list("123")
    assert lines.count("WARNING odd scan") == 2, "when it came, and at the end"
    assert lines.count("Failed: one d.txt") == 2, "it is tried twice"
    assert lines.count("end of d") >= 2
    assert lines[lines.index("Failed (1), with the log:") + 1] == "  one d.txt: d.log"
    assert "\x1b" not in done.stderr
    assert "Select jobs" not in done.stderr
    (kept,) = (workflow / ".snakemake" / "log").glob("*.log")
    assert "Select jobs" in kept.read_text(), "Snakemake's own log is whole"


@pytest.mark.slow
def test_a_terminal_shows_the_same_lines_in_colour(workflow):
    ours, its = pty.openpty()
    process = subprocess.Popen([*COMMAND, "a.txt"], cwd=workflow, stdout=its, stderr=its)
    os.close(its)
    text = b""
    while True:
        try:
            text += os.read(ours, 4096)
        except OSError:  # the process has ended
            break
    assert process.wait() == 0
    assert b"\x1b[32m" in text
    plain = re.sub(rb"\x1b\[\d*m", b"", text).decode()
    assert "[1/1] one a.txt (0 s)\r\n" in plain
    assert "\x1b" not in plain, "no other control code"


@pytest.mark.slow
def test_every_rule_says_what_it_does_and_a_wrong_target_gets_the_nearest(tmp_path):
    checkout = papers_checkout(tmp_path)
    listed = [line for line in snakemake(checkout, "--list").splitlines() if not line.startswith("Using ")]
    assert [line for line in listed if not re.fullmatch(r"\w+ \(.{10,}\.\)", line)] == []
    assert any("wang2021: table1, table2, table3" in line for line in listed)
    assert max(map(len, snakemake(checkout, "-n").splitlines())) < 600, "the longest names all rules"
    for target, nearest in (
        ("reslts/scores.csv", "nearest: results/scores.csv, "),
        (
            "results/models/scrach/fold0/model.safetensors",
            "nearest: results/models/scratch/fold0/model.safetensors",
        ),
        ("trainde", "nearest: trained"),
        ("xyz", "`snakemake --list` names all rules"),
    ):
        code, output = snakemake(checkout, "-n", target, check=False)
        assert code != 0
        assert f"No rule to produce {target}; {nearest}" in output
        assert "Traceback" not in output
