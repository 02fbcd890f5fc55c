"""Make one table or figure of a paper with the module of its kind in covidseg/paper/."""

import importlib
from pathlib import Path

from covidseg.job import job
from covidseg.paper.artefact import Artefact

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        inputs = {
            name: [Path(path) for path in ([paths] if isinstance(paths, str) else paths)]
            for name, paths in snakemake.input.items()
        }
        artefact = Artefact(
            base=Path(snakemake.output[0]).with_suffix(""),
            paper=snakemake.wildcards.paper,
            entry=params.artefact,
            config_name=params.config_name,
            remarks=params.remarks,
            inputs=inputs,
            parameters=params.parameters,
            tables=params.tables,
            files=[Path(path).name for path in snakemake.output],
        )
        importlib.import_module(f"covidseg.paper.{params.module}").make(artefact)
