"""Rehearse the whole workflow at full size, on synthetic archives, and print what it took and what failed."""

from pathlib import Path

from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.device import choose_compute
from covidseg.errors import InputError
from covidseg.job import job
from covidseg.runs.dag import Rule
from covidseg.runs.rehearsal import rehearse

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, cores = snakemake.params, snakemake.threads
        root, folder = Path(snakemake.scriptdir).resolve().parents[1], Path(params.folder).resolve()
        config = load_configuration(snakemake.config, "configuration", sheets_folder(root))
        training = config.sections["training"]
        not_done = rehearse(
            config,
            {rule: Rule(*asked) for rule, asked in params.rules.items()},
            root,
            folder,
            device=choose_compute(training["device"], training["precision"], threads=cores).device.type,
            cores=cores,
            keep=params.keep,
        )
        if not_done:
            raise InputError(
                f"{folder}/rehearsal.md: {len(not_done)} jobs are not done; their logs are listed"
            )
