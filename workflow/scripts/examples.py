"""Draw a case of each data set with its labels."""

from pathlib import Path

import pandas as pd

from covidseg.job import job
from covidseg.paper.examples_figure import choose_case, draw_examples, read_example
from covidseg.paper.figures import save_figure

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        folders = {Path(table).parent.name: Path(table).parent for table in snakemake.input.cases}
        examples = {}
        for title, names in params.artefact["datasets"].items():
            case = choose_case([pd.read_csv(folders[name] / "cases.csv") for name in names])
            entries = [params.datasets[name] for name in names]
            examples[title] = read_example(case, [folders[name] for name in names], entries, params.window)
        figure = draw_examples(
            examples, params.artefact, config_name=params.config_name, remarks=params.remarks
        )
        save_figure(figure, Path(snakemake.output.png).with_suffix(""))
