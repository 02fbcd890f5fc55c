"""Join the curves of all trainings in one table."""

from pathlib import Path

from covidseg.files import write_csv
from covidseg.job import job
from covidseg.training.curves import join_curves

if __name__ == "__main__":
    with job(snakemake.log[0]):
        write_csv(snakemake.output[0], join_curves([Path(path) for path in snakemake.input.logs]), digits=9)
