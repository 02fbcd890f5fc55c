"""Join the scores of all models and localisers in one table."""

from pathlib import Path

from covidseg.evaluation.score_table import collect
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        collect([Path(path) for path in snakemake.input.scores], Path(snakemake.output[0]))
