"""Write models with model cards, licences, scores and checksums into a folder to give to others."""

from pathlib import Path

from covidseg.config.loading import load_configuration, sheets_folder
from covidseg.job import job
from covidseg.reading import read_json
from covidseg.runs.provenance import collect_provenance
from covidseg.runs.release import describe_release, write_release
from covidseg.segment.models import RESULTS

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        root = Path(snakemake.scriptdir).resolve().parents[1]
        config = load_configuration(snakemake.config, "configuration", sheets_folder(root))
        provenance = Path(params.provenance)
        last = read_json(provenance) if provenance.exists() else {}
        output = Path(params.output)
        released = write_release(
            output,
            params.models,
            config=config,
            root=root,
            models=RESULTS,
            scores=[Path(path) for path in snakemake.input.scores],
            provenance=collect_provenance(config, root=root, data=Path("data"), previous=last),
        )
        print(describe_release(output, released, config))
