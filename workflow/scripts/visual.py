"""Draw one visual comparison of a paper: slices of test cases with every method's segmentation."""

from pathlib import Path

import pandas as pd

from covidseg.evaluation.summary import read_scores
from covidseg.job import job
from covidseg.paper.cases_figure import choose_cases, draw_visual, read_view
from covidseg.paper.figures import save_figure

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, artefact = snakemake.params, snakemake.params.artefact
        cases = pd.read_csv(snakemake.input.cases)
        chosen = choose_cases(read_scores(Path(snakemake.input.scores)), cases, artefact, params.shown)
        views = [
            read_view(
                case,
                dsc.to_dict(),
                images=Path(snakemake.input.images),
                labels=Path(snakemake.input.labels),
                predictions=Path(snakemake.input.predictions[0]).parents[1],
                shown=params.shown,
                dataset=params.dataset,
                artefact=artefact,
                window=params.window,
            )
            for case, dsc in chosen.iterrows()
        ]
        figure = draw_visual(views, artefact, config_name=params.config_name, remarks=params.remarks)
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
