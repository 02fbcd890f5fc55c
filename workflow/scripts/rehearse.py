"""Rehearse the whole workflow at full size, on synthetic archives, and print what it took and what failed."""

import sys
from pathlib import Path

from covidseg.config.loading import load_configuration
from covidseg.device import choose_compute
from covidseg.job import job
from covidseg.runs.rehearsal import run
from covidseg.runs.rehearsal_plan import rehearsal_sections

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, cores = snakemake.params, snakemake.threads
        root = Path(snakemake.scriptdir).resolve().parents[1]
        config = load_configuration(snakemake.config, "configuration", root / "config")
        training = config.sections["training"]
        compute = choose_compute(training["device"], training["precision"], threads=cores)
        sections = rehearsal_sections(config, compute.device.type)
        succeeded = run(root / "Snakefile", sections, Path(params.folder).resolve() / "run", cores=cores)
        sys.exit(not succeeded)
