"""Make one part of the site with its module in covidseg/site/, and list what the search can find there."""

import importlib
from pathlib import Path

from covidseg.files import write_json
from covidseg.job import job
from covidseg.site.pages import Site
from covidseg.site.part import Part

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        folder = next(path for path in Path(snakemake.output[0]).parents if path.name == "report")
        site = Site(folder, params.configuration, params.phantom)
        inputs = {
            name: [Path(path) for path in ([paths] if isinstance(paths, str) else paths)]
            for name, paths in snakemake.input.items()
        }
        part = Part(site, params.folder, inputs, params.parameters)
        part.path.mkdir(parents=True, exist_ok=True)
        entries = importlib.import_module(f"covidseg.site.{params.module}").make(part)
        write_json(part.path / "search.json", entries)
