"""Read the slices of a data set from its archive."""

from pathlib import Path

from covidseg.job import job
from covidseg.weak.slices import read_slices, write_slices

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, output = snakemake.params, snakemake.output
        raw = Path(snakemake.input.archives[0]).parents[1]
        slices = read_slices(
            params.dataset,
            raw,
            size=params.size,
            mask_level=params.mask_level,
            counts=params.counts,
            seed=params.seed,
        )
        write_slices(slices, images=Path(output.images), masks=Path(output.masks))
