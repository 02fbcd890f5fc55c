"""Train one model that starts from a network of nnU-Net, and sees the scans as this network does."""

from dataclasses import replace
from pathlib import Path

from covidseg.job import job
from covidseg.training.description import ModelDescription
from covidseg.training.gpu_memory import enough_gpu_memory
from covidseg.training.run import describe_run, make_run
from covidseg.training.train import train
from covidseg.training.weights import read_description

if __name__ == "__main__":
    params, training = snakemake.params, snakemake.config["training"]
    held = f"training.device_memory_gib ({training['device_memory_gib']})"
    remedy = f"lower {held}, or take a larger card: `snakemake workload` says how large"
    with job(snakemake.log[0]), enough_gpu_memory(remedy):
        pretrained = Path(snakemake.input.pretrained[0])
        run = make_run(
            params.experiment,
            fold=int(snakemake.wildcards.fold),
            preprocessed=[Path(folder) for folder in snakemake.input.cases],
            splits=snakemake.input.splits,
            pretrained=pretrained,
            sections=params.sections,
            training=training,
            code=params.code,
            threads=snakemake.threads,
        )
        normalisation = read_description(pretrained, ModelDescription).normalisation
        train(
            run,
            model=Path(snakemake.output.model),
            log_table=Path(snakemake.output.log),
            state=Path(params.state),
            description=replace(
                describe_run(run, params.experiment, params.sections), normalisation=normalisation
            ),
        )
