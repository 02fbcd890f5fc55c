"""What a run prints and refuses at its start, and what it prints and writes at its end. No rules."""

import shutil

from covidseg import slurm
from covidseg.archives.licences import describe_licences

MARK = Path("results/configuration.txt")


def results_owner():
    """Return the name of the configuration that made results/, or None if there are no results."""
    return MARK.read_text().strip() if MARK.exists() else None


def claim_results():
    """Refuse to overwrite the results of another configuration, which may have taken weeks to make."""
    owner = results_owner() or config["name"]
    if owner != config["name"]:
        raise WorkflowError(
            f"data/ and results/ hold configuration '{owner}', this run is '{config['name']}': use another "
            f"checkout, or move data/ and results/ away; to overwrite both folders, delete {MARK}"
        )
    MARK.parent.mkdir(exist_ok=True)
    MARK.write_text(config["name"] + "\n")


def tell_licences():
    """Print the licences of the data that this run downloads, and refuse a disk that is too small for them."""
    jobs = internals.due_jobs(workflow, "download")
    wanted = {job.wildcards.dataset for job in jobs}
    real = sorted(name for name in wanted if not CONFIG.is_phantom(name))
    if not real:
        return
    folder = Path("data") if Path("data").exists() else Path()
    try:
        print(describe_licences({name: CONFIG.datasets[name] for name in real}, folder))
    except InputError as error:
        raise WorkflowError(str(error))


def settle_leftovers():
    """On a SLURM cluster, deal with the jobs that an earlier, killed run left in the queue."""
    if internals.runs_on_slurm(workflow):
        for line in slurm.settle_leftovers(Path.cwd()):
            print(line)


def forget_finished_trainings():
    """Delete the copies of finished models that results/state keeps for the jobs of a killed run."""
    for folder in Path("results/state").glob("*/fold*/finished"):
        shutil.rmtree(folder.parent)


def where_results_are():
    """Return the message at the end of a run: the tables and figures, and where everything else is."""
    shown = [
        path
        for path in in_use.artefact_files(ARTEFACTS)
        if path.endswith((".md", ".png")) and Path(path).exists()
    ]
    return "\n".join(
        [
            f"\nDone ({config['name']}). Tables and figures:",
            *(f"  {path}" for path in shown),
            "Scores of every case: results/scores.csv. Models: results/models/. Logs: logs/.",
        ]
    )


PROVENANCE = "results/paper/provenance.json"


def write_provenance():
    """Write the origin of this run's results. Only this function needs the import."""
    from covidseg.runs import provenance

    provenance.write_provenance(Path(PROVENANCE), CONFIG, root=BASE)


def provenance_page():
    """Return the provenance page of the last run, if there is one. No rule makes the page."""
    page = Path(PROVENANCE).with_suffix(".html")
    return [local(str(page))] if page.exists() else []
