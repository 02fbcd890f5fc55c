"""Join the splits of all data sets in one file, and warn of scans that are there under two names."""

from pathlib import Path

from covidseg.cases.splits import read_splits
from covidseg.cases.twins import warn_of_twins
from covidseg.files import write_json
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        splits = read_splits(snakemake.input.splits)
        warn_of_twins([*map(Path, snakemake.input.cases)], splits, snakemake.params.hosts)
        write_json(snakemake.output[0], splits)
