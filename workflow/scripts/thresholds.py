"""Draw the Dice of localisers' segmentations against the threshold."""

from pathlib import Path

from covidseg.job import job
from covidseg.paper.figures import save_figure
from covidseg.paper.localisation_figure import draw_thresholds
from covidseg.weak.evaluation import read_curve

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, artefact = snakemake.params, snakemake.params.artefact
        paths = zip(artefact["localisers"], snakemake.input.curves, strict=True)
        figure = draw_thresholds(
            {name: read_curve(Path(path), artefact["split"]) for name, path in paths},
            artefact,
            limits=tuple(params.threshold_range),
            config_name=params.config_name,
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
