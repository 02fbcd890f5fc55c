"""Draw one violin figure of a paper."""

from pathlib import Path

from covidseg.figures import save_figure
from covidseg.job import job
from covidseg.tables import TableRow, read_scores
from covidseg.violin import draw_violins

if __name__ == "__main__":
    with job(snakemake.log[0]):
        figure = draw_violins(
            [TableRow(*row) for row in snakemake.params.rows],
            snakemake.params.artefact,
            read_scores(Path(snakemake.input.scores)),
            configuration=snakemake.params.configuration,
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
