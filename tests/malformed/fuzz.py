"""A fuzzer of headers: random changes of valid files must give a value or an InputError of one line.

Usage: python tests/malformed/fuzz.py [--seed N] [--tries N] [--seconds S] [--target NAME] [--only NAME:SEED:NUMBER]

Every target runs in a process of its own, whose address space is bounded to MEMORY_BYTES above what the process
has at its start, and which may write nowhere but in an empty folder. A process that crashes, or that needs more
than SECONDS for one try, is a fault as well. --only repeats one try.
"""

import argparse
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "workflow" / "scripts")]

from covidseg.errors import InputError  # noqa: E402
from malformed import archives, contours, dicom, models, nifti  # noqa: E402
from malformed.campaign import bounded, is_plain, temporary_files_in  # noqa: E402

HANGING = 60  # seconds without a new try after which a process is ended
WRITTEN = {
    "open": 0,
    "os.mkdir": 0,
    "os.rename": 1,
    "os.symlink": 1,
    "os.link": 1,
}  # event -> place of the path
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EXTREMES = (
    0,
    1,
    -1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    1 << 31,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 62,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
ODD = (None, True, -1, 0, 1e308, 10**30, "", "x", [], {}, [[]], "NaN", -0.5, "../x")
NUMBERS = (0.0, -1.0, float("nan"), float("inf"), 1e-40, 3e38)


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes:
        seeds: valid files.
        read: reads a file through the project, and raises AssertionError if its value cannot be right.
        header: number of bytes, from the start, that are changed; negative: from the end; 0: anywhere.
        change: how a file is changed: `change_bytes` or `change_json`.
    """

    seeds: tuple[bytes, ...]
    read: Callable[[bytes, Path], Any]
    header: int = 0
    change: str = "bytes"


def change_bytes(content: bytes, dice: random.Random, header: int) -> bytes:
    """Change one to four places of a file: bits, bytes, numbers of every width, and pieces."""
    found = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        low, high = (0, min(header, len(found))) if header >= 0 else (max(0, len(found) + header), len(found))
        place = dice.randrange(low, high or len(found)) if found else 0
        width = dice.choice((1, 2, 4, 8))
        kind = dice.randrange(7)
        if kind == 0 and found:
            found[place] ^= 1 << dice.randrange(8)
        elif kind == 1:
            found[place : place + width] = dice.randbytes(width)
        elif kind == 2:
            value = dice.choice(EXTREMES) & ((1 << 8 * width) - 1)
            found[place : place + width] = value.to_bytes(width, dice.choice(("little", "big")))
        elif kind == 3:
            found[place : place + 4] = struct.pack("<f", dice.choice(NUMBERS))
        elif kind == 4:
            del found[place : place + dice.randint(1, 40)]
        elif kind == 5:
            found[place:place] = found[place : place + dice.randint(1, 40)]
        elif dice.random() < 0.3:
            del found[dice.randrange(len(found) + 1) :]
    return bytes(found)


def change_json(content: bytes, dice: random.Random, _: int) -> bytes:
    """Replace or remove a random value of a JSON text, and sometimes some of its bytes."""
    tree = json.loads(content)
    for _ in range(dice.randint(1, 2)):
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = dice.choice(keys)
            if isinstance(node[key], dict | list) and node[key] and dice.random() < 0.7:
                node = node[key]
                continue
            if dice.random() < 0.2:
                del node[key]
            else:
                node[key] = dice.choice(ODD)
            break
    text = json.dumps(tree).encode()
    return change_bytes(text, dice, 0) if dice.random() < 0.3 else text


def written(name: str, content: bytes, folder: Path) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def read_model(content: bytes, folder: Path) -> None:
    models.model(lambda work: (work / "model.json").write_bytes(content))(folder)


def read_tensors(content: bytes, folder: Path) -> None:
    models.read_tensors(written("x.safetensors", content, folder))


def read_archive(content: bytes, folder: Path) -> None:
    for name in archives.members_of(written("x.zip", content, folder)):
        assert not name.startswith("/"), name
        assert ".." not in Path(name).parts, name


def read_nifti(content: bytes, folder: Path) -> None:
    found = nifti.read_volume(written("scan.nii.gz", content, folder))
    assert found.array.ndim == 3
    assert nifti.np.isfinite(found.geometry.affine).all(), found.geometry.affine
    assert min(found.geometry.spacing) > 0, found.geometry.spacing


def read_slice(content: bytes, folder: Path) -> None:
    found = dicom.read(lambda: dicom.FILES | {"1-003.dcm": content})(folder)
    assert found.array.dtype == dicom.np.int16
    assert dicom.np.isfinite(found.geometry.affine).all(), found.geometry.affine


def read_contours(content: bytes, folder: Path) -> None:
    found = contours.read(content)(folder)
    assert set(contours.np.unique(found.array)) <= {0, 1}


def model_text() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        models.save_model(
            Path(folder, "model.safetensors"), models.NETWORK, models.describe(models.SMALL_NETWORK)
        )
        return Path(folder, "model.json").read_bytes()


def targets() -> dict[str, Target]:
    """Return name -> target."""
    zips = (archives.zipped(), archives.zipped(compression=archives.zipfile.ZIP_DEFLATED))
    tars = (
        archives.tarred(),
        archives.tarred(format=archives.tarfile.GNU_FORMAT),
        archives.tarred({"x" * 200: b"1"}),
    )
    return {
        "nifti": Target(
            (nifti.PLAIN, nifti.nifti_bytes(nifti.SCAN), nifti.stored_as(nifti.np.float32)), read_nifti, 352
        ),
        "dicom": Target((dicom.FILES["1-003.dcm"],), read_slice),
        "rtstruct": Target(
            (contours.bytes_of(contours.structures(contours.OUTER, contours.INNER)),), read_contours
        ),
        "zip": Target(zips, read_archive, -300),
        "tar": Target((*tars, archives.tarred(mode="w:gz")), read_archive, 1024),
        "safetensors": Target(
            (models.safetensors.torch.save({"a": models.torch.ones(4), "b": models.torch.ones(2)}),),
            read_tensors,
            160,
        ),
        "model.json": Target((model_text(),), read_model, change="json"),
    }


def content_of(target: Target, name: str, seed: int, number: int) -> bytes:
    """Return the file of one try; it depends on the target's name, the seed and the number alone."""
    dice = random.Random(f"{name} {seed} {number}")
    change = {"bytes": change_bytes, "json": change_json}[target.change]
    return change(dice.choice(target.seeds), dice, target.header)


def attempt(target: Target, content: bytes, folder: Path) -> str:
    """Read a file; return "read", "refused", or the fault in words."""
    try:
        with bounded():
            target.read(content, folder)
    except InputError as error:
        line = str(error).replace(str(folder), "")
        return "refused" if is_plain(line) else f"not in one plain line: {line!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "read"


def guard(allowed: Path) -> None:
    """Let this process write in one folder only."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in WRITTEN or (event == "open" and not arguments[2] & WRITING):
            return
        place = arguments[WRITTEN[event]]
        if isinstance(place, str | bytes):  # and not an open file
            path = os.path.realpath(os.fsdecode(place))
            assert path.startswith((str(allowed), "/dev/null")), f"{event} writes to {path}"

    sys.addaudithook(refuse)


def hunt(name: str, target: Target, seed: int, tries: int, seconds: float, *, place: Any, pipe: Any) -> None:
    """Try `tries` files, or as many as `seconds` allow; send the numbers of each result, and the faults."""
    logging.disable()
    warnings.simplefilter("ignore")
    counts, faults, begun = {"read": 0, "refused": 0}, {}, time.monotonic()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent).resolve()
        guard(folder)
        while place.value < tries and time.monotonic() - begun < seconds:
            work = folder / str(place.value)
            work.mkdir()
            with temporary_files_in(work):
                result = attempt(target, content_of(target, name, seed, place.value), work)
            if result in counts:
                counts[result] += 1
            else:
                faults.setdefault(result[:60], f"--only {name}:{seed}:{place.value}: {result}")
            shutil.rmtree(work)
            place.value += 1
    pipe.send((counts, list(faults.values())))


def run(name: str, target: Target, seed: int, tries: int, seconds: float) -> tuple[dict[str, int], list[str]]:
    """Hunt in a process of its own; a crash and a hang are faults that name the number of the try."""
    context = multiprocessing.get_context("fork")
    place, (receiver, sender) = context.Value("q", 0), context.Pipe(duplex=False)
    process = context.Process(
        target=hunt, args=(name, target, seed, tries, seconds), kwargs={"place": place, "pipe": sender}
    )
    process.start()
    sender.close()
    last, since = -1, time.monotonic()
    while not receiver.poll(0.2) and process.is_alive():
        if place.value != last:
            last, since = place.value, time.monotonic()
        if time.monotonic() - since > HANGING:
            process.kill()
    try:
        result = receiver.recv()
    except EOFError:
        process.join()
        cause = (
            signal.Signals(-process.exitcode).name
            if (process.exitcode or 0) < 0
            else f"status {process.exitcode}"
        )
        result = {}, [f"--only {name}:{seed}:{place.value}: the process ended with {cause}"]
    process.join()
    return result


def main() -> int:
    """Hunt in every target; print the numbers and the faults, and return 1 if there is a fault."""
    known = targets()
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options.add_argument("--tries", type=int, default=1 << 62, help="per kind of file")
    options.add_argument("--seconds", type=float, default=float("inf"), help="per kind of file")
    options.add_argument("--target", choices=list(known), action="append")
    options.add_argument("--only", help="target:seed:number of one try, whose error is raised")
    asked = options.parse_args()
    if asked.only:
        name, seed, number = asked.only.split(":")
        with tempfile.TemporaryDirectory() as folder:
            known[name].read(content_of(known[name], name, int(seed), int(number)), Path(folder))
        return 0
    print(f"seed {asked.seed}")
    found = 0
    for name in asked.target or known:
        counts, faults = run(name, known[name], asked.seed, asked.tries, asked.seconds)
        print(f"{name}: {counts}, {len(faults)} faults", *faults, sep="\n  ", flush=True)
        found += len(faults)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
