"""Turn a network that nnU-Net has trained into a pre-trained model."""

from pathlib import Path

from covidseg.cases.target_spacing import target_spacing
from covidseg.job import job
from covidseg.training.exchange.nnunet_files import find_source
from covidseg.training.exchange.nnunet_source import Source, import_nnunet

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        import_nnunet(
            Source(
                name=snakemake.wildcards.source,
                files=find_source(params.row),
                network=params.network,
                spacing=params.spacing or target_spacing(Path(snakemake.input.target)),
            ),
            Path(snakemake.output[0]),
        )
