"""The command `covidseg`: `covidseg segment SCAN... -o OUT`."""

import argparse
import logging
import math
import os
import sys
import warnings
from pathlib import Path

from covidseg.device import Compute, choose_compute
from covidseg.errors import InputError
from covidseg.evaluation.sections import Inference
from covidseg.segment import NOT_CLINICAL
from covidseg.segment.folders import writable_folder
from covidseg.segment.models import RESULTS, find_models, load_models
from covidseg.segment.run import Models, Settings, segment_all
from covidseg.segment.scans import SUFFIXES, list_scans, list_series

log = logging.getLogger("covidseg")
LIST = "list"  # --series without a UID
INTERRUPTED = 130  # exit status after Ctrl-C, as of every command

MODEL = (
    "experiment, folder of a model, release (folder, zip, tar), or https://host/release.zip#sha256=CHECKSUM"
)


def main(arguments: list[str] | None = None, log_file: str | None = None) -> int:
    """Run the command; return its exit status: 0, 1 if a scan failed, 2 if nothing could be done, or 130.

    Args:
        arguments: words of the command; None: those of the command line.
        log_file: file for what is printed, beside the terminal.
    """
    options = _parser().parse_args(arguments)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file:
        handlers.append(logging.FileHandler(log_file, mode="w"))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=handlers, force=True)
    for library in ("fontTools", "highdicom", "pydicom"):  # what these log is nothing for the user
        logging.getLogger(library).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=library)
    try:
        return _segment(options)
    except InputError as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped; the scans that were finished are in %s", options.output)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="covidseg", description=f"COVID-19 infection in CT. {NOT_CLINICAL}."
    )
    commands = parser.add_subparsers(required=True, metavar="segment")
    own = commands.add_parser("segment", help="segment scans", description=f"Segment scans. {NOT_CLINICAL}.")
    formats = f"a file ({' '.join(SUFFIXES)}), the folder of a DICOM series, or a folder of scans"
    own.add_argument("scans", nargs="+", type=Path, metavar="SCAN", help=formats)
    own.add_argument(
        "-o", "--output", default=Path("segmented"), type=Path, help="folder for the results (%(default)s)"
    )
    own.add_argument("--model", help=f"{MODEL}; default: the best by cross-validation")
    own.add_argument("--lungs", help="the same for both lungs; default: the best of the same release")
    own.add_argument(
        "--models", type=Path, default=RESULTS, help="folder of the experiments, or a release (%(default)s)"
    )
    own.add_argument(
        "--series",
        nargs="?",
        default="",
        const=LIST,
        metavar="UID",
        help="UID of the DICOM series, or how it begins; without a UID: list the series and end",
    )
    own.add_argument("--dicom-seg", action="store_true", help="write a DICOM SEG too, for a scan in DICOM")
    own.add_argument(
        "--intensity",
        choices=["hounsfield", "windowed"],
        default="hounsfield",
        help="windowed: grey levels 0 to 255",
    )
    _add_computing(own)
    return parser


def _add_computing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the networks compute."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--threads", type=_count, default=os.cpu_count() or 1)
    parser.add_argument("--step", type=_share, default=0.5, help="distance of tiles, as a share of a tile")
    parser.add_argument(
        "--mirror", action="store_true", help="average over mirrored tiles, eight times as slow"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and up to 1")
    return share


def _segment(options: argparse.Namespace) -> int:
    scans = list_scans(options.scans, options.output)
    if options.series == LIST:
        return _list_series(scans)
    compute = choose_compute(options.device, options.precision, threads=options.threads)
    models = _load_models(options, compute)
    log.info("infection: %s; lungs: %s; on %s; %s", *models.names, compute, NOT_CLINICAL)
    writable_folder(options.output, "choose another folder with --output")
    failed = segment_all(scans, options.output, models, _settings(options, compute))
    log.info("%d of %d scans segmented: %s", len(scans) - len(failed), len(scans), options.output)
    for name, reason in failed.items():
        log.error("not segmented: %s: %s", name, reason)
    return 1 if failed else 0


def _settings(options: argparse.Namespace, compute: Compute) -> Settings:
    inference: Inference = {
        "step": options.step,
        "mirror_axes": [0, 1, 2] if options.mirror else [],
        "tiles": 1,
    }
    return Settings(
        series=options.series,
        windowed=options.intensity == "windowed",
        dicom_seg=options.dicom_seg,
        inference=inference,
        compute=compute,
    )


def _load_models(options: argparse.Namespace, compute: Compute) -> Models:
    """Load the model of the infection and the model of the lungs; a model for both is loaded once.

    Raises:
        InputError: there is no such model, or it does not know what it is to find.
    """
    infection, lungs = find_models(options.model, options.lungs, options.models)
    first, second = load_models((infection, lungs), compute)
    return Models(infection=first, lungs=second, names=(infection.name, lungs.name))


def _list_series(scans: dict[str, Path]) -> int:
    """Print the CT series of all scans, the largest first; return 1 if a scan has none, else 0."""
    status = 0
    for name, path in scans.items():
        try:
            for series in list_series(path):
                log.info("%s: %s", name, series)
        except InputError as error:
            log.error("%s", error)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
