"""All jobs of a configuration in this folder, with all that their hours are estimated from."""

from pathlib import Path

from covidseg.config.configuration import Configuration
from covidseg.runs.dag import Rule, list_jobs
from covidseg.runs.hours import Known, gather


def survey(
    config: Configuration, rules: dict[str, Rule], root: Path, *, owner: str | None, rehearsal: Path
) -> Known:
    """Return all facts that the hours of a configuration are estimated from.

    Args:
        config: the checked configuration.
        rules: name -> rule.
        root: folder of the Snakefile.
        owner: configuration whose results are in the working directory, or None. If it is another one,
            nothing is done yet: the configuration needs a folder of its own.
        rehearsal: rehearsal.csv of the configuration, which may be absent.
    """
    jobs, name = list_jobs(root / "Snakefile", config.sections, rules), config.sections["name"]
    if owner not in (None, name):
        jobs["to_do"] = True
    results = Path("results") if owner == name else None
    return gather(config, rules, jobs, results=results, logs=Path("logs"), rehearsal=rehearsal)
