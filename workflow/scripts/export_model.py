"""Write a trained model for nnU-Net, ONNX and MONAI."""

from pathlib import Path

from covidseg.cases.case_folder import CaseFolder
from covidseg.cases.ct_normalisation import training_scans
from covidseg.job import job
from covidseg.training.description import ModelDescription
from covidseg.training.exchange.exported import Exported, export_model
from covidseg.training.weights import read_description

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        folds = dict(enumerate(map(Path, snakemake.input.models)))
        names = [read_description(one, ModelDescription).lineage["training_cases"] for one in folds.values()]
        folders = {Path(path).parent.name: CaseFolder(Path(path).parent) for path in snakemake.input.images}
        export_model(
            Exported(
                name=snakemake.wildcards.experiment,
                folds=folds,
                dataset=params.dataset,
                scans=training_scans({case for cases in names for case in cases}, folders, params.datasets),
                window=tuple(params.window),
                step=params.inference["step"],
                mirror_axes=params.inference["mirror_axes"],
            ),
            Path(snakemake.output[0]),
        )
