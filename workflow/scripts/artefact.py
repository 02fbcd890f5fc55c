"""Make one table or figure of a paper with the module of its kind in covidseg/paper/."""

import importlib
from pathlib import Path

from covidseg.job import job
from covidseg.paper.artefact import Artefact
from covidseg.paper.web import links_of

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        inputs = {
            name: [Path(path) for path in ([paths] if isinstance(paths, str) else paths)]
            for name, paths in snakemake.input.items()
        }
        base, paper = Path(snakemake.output[0]).with_suffix(""), snakemake.wildcards.paper
        files = [Path(path).name for path in snakemake.output]
        artefact = Artefact(
            base=base,
            paper=paper,
            entry=params.artefact,
            config_name=params.config_name,
            remarks=params.remarks,
            inputs=inputs,
            parameters=params.parameters,
            links=links_of(paper, base.name, params.tables, files),
        )
        importlib.import_module(f"covidseg.paper.{params.module}").make(artefact)
