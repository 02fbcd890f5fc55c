"""Cut slices that show infection out of the volumes of a data set."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.job import job
from covidseg.weak.slices import cut_slices, write_slices

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, output = snakemake.params, snakemake.output
        slices = cut_slices(
            CaseFolder(Path(snakemake.input.cases).parent),
            params.dataset,
            params.lungs and Path(snakemake.input.lungs[0], params.lungs),
            count=params.slices,
            window=tuple(params.window),
            size=params.size,
            seed=params.seed,
        )
        write_slices(slices, images=Path(output.images), masks=Path(output.masks))
