"""Resample the cases of a data set, and scale their intensities as a network of nnU-Net needs them."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ct_normalisation import CTNormalisation, preprocess_for_nnunet
from covidseg.job import job
from covidseg.training.description import ModelDescription

if __name__ == "__main__":
    with job(snakemake.log[0]):
        model = ModelDescription.read(Path(snakemake.input.model))
        normalisation = CTNormalisation.of(model.normalisation)
        assert normalisation is not None  # every imported model has one
        z, y, x = model.plan["spacing"]
        preprocess_for_nnunet(
            snakemake.params.dataset,
            cases=CaseFolder(Path(snakemake.input.images).parent),
            spacing=(z, y, x),
            normalisation=normalisation,
            window=tuple(snakemake.params.window),
            output=Path(snakemake.output[0]),
            workers=snakemake.threads,
        )
