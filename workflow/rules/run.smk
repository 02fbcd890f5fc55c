"""What a run prints and refuses at its start, and what it prints and writes at its end. No rules."""

import shutil
import sys
import time

from snakemake.logging import logger

from covidseg import slurm
from covidseg.archives.licences import describe_licences
from covidseg.cases.external_files import refuse_absent_files
from covidseg.runs import devices
from covidseg.runs import progress
from covidseg.runs import targets
from covidseg.runs.fork_server import ForkServer
from covidseg.runs.temporaries import remove_other_folders, remove_temporaries
from covidseg.runs.terminal import Terminal
from covidseg.runs.wall_times import wall_times

BEGUN = time.time()
DOWNLOADS = 4  # at a time: hosts refuse users who open many connections
FEWEST_FORKS = 10  # jobs; for fewer, a fork server takes more time than it saves


def makes_results():
    """Return whether this run makes results, and does not only count, rehearse, or segment a user's scan."""
    return not any(
        internals.is_asked_for(workflow, rule)
        for rule in ("check", "workload", "progress", "rehearse", "segment")
    )


def advise(target):
    """Return what comes nearest to a target that no rule makes."""
    return targets.advise(
        target, internals.target_rules(workflow), targets.files(CONFIG, ARTEFACTS)
    )


internals.advise_on_targets(advise)


def begin():
    """Check, print and claim what a run needs before its first job.

    A run that is refused leaves nothing behind, so the claim comes last.
    """
    try:
        start.check_records()
        start.check_folders()
        start.check_owner(config["name"])
        check_machine()
        check_fetching()
        check_predictions()
    except InputError as error:
        raise WorkflowError(str(error))
    if not internals.is_asked_for(workflow, "licences"):
        start.claim(config["name"])
    if internals.runs_on_slurm(workflow):
        for line in slurm.settle_leftovers(Path.cwd()):
            print(line)


def check_fetching():
    """Print the licences of the data that this run fetches; refuse a disk that is too small, or no consent."""
    jobs = internals.due_jobs(workflow, "download")
    wanted = [(job.wildcards.dataset, job.wildcards.archive) for job in jobs]
    real = sorted({name for name, _ in wanted if not CONFIG.is_phantom(name)})
    if real:
        folder = Path("data") if Path("data").exists() else Path()
        print(describe_licences({name: CONFIG.datasets[name] for name in real}, folder))
        start.check_consent(CONFIG, wanted, chosen[-1])


def check_predictions():
    """Refuse a run that would find none of the files that were predicted elsewhere."""
    for job in internals.due_jobs(workflow, "import_predictions"):
        one, fold = CONFIG.experiments[job.wildcards.experiment], int(
            job.wildcards.fold
        )
        refuse_absent_files(one.predictions, datasets=one.evaluate, fold=fold)


def check_machine():
    """Refuse a SLURM cluster that does not answer, and a GPU of this machine that torch cannot use."""
    if internals.runs_on_slurm(workflow):
        slurm.check_cluster()
    elif workflow.local_exec and internals.needs_gpu(workflow):
        for warning in start.check_devices(CONFIG):
            logger.warning(warning)


def prepare_containers():
    """Refuse a run in containers without their image; let the containers see the checkout, and where links lead."""
    if internals.runs_in_containers(workflow):
        try:
            start.check_image(IMAGE)
        except InputError as error:
            raise WorkflowError(str(error))
        folders = {BASE, *(path.resolve() for path in start.FOLDERS if path.exists())}
        internals.show_to_containers(workflow, sorted(folders))


def fork_jobs():
    """Start the jobs of a long run on this machine as forks of one process; a short run needs no such process."""
    if (
        sys.platform == "linux"
        and internals.runs_beside_its_jobs(workflow)
        and internals.count_due(workflow).total() >= FEWEST_FORKS
    ):
        internals.run_scripts_by(ForkServer(BASE / "workflow" / "scripts").run)


def limit_jobs():
    """Limit downloads. On this machine, give every job that needs a GPU one of its own.

    If the user allows more of these jobs than there are GPUs, they share the GPUs as CUDA does.
    """
    internals.limit(workflow, "downloads", DOWNLOADS)
    if not workflow.local_exec or start.devices_of(CONFIG) == {"cpu"}:
        return
    found = devices.visible_devices()
    if found:
        internals.limit(workflow, "gpu", len(found))
    if 0 < internals.limit_of(workflow, "gpu") <= len(found):
        line = f"from covidseg.runs.devices import take_device; take_device({found})"
        internals.begin_scripts_with(
            lambda resources: line if resources.get("gpu") else ""
        )


def clean_up():
    """Delete compiled code, what a killed run has left, and the site's pages of data sets that are gone.

    A killed run leaves copies of finished models, and temporary files.
    """
    shutil.rmtree("results/state/compiled", ignore_errors=True)
    for folder in Path("results/state").glob("*/fold*/finished"):
        shutil.rmtree(folder.parent)
    remove_temporaries([Path("data"), Path("results")], before=BEGUN)
    front = Path("results/report/index.html")
    if (
        front.exists() and front.stat().st_mtime >= BEGUN
    ):  # no page links to them any more
        cases, slices = front.with_name("cases"), front.with_name("slices")
        remove_other_folders(cases, site_needs.predicted_datasets(CONFIG))
        remove_other_folders(slices, in_use.sliced_datasets(CONFIG))


def print_jobs():
    """From here on, print a line per finished job and the time left, and no more."""
    global terminal
    due = internals.count_due(workflow)
    terminal = Terminal(due, wall_times(Path("logs")))
    internals.print_by(terminal, terminal.shows)
    if due.keys() & set(progress.RULES):
        logger.info(progress.HINT)


def say_again():
    """Print the warnings and failures of the whole run."""
    for line in terminal.closing():
        print(line, file=sys.stderr)


# Place of results -> what is there, and how to look at it.
PLACES = {
    "results/report/index.html": "the site: open it in a browser; `make view` serves it where scans are large",
    "results/paper": "tables and figures, one folder per paper: .md for a terminal, .html for a browser",
    "results/scores.csv": "scores of every case",
    "results/models": "models, each with the curves of its training in log.csv",
    "results/release": "models to give to others: docs/release.md",
    "logs": "one log per job",
}


def is_made(place):
    """Return whether a run has made this file or folder; every run writes its origin into results/paper."""
    if place == Path("results/paper"):
        return any(inside.is_dir() for inside in place.glob("*"))
    return place.exists()


def where_results_are():
    """Return the message at the end of a run: where the results are, and how to look at them."""
    found = {place: what for place, what in PLACES.items() if is_made(Path(place))}
    width = max(map(len, PLACES))
    lines = [f"  {place:{width}}  {what}" for place, what in found.items()]
    return "\n".join([f"\nDone ({config['name']}). Look at:", *lines])


PROVENANCE = "results/paper/provenance.json"


def write_provenance():
    """Write the origin of this run's results. Only this function needs the import."""
    from covidseg.runs import provenance

    provenance.write_provenance(Path(PROVENANCE), CONFIG, root=BASE)


def provenance_page():
    """Return the provenance page of the last run, if there is one. No rule makes the page."""
    page = Path(PROVENANCE).with_suffix(".html")
    return [local(str(page))] if page.exists() else []


def site_folder():
    """Return the folder of the site, for Snakemake's report: only a report in a .zip file can hold a folder."""
    made = Path("results/report/index.html").exists()
    return [local("results/report")] if made and internals.reports_to_zip() else []
