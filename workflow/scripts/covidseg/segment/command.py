"""The command `covidseg`: `covidseg segment SCAN... -o OUT`."""

import argparse
import logging
import os
import sys
from pathlib import Path

from covidseg.device import choose_compute
from covidseg.errors import InputError
from covidseg.evaluation.sections import Inference
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.models import RESULTS, find_models, load_models
from covidseg.segment.run import Models, Settings, segment_all
from covidseg.segment.scans import SUFFIXES, list_scans

log = logging.getLogger("covidseg")

MODEL = (
    "experiment, folder of a model, release (folder, zip, tar), or https://host/release.zip#sha256=CHECKSUM"
)


def main(arguments: list[str] | None = None, log_file: str | None = None) -> int:
    """Run the command; return its exit status: 0, 1 if a scan failed, 2 if nothing could be done.

    Args:
        arguments: words of the command; None: those of the command line.
        log_file: file for what is printed, beside the terminal.
    """
    options = _parser().parse_args(arguments)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file:
        handlers.append(logging.FileHandler(log_file, mode="w"))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers, force=True)
    try:
        return _segment(options)
    except InputError as error:
        log.error("%s", error)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="covidseg", description=f"COVID-19 infection in CT. {NOT_CLINICAL}."
    )
    commands = parser.add_subparsers(required=True, metavar="segment")
    own = commands.add_parser("segment", help="segment scans", description=f"Segment scans. {NOT_CLINICAL}.")
    formats = f"a file ({' '.join(SUFFIXES)}), the folder of a DICOM series, or a folder of scans"
    own.add_argument("scans", nargs="+", type=Path, metavar="SCAN", help=formats)
    own.add_argument("-o", "--output", required=True, type=Path, help="folder for the results")
    own.add_argument("--model", help=f"{MODEL}; default: the best by cross-validation")
    own.add_argument("--lungs", help="the same for both lungs; default: the best of the same release")
    own.add_argument(
        "--models", type=Path, default=RESULTS, help="folder of the experiments, or a release (%(default)s)"
    )
    own.add_argument("--series", default="", help="UID of the DICOM series, or how it begins")
    own.add_argument(
        "--intensity",
        choices=["hounsfield", "windowed"],
        default="hounsfield",
        help="windowed: grey levels 0 to 255",
    )
    own.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    own.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    own.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    own.add_argument("--step", type=float, default=0.5, help="distance of tiles, as a share of a tile")
    own.add_argument("--mirror", action="store_true", help="average over mirrored tiles, eight times as slow")
    return parser


def _segment(options: argparse.Namespace) -> int:
    scans = list_scans(options.scans)
    found = find_models(options.model, options.lungs, options.models)
    names = (found[0].name, found[1].name)
    compute = choose_compute(options.device, options.precision, threads=options.threads)
    log.info("infection: %s; lungs: %s; on %s; %s", *names, compute, NOT_CLINICAL)
    infection, lungs = load_models(found, compute)
    inference: Inference = {
        "step": options.step,
        "mirror_axes": [0, 1, 2] if options.mirror else [],
        "tiles": 1,
    }
    settings = Settings(
        series=options.series,
        windowed=options.intensity == "windowed",
        inference=inference,
        compute=compute,
    )
    options.output.mkdir(parents=True, exist_ok=True)
    models = Models(infection=infection, lungs=lungs, names=names)
    failed = segment_all(scans, options.output, models, settings)
    log.info("%d of %d scans segmented: %s", len(scans) - len(failed), len(scans), options.output)
    for name, reason in failed.items():
        log.error("not segmented: %s: %s", name, reason)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
