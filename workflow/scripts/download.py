"""Fetch one archive."""

from pathlib import Path

from covidseg.download import download
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        download(snakemake.params.source, Path(snakemake.output[0]), phantom=snakemake.params.phantom)
