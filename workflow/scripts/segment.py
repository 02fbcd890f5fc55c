"""Segment a user's own scans with the models of this checkout, as the command `covidseg segment` does."""

import sys

from covidseg.segment.command import main

if __name__ == "__main__":
    params = snakemake.params
    own = dict(params.own)
    if not (scans := own.pop("scan", [])):
        sys.exit("error: no scan; try: snakemake segment --config scan=PATH out=FOLDER")
    sys.exit(
        main(
            [
                "segment",
                *(scans if isinstance(scans, list) else [str(scans)]),
                *("--output", own.pop("out")),
                *(word for key, value in own.items() for word in (f"--{key}", str(value))),
                *("--device", params.device, "--precision", params.precision),
                *("--threads", str(snakemake.threads)),
            ],
            snakemake.log[0],
        )
    )
