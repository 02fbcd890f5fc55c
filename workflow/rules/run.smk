"""What a run says and refuses at its start, and says at its end. No rules."""

import shutil

from covidseg import slurm
from covidseg.archives.licences import describe_licences

MARK = Path("results/configuration.txt")


def results_owner():
    """Return the name of the configuration that results/ are of, or None."""
    return MARK.read_text().strip() if MARK.exists() else None


def only_workload():
    """Whether nothing but `workload` was asked for, which makes no results."""
    return {job.rule.name for job in workflow.dag.targetjobs} == {"workload"}


def claim_results():
    """Refuse to run one configuration over another's results, which may have taken weeks to make."""
    owner = results_owner() or config["name"]
    if owner != config["name"]:
        raise WorkflowError(
            f"data/ and results/ hold configuration '{owner}', this run is '{config['name']}': use another "
            f"checkout, or move data/ and results/ away; to overwrite them, delete {MARK}"
        )
    MARK.parent.mkdir(exist_ok=True)
    MARK.write_text(config["name"] + "\n")


def tell_licences():
    """Print the licences of what this run fetches, and refuse a disk that cannot hold it."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "download"]
    wanted = {job.wildcards.dataset for job in jobs}
    real = sorted(name for name in wanted if not CONFIGURATION.is_phantom(name))
    if not real:
        return
    folder = Path("data") if Path("data").exists() else Path()
    try:
        print(describe_licences({name: DATASETS[name] for name in real}, folder))
    except InputError as error:
        raise WorkflowError(str(error))


def lift_rate_limit():
    """Let this machine start jobs as fast as it can; a cluster's limit stays.

    Under a limit Snakemake wakes its scheduler once a second for every job that has ended so far: after
    400 jobs that is a third of a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def settle_leftovers():
    """On a SLURM cluster, see to the jobs of a run that was killed before it could cancel them."""
    if not workflow.local_exec and workflow.executor_plugin.name == "slurm":
        for line in slurm.settle_leftovers(Path.cwd()):
            print(line)


def forget_finished_trainings():
    """Delete the second names of this run's models, which only a job of a killed run could still need."""
    for folder in Path("results/state").glob("*/fold*/finished"):
        shutil.rmtree(folder.parent)


def where_results_are():
    shown = [
        path
        for path in artefact_files()
        if path.endswith((".md", ".png")) and Path(path).exists()
    ]
    return "\n".join(
        [
            f"\nDone ({config['name']}). Tables and figures:",
            *(f"  {path}" for path in shown),
            "Scores of every case: results/scores.csv. Models: results/models. Logs: logs.",
        ]
    )


PROVENANCE = "results/paper/provenance.json"


def write_provenance():
    """Write what this run's results come from; imported here, since every job reads the Snakefile."""
    from covidseg.runs import provenance

    provenance.write_provenance(Path(PROVENANCE), CONFIGURATION, root=BASE)


def provenance_page():
    """Return the page of the last run, where there was one here: no rule makes it, so it reruns nothing."""
    page = Path(PROVENANCE).with_suffix(".html")
    return [local(str(page))] if page.exists() else []


def rules_asked():
    """Return every rule that makes files -> its outputs, minutes, threads, and whether it asks for a GPU."""
    return {
        one.name: (
            len(one.output),
            one.resources["runtime"].evaluate(None, attempt=1).value,
            one.resources["_cores"].value,
            "gpu" in one.resources,
        )
        for one in workflow.rules
        if one.output
    }
