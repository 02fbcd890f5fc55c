"""Write the heat maps of a localiser on the test slices of a data set."""

from pathlib import Path

from covidseg.job import job
from covidseg.weak.heat import localise

if __name__ == "__main__":
    with job(snakemake.log[0]):
        localise(
            Path(snakemake.input.model[0]),
            Path(snakemake.input.slices),
            kind=snakemake.params.map,
            output=Path(snakemake.output[0]),
            device=snakemake.params.device,
            threads=snakemake.threads,
        )
