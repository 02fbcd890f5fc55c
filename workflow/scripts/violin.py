"""Draw one violin figure of a paper."""

from pathlib import Path

from covidseg.config.series import Series
from covidseg.evaluation.summary import read_scores
from covidseg.job import job
from covidseg.paper.figures import save_figure
from covidseg.paper.violin import draw_violins

if __name__ == "__main__":
    with job(snakemake.log[0]):
        figure = draw_violins(
            [Series(*fields) for fields in snakemake.params.series],
            snakemake.params.artefact,
            read_scores(Path(snakemake.input.scores)),
            config_name=snakemake.params.config_name,
            remarks=snakemake.params.remarks,
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
