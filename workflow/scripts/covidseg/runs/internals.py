"""All internals of Snakemake that the workflow uses: attributes that Snakemake does not promise to keep.

If an installed version of Snakemake lacks one of these attributes, tests/test_internals.py fails and names
the attribute.
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import gettempdir
from typing import Any

from snakemake.common import configfile
from snakemake.exceptions import MissingRuleException, WorkflowError
from snakemake.logging import logger
from snakemake.script import PythonScript
from snakemake.settings.types import DeploymentMethod

from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputError

PREAMBLE_END = "######## snakemake preamble end #########\n"
CHECKED_WITH = "9.27.1"

Workflow = Any  # snakemake.workflow.Workflow, which is not typed


def read_strictly() -> None:
    """Let Snakemake read configurations by `read_yaml`, whose errors name file and line."""

    def load(path: str | Path, filetype: str = "Config") -> dict[str, Any]:
        try:
            return read_yaml(Path(path))
        except InputError as error:
            raise WorkflowError(str(error)) from error

    configfile._load_configfile = load


def chosen_files(workflow: Workflow) -> list[str]:
    """Return the paths of the configurations that the user chose on the command line or in a profile."""
    return [str(path) for path in workflow.overwrite_configfiles]


def advise_on_targets(advise: Callable[[str], str]) -> None:
    """Let Snakemake's message about a target that no rule makes end with advice about the target."""
    before, after = "No rule to produce ", " (if you use"

    def text(error: MissingRuleException) -> str:
        target = Exception.__str__(error).removeprefix(before).partition(after)[0]
        return f"{before}{target}; {advise(target)}"

    MissingRuleException.__str__ = text


def describe_rule(workflow: Workflow, rule: str, text: str) -> None:
    """Set what `snakemake --list` says of a rule; a rule made in a loop cannot say it itself.

    A workflow that imports this one may give the rule another name, or leave the rule out.
    """
    name = workflow.modifier.modify_rulename(rule)
    if workflow.is_rule(name):
        workflow.get_rule(name).docstring = text


def target_rules(workflow: Workflow) -> list[str]:
    """Return the rules that can be asked for by name, as they have no wildcards."""
    return [rule.name for rule in workflow.rules if not rule.has_wildcards()]


def is_asked_for(workflow: Workflow, rule: str) -> bool:
    """Return whether the command line asks for this rule and for nothing else."""
    return {job.rule.name for job in workflow.dag.targetjobs} == {rule}


def is_named(rule: str) -> bool:
    """Return whether the command line names a rule; the workflow does not know when it reads its files."""
    return rule in sys.argv[1:]


def reports_to_zip() -> bool:
    """Return whether the command line asks for a report in a .zip file; the workflow does not know."""
    words = " ".join(sys.argv).replace("=", " ").split()
    return "--report" in words and any(word.endswith(".zip") for word in words)


def due_jobs(workflow: Workflow, rule: str) -> list[Any]:
    """Return the jobs of a rule that this run will do; each job has the attribute `wildcards`."""
    return [job for job in workflow.dag.needrun_jobs() if job.rule.name == rule]


def count_due(workflow: Workflow) -> Counter[str]:
    """Return rule -> how many jobs of the rule this run will do, without jobs that make no file."""
    return Counter(job.rule.name for job in workflow.dag.needrun_jobs() if job.output)


def print_by(formatter: logging.Formatter, shows: Callable[[logging.LogRecord], bool]) -> None:
    """Print Snakemake's events by another formatter. Snakemake's own log in .snakemake/log stays as it is.

    Where a plug-in that the user chose prints the events, the plug-in goes on to do so.

    Args:
        formatter: returns the text of an event.
        shows: whether an event is printed at all.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.setFormatter(formatter)
            handler.addFilter(shows)


def needs_gpu(workflow: Workflow) -> bool:
    """Return whether a job that this run will do asks for a GPU."""
    return any("gpu" in job.rule.resources for job in workflow.dag.needrun_jobs())


def lift_rate_limit(workflow: Workflow) -> None:
    """Remove the limit on jobs started per second, if jobs run on this machine; the limit of a cluster stays.

    Under a limit, Snakemake wakes its scheduler once per second for every job that has ended so far. After
    400 jobs the scheduler alone takes a third of a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def run_scripts_by(run: Callable[[str], int | None]) -> None:
    """Let `run` run every script with one thread and without environment or temporary folder of its own.

    Args:
        run: returns the exit status of a script, or None if the script is to start as without this function.
    """
    start = PythonScript.execute_script

    def execute(script: PythonScript, file: str, edit: bool = False) -> None:
        apart = script.conda_env or script.container_img or script.env_modules
        usual = script.threads == 1 and script.resources.get("tmpdir") == gettempdir()
        status = run(file) if usual and not apart else None
        if status is None:
            start(script, file, edit=edit)
        elif status:
            raise CalledProcessError(status, file)

    PythonScript.execute_script = execute


def limit_of(workflow: Workflow, resource: str) -> int:
    """Return how much of a resource all jobs may take together; 0 without a limit."""
    limits = workflow.global_resources
    return int(limits[resource].value) if resource in limits else 0


def limit(workflow: Workflow, resource: str, most: int) -> None:
    """Limit how much of a resource all jobs of a run that starts may take together, unless the user does.

    A limit in a profile would not do: `--resources` of a command replaces the whole list of the profiles.

    Args:
        workflow: the workflow, with its scheduler.
        resource: name of the resource.
        most: the limit.
    """
    if resource not in workflow.global_resources:
        workflow.register_resource(resource, most)
        workflow.scheduler.global_resources[resource] = most


def begin_scripts_with(first: Callable[[Any], str]) -> None:
    """Let scripts begin with a line of code.

    Args:
        first: returns the line for a script's resources (a mapping), or an empty text.
    """
    start = PythonScript.execute_script

    def execute(script: PythonScript, file: str, edit: bool = False) -> None:
        if line := first(script.resources):
            head, mark, rest = Path(file).read_text(encoding="utf-8").partition(PREAMBLE_END)
            Path(file).write_text(f"{head}{mark}{line}\n{rest}", encoding="utf-8")
        start(script, file, edit=edit)

    PythonScript.execute_script = execute


def runs_beside_its_jobs(workflow: Workflow) -> bool:
    """Return whether all jobs run on this machine, with the Python and the packages of the run itself."""
    return workflow.local_exec and not workflow.deployment_settings.deployment_method


def runs_in_containers(workflow: Workflow) -> bool:
    """Return whether the command line asks for jobs in containers of Apptainer."""
    return DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def show_to_containers(workflow: Workflow, folders: Iterable[Path]) -> None:
    """Let the containers of jobs see folders besides the folder of the run."""
    workflow.deployment_settings.apptainer_args += "".join(f" --bind {str(folder)!r}" for folder in folders)


def runs_on_slurm(workflow: Workflow) -> bool:
    """Return whether a SLURM cluster runs the jobs."""
    return not workflow.local_exec and workflow.executor_plugin.name == "slurm"


def keeps_temporaries(workflow: Workflow) -> bool:
    """Return whether the command line says --notemp: keep files that are only needed for a time."""
    return bool(workflow.storage_settings.notemp)


def rules_asked(workflow: Workflow) -> dict[str, tuple[int, float, int, bool]]:
    """Return, per rule with outputs: number of outputs, minutes, threads, whether a job asks for a GPU."""
    return {
        rule.name: (
            len(rule.output),
            rule.resources["runtime"].evaluate(None, attempt=1).value,
            rule.resources["_cores"].value,
            "gpu" in rule.resources,
        )
        for rule in workflow.rules
        if rule.output
    }
