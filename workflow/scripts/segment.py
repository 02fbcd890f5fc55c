"""Segment a user's own scans with the models of this checkout, as the command `covidseg segment` does."""

import sys

from covidseg.segment.command import main


def words(settings: dict[str, object]) -> list[str]:
    """Return settings as options: {"series": "1.2", "dicom_seg": True} -> --series=1.2 --dicom-seg."""
    return [
        f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}")
        for key, value in settings.items()
        if value is not False
    ]


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
                *("--device", params.device, "--precision", params.precision),
                *("--threads", str(snakemake.threads)),
                *words(own),
            ],
            snakemake.log[0],
        )
    )
