"""Join the splits of all data sets in one file."""

from covidseg.cases.splits import read_splits
from covidseg.files import write_json
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        write_json(snakemake.output[0], read_splits(snakemake.input.splits))
