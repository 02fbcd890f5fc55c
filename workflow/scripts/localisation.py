"""Draw slices with several localisers' heat maps, and their precision-recall curves."""

from pathlib import Path

import numpy as np

from covidseg.job import job
from covidseg.paper.figures import save_figure
from covidseg.paper.localisation_figure import choose_slices, draw_localisation
from covidseg.weak.evaluation import read_curve

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, inputs, artefact = snakemake.params, snakemake.input, snakemake.params.artefact
        masks = np.load(Path(inputs.masks, "test_lesion.npy")).astype(bool)
        shown, names = choose_slices(masks, artefact["cases"]), list(artefact["localisers"])
        figure = draw_localisation(
            np.load(Path(inputs.images, "test_lesion.npy"))[shown],
            masks[shown],
            {
                name: np.load(Path(folder, "heat.npy"))[shown]
                for name, folder in zip(names, inputs.heatmaps, strict=True)
            },
            {
                name: read_curve(Path(path), artefact["split"])
                for name, path in zip(names, inputs.curves, strict=True)
            },
            artefact,
            threshold=params.threshold,
            config_name=params.config_name,
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
