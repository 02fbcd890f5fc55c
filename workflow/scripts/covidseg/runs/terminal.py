"""What a run prints while its jobs run: a line per finished job, each warning once, and the time left.

Snakemake calls the formatter for every event, in one thread at a time. Warnings of a job are read from its
log, so that those of jobs on other machines are printed, too.
"""

import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from covidseg.training.epoch_log import duration

WARNING = re.compile(r"^\S+ \S+ WARNING (.*)$", re.MULTILINE)
LAST_LINES = 10  # of a failed job's log
WIDTH = 200  # characters of a line that Snakemake wrote itself
# Lines of Snakemake and its plug-in for SLURM that come once per job; they stay in Snakemake's own log.
UNTOLD = re.compile(r"Select jobs|Trying to restart|Submitted array job|Job \d+ has been submitted")


@dataclass
class Job:
    """A job that has started.

    Attributes:
        rule: name of the rule.
        output: first file that the job makes; empty if the job makes none.
        log: log of the job, if there is one; Snakemake deletes the log of an earlier run first.
        begun: time of the start, in s.
    """

    rule: str
    output: str
    log: Path | None
    begun: float

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Job":
        """Return the job of an event, as it starts now."""
        return cls(
            rule=told["rule_name"],
            output=told["output"][0] if told["output"] else "",
            log=Path(told["log"][0]) if told["log"] else None,
            begun=time.monotonic(),
        )

    @property
    def name(self) -> str:
        """Name of the job for the terminal: its rule and its first file."""
        return f"{self.rule} {self.output}".rstrip()

    def warnings(self) -> list[str]:
        """Return what this job has warned of in its log."""
        text = _read(self.log) if self.log else ""
        return [f"WARNING {warning}" for warning in WARNING.findall(text)]


class Terminal(logging.Formatter):
    """Turns Snakemake's events into the lines of a run, and keeps what is said again at the end.

    Attributes:
        due: rule -> number of jobs that this run does.
        known: rule -> mean seconds of a job, from the logs of earlier runs.
        running: number of a job -> the job.
        finished: rule -> number of finished jobs.
        seconds: rule -> seconds of all finished jobs.
        warnings: every warning, once.
        failures: name of a job that failed -> the job's log.
    """

    def __init__(self, due: Mapping[str, int], earlier: Mapping[str, list[float]]) -> None:
        super().__init__()
        self.due, self.known = Counter(due), {rule: mean(times) for rule, times in earlier.items()}
        self.running: dict[int, Job] = {}
        self.finished: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.warnings: list[str] = []
        self.failures: dict[str, str] = {}

    def shows(self, record: logging.LogRecord) -> bool:
        """Return whether an event has a line; note the start of a job, which has none."""
        event = getattr(record, "event", None)
        if event == "job_info":
            self.running[record.__dict__["jobid"]] = Job.of(record.__dict__)
        if event is None:
            return not UNTOLD.match(record.getMessage())
        return event in ("error", "job_finished", "job_error")

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of an event."""
        event = getattr(record, "event", None)
        if event == "job_finished":
            return self._finish(self.running.pop(record.__dict__["job_id"]))
        if event == "job_error":
            return self._fail(record.__dict__)
        text = str(record.msg or "")
        if record.levelno == logging.WARNING:
            return "\n".join(self._keep([text]))
        return text if record.levelno > logging.WARNING else _shorten(text)

    def closing(self) -> list[str]:
        """Return what the end of a run says again: every warning and every failed job."""
        lines = [f"Warnings ({len(self.warnings)}), once more:", *self.warnings] if self.warnings else []
        failed = [f"  {name}: {log}" for name, log in self.failures.items()]
        return lines + ([f"Failed ({len(failed)}), with the log:", *failed] if failed else [])

    def _finish(self, job: Job) -> str:
        if not job.output:
            return "\n".join(self._keep(job.warnings()))
        seconds = time.monotonic() - job.begun
        self.finished[job.rule] += 1
        self.seconds[job.rule] += seconds
        self.failures.pop(job.name, None)
        done, total = self.finished.total(), self.due.total()
        left = f", {self.time_left()}" if done < total else ""
        line = f"[{done:{len(str(total))}}/{total}{left}] {job.name} ({duration(seconds)})"
        return "\n".join([*self._keep(job.warnings()), line])

    def _fail(self, told: Mapping[str, Any]) -> str:
        job = self.running.pop(told["jobid"], Job.of(told))
        self.failures[job.name] = ", ".join(told["log"])
        lines = [*self._keep(job.warnings()), f"Failed: {job.name}"]
        for log in told["log"]:
            lines += [f"The log {log} ends:", *_read(Path(log)).splitlines()[-LAST_LINES:]]
        return "\n".join(lines)

    def _keep(self, warnings: list[str]) -> list[str]:
        """Return the warnings that are new, and keep them for the end."""
        new = [text for text in dict.fromkeys(warnings) if text not in self.warnings]
        self.warnings += new
        return new

    def time_left(self) -> str:
        """Return the time left, if as many jobs run at a time as now.

        The text says "at least" as long as no job of some rule has ever finished.
        """
        means = self.known | {rule: self.seconds[rule] / count for rule, count in self.finished.items()}
        left = self.due - self.finished
        if not left.keys() & means.keys():
            return "time left not known yet"
        now = time.monotonic()
        spent = sum(min(now - job.begun, means.get(job.rule, 0)) for job in self.running.values())
        seconds = sum(count * means.get(rule, 0) for rule, count in left.items()) - spent
        word = "about" if left.keys() <= means.keys() else "at least"
        return f"{word} {duration(seconds / (len(self.running) + 1))} left"


def _shorten(text: str) -> str:
    return "\n".join(line if len(line) <= WIDTH else f"{line[:WIDTH]} ..." for line in text.splitlines())


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
