"""Draw one figure of feature-relation matrices."""

from pathlib import Path

import pandas as pd

from covidseg.job import job
from covidseg.paper.figures import save_figure
from covidseg.paper.relations_figure import draw_relations, read_matrices

if __name__ == "__main__":
    with job(snakemake.log[0]):
        figure = draw_relations(
            read_matrices(Path(snakemake.input.relations)),
            pd.read_csv(snakemake.input.log),
            snakemake.params.artefact,
            config_name=snakemake.params.config_name,
            remarks=snakemake.params.remarks,
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
