"""Join all scores."""

from pathlib import Path

from covidseg.job import job
from covidseg.scoring import collect

if __name__ == "__main__":
    with job(snakemake.log[0]):
        collect([Path(path) for path in snakemake.input.scores], Path(snakemake.output[0]))
