"""Print which jobs a user's own additions bring, and which jobs are to do."""

from pathlib import Path

from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.config.local import local_files
from covidseg.job import job
from covidseg.runs.additions import additions_table, describe_additions
from covidseg.runs.dag import Rule, list_jobs
from covidseg.runs.hours import job_hours
from covidseg.runs.survey import survey

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, name = snakemake.params, snakemake.config["name"]
        root = Path(snakemake.scriptdir).resolve().parents[1]
        rules = {rule: Rule(*asked) for rule, asked in params.rules.items()}
        config = load_configuration(snakemake.config, "configuration", sheets_folder(root))
        known = survey(config, rules, root, owner=params.owner, rehearsal=Path(params.rehearsal))
        own = local_files(config.folder)
        before = (
            list_jobs(root / "Snakefile", config.sections | {"local": False}, rules) if own else known.jobs
        )
        table = additions_table(job_hours(known), before)
        print(describe_additions(name, own, table))
