"""Print how far every training is."""

from pathlib import Path

from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.errors import InputError
from covidseg.job import job
from covidseg.runs.progress import count_states, progress_table, trainings

if __name__ == "__main__":
    with job(snakemake.log[0]):
        name, owner = snakemake.config["name"], snakemake.params.owner
        if owner not in (None, name):
            raise InputError(
                f"configuration '{owner}' made results/, not '{name}': add --configfile with its file"
            )
        root = Path(snakemake.scriptdir).resolve().parents[1]
        config = load_configuration(snakemake.config, "configuration", sheets_folder(root))
        table = progress_table(trainings(config), Path())
        print(table.to_markdown(index=False, tablefmt="simple", disable_numparse=True))
        print(f"\n{count_states(table)}")
