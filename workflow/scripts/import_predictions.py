"""Take the predictions, made elsewhere, of all cases that an experiment evaluates in one fold."""

from pathlib import Path

from covidseg.cases.case_folder import volume_path
from covidseg.cases.external_files import external_file
from covidseg.cases.splits import evaluation_cases, read_splits
from covidseg.evaluation.external import import_predictions
from covidseg.job import job

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, fold = snakemake.params, int(snakemake.wildcards.fold)
        splits = read_splits(snakemake.input.splits)
        files = {}
        for images in map(Path, snakemake.input.images):
            dataset = images.parent.name
            for case in evaluation_cases(splits, dataset, params.train, fold):
                file = external_file(params.predictions, dataset=dataset, fold=fold, case=case)
                files[volume_path(images, case)] = file
        import_predictions(files, ids=params.ids, output=Path(snakemake.output[0]), workers=snakemake.threads)
