"""All internals of Snakemake that the workflow uses: attributes that Snakemake does not promise to keep.

If an installed version of Snakemake lacks one of these attributes, tests/test_internals.py fails and names
the attribute.
"""

from pathlib import Path
from typing import Any

from snakemake.common import configfile
from snakemake.exceptions import WorkflowError

from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputError

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


def is_asked_for(workflow: Workflow, rule: str) -> bool:
    """Return whether the command line asks for this rule and for nothing else."""
    return {job.rule.name for job in workflow.dag.targetjobs} == {rule}


def due_jobs(workflow: Workflow, rule: str) -> list[Any]:
    """Return the jobs of a rule that this run will do; each job has the attribute `wildcards`."""
    return [job for job in workflow.dag.needrun_jobs() if job.rule.name == rule]


def lift_rate_limit(workflow: Workflow) -> None:
    """Remove the limit on jobs started per second, if jobs run on this machine; the limit of a cluster stays.

    Under a limit, Snakemake wakes its scheduler once per second for every job that has ended so far. After
    400 jobs the scheduler alone takes a third of a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


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
