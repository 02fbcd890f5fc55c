"""Print how many jobs, hours and gigabytes the whole workflow (DAG) takes."""

from pathlib import Path

from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.files import write_csv, write_text
from covidseg.job import job
from covidseg.paper.markdown import write_markdown
from covidseg.runs.card_hours import card_hours
from covidseg.runs.dag import Rule
from covidseg.runs.hours import job_hours
from covidseg.runs.survey import survey
from covidseg.runs.workload_tables import NOTES, workload_tables

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, name = snakemake.params, snakemake.config["name"]
        root = Path(snakemake.scriptdir).resolve().parents[1]
        rules = {rule: Rule(*asked) for rule, asked in params.rules.items()}
        config = load_configuration(snakemake.config, "configuration", sheets_folder(root))
        known = survey(config, rules, root, owner=params.owner, rehearsal=Path(params.rehearsal))
        tables = workload_tables(known, job_hours(known), params.hosts)
        by_card = card_hours(known, sorted((root / "benchmarks" / "results").glob("gpu-*.csv")))
        tables |= {} if by_card.empty else {"GPU hours by card, as benchmarked": by_card}
        text = write_markdown(f"What configuration {name} takes", NOTES, tables)
        write_text(f"{params.base}.md", text)
        write_csv(f"{params.base}.csv", next(iter(tables.values())), digits=9)
        print(text)
