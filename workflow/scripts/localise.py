"""Write the heat maps of a localiser on the test slices of a data set."""

from pathlib import Path

from covidseg.job import job
from covidseg.training.gpu_memory import enough_gpu_memory
from covidseg.weak.heat import localise

if __name__ == "__main__":
    with job(snakemake.log[0]), enough_gpu_memory("take a larger card: `snakemake workload` says how large"):
        localise(
            Path(snakemake.input.model[0]),
            Path(snakemake.input.slices),
            kind=snakemake.params.map,
            output=Path(snakemake.output[0]),
            device=snakemake.params.device,
            threads=snakemake.threads,
        )
