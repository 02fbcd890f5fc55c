"""Files of models: safetensors, model.json and saved states, cut, edited by hand or of another model."""

import io
import json
import pickle
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from conftest import SMALL_NETWORK, describe
from covidseg.training.lease import leased
from covidseg.training.network import build_network
from covidseg.training.state import Progress, State
from covidseg.training.weights import load_model, read_tensors, save_model
from malformed.campaign import Input, refused, right

Change = Callable[[Path], Any]
NETWORK = build_network(SMALL_NETWORK, classes=2, seed=5)
TENSORS = dict(NETWORK.named_parameters())
FIRST = min(TENSORS)


def model(change: Change) -> Callable[[Path], nn.Module]:
    """Return a function that loads a model after a change of its files."""

    def run(folder: Path) -> nn.Module:
        save_model(folder / "model.safetensors", NETWORK, describe(SMALL_NETWORK))
        change(folder)
        return load_model(folder / "model.safetensors")[0]

    return run


def described(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Return a change of the content of model.json."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / "model.json").read_text())
        change(content)
        (folder / "model.json").write_text(json.dumps(content))

    return apply


def tensors(change: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    """Return a change of the tensors, which model.json then describes."""

    def apply(folder: Path) -> None:
        changed = {name: tensor.detach().clone() for name, tensor in TENSORS.items()}
        change(changed)
        holder = nn.Module()
        holder.named_parameters = lambda: iter(changed.items())
        save_model(folder / "model.safetensors", holder, describe(SMALL_NETWORK))

    return apply


def is_model(found: nn.Module) -> None:
    for name, parameter in found.named_parameters():
        assert torch.equal(parameter, TENSORS[name]), name


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from weights()
    yield from descriptions()
    yield from containers()
    yield from states()


def weights() -> Iterator[Input]:
    yield right("as it is", model(lambda _: None), is_model)
    yield right("an additional file", model(lambda folder: (folder / "notes.txt").touch()), is_model)
    wrong = "model.safetensors"
    yield refused("no weights", model(lambda folder: (folder / wrong).unlink()), wrong)
    yield refused(
        "a byte of the weights changed",
        model(lambda folder: (folder / wrong).write_bytes((folder / wrong).read_bytes()[:-1] + b"\x55")),
        wrong,
        "model.json",
    )
    for name, change, *says in (
        ("a tensor less", lambda found: found.pop(FIRST), FIRST), ("a tensor more", lambda found: found.update(extra=torch.zeros(1)), "extra"),
        ("a tensor of another shape", lambda found: found.update({FIRST: torch.zeros(3, 3)}), FIRST, "(3, 3)"),
        ("weights that are NaN", lambda found: found[FIRST].fill_(torch.nan), FIRST, "finite"), ("weights that are infinite", lambda found: found[FIRST].fill_(torch.inf), FIRST),
        ("weights that are whole numbers", lambda found: found.update({FIRST: found[FIRST].long()}), FIRST),
    ):  # fmt: skip
        yield refused(name, model(tensors(change)), wrong, *says)


def descriptions() -> Iterator[Input]:
    yield refused("no tensor", model(tensors(dict.clear)), "model.json", "0 of the weights")
    yield right(
        "model.json: of an older version", model(described(lambda found: found.pop("parameters"))), is_model
    )
    yield right(
        "model.json: a byte order mark",
        model(lambda folder: prefix(folder / "model.json", b"\xef\xbb\xbf")),
        is_model,
    )
    yield right(
        "model.json: an unknown entry", model(described(lambda found: found.update(note="mine"))), is_model
    )
    for key in (
        "plan",
        "normalisation",
        "labels",
        "schedule",
        "lineage",
        "fingerprint",
        "architecture",
        "weights_sha256",
        "versions",
    ):
        yield refused(
            f"model.json: without {key}",
            model(described(lambda found, key=key: found.pop(key))),
            "model.json",
            key,
        )
    for key, value in (
        ("labels", []), ("labels", "lesion"), ("labels", None), ("architecture", {}), ("architecture", "unet"), ("architecture", [1]), ("weights_sha256", None),
        ("weights_sha256", "0" * 64), ("format", 99), ("format", "one"), ("plan", None), ("plan", {"spacing": [1, 1], "patch": [4, 16, 16]}),
        ("normalisation", {"window_hu": ["low", "high"]}),
    ):  # fmt: skip
        yield refused(
            f"model.json: {key} {value!r:.30}",
            model(described(lambda found, key=key, value=value: found.update({key: value}))),
            "model",
            "json",
        )
    for key, value in (
        ("features", [4, 8, 16]), ("features", []), ("features", [4, -8]), ("features", [4, 10**9]), ("features", "48"), ("kernels", [[1, 3], [3, 3]]), ("strides", [[1, 1, 1], [0, 2, 2]]),
        ("design", "vnet"), ("design", None), ("convolutions", {"encoder": [1, 1]}), ("heads", 0), ("heads", "two"),
    ):  # fmt: skip
        change = described(lambda found, key=key, value=value: found["architecture"].update({key: value}))
        yield refused(f"model.json: architecture.{key} {value!r}", model(change), "model.", "architecture")
    for name, content in (
        ("empty", b""), ("cut", b'{"format": 1, "pl'), ("a list", b"[]"), ("a word", b'"model"'), ("nothing", b"null"), ("HTML", b"<html></html>"), ("UTF-16", "{}".encode("utf-16")),
        ("not UTF-8", b'{"device": "J\xfcrgen"}'), ("nested 100 000 times", b"[" * 100_000), ("a number of 5000 digits", b'{"format": ' + b"9" * 5000 + b"}"), ("zeros", bytes(100)),
    ):  # fmt: skip
        yield refused(
            f"model.json: {name}",
            model(lambda folder, content=content: (folder / "model.json").write_bytes(content)),
            "model.json",
        )
    yield refused(
        "model.json: not there", model(lambda folder: (folder / "model.json").unlink()), "model.json"
    )
    yield refused(
        "model.json: a folder",
        model(lambda folder: [(folder / "model.json").unlink(), (folder / "model.json").mkdir()]),
        "model.json",
    )


def prefix(path: Path, content: bytes) -> None:
    path.write_bytes(content + path.read_bytes())


def packed(header: Any, data: bytes = bytes(16), length: int | None = None) -> bytes:
    """Return a safetensors file with a header of one's own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def containers() -> Iterator[Input]:
    """Safetensors files as such."""

    def read(content: bytes) -> Callable[[Path], dict[str, torch.Tensor]]:
        def run(folder: Path) -> dict[str, torch.Tensor]:
            (folder / "x.safetensors").write_bytes(content)
            return read_tensors(folder / "x.safetensors")

        return run

    def is_zeros(found: dict[str, torch.Tensor], names: tuple[str, ...] = ("a",)) -> None:
        assert tuple(found) == names
        assert all(not tensor.any() for tensor in found.values())

    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    yield right("safetensors: one tensor", read(packed({"a": one})), is_zeros)
    yield right("safetensors: with metadata", read(packed({"__metadata__": {"k": "v"}, "a": one})), is_zeros)
    yield right(
        "safetensors: spaces after the header",
        read(packed(json.dumps({"a": one}).encode() + b"    ")),
        is_zeros,
    )
    yield right("safetensors: no tensor", read(packed({}, b"")), partial(is_zeros, names=()))
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(4)}, buffer)
    whole = safetensors.torch.save({"a": torch.ones(4), "b": torch.ones(2)})
    for name, content in (
        ("empty", b""), ("seven bytes", bytes(7)), ("zeros", bytes(64)), ("a pickle", pickle.dumps({"a": 1})), ("a file of torch.save", buffer.getvalue()), ("HTML", b"<html></html>" * 9),
        ("a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\n"), ("cut in its header", whole[:20]), ("cut in its data", whole[:-3]), ("longer than its header says", whole + bytes(9)),
        ("header of 2^63 bytes", packed({"a": one}, length=1 << 63)), ("header of 2^64 - 1 bytes", packed({"a": one}, length=(1 << 64) - 1)), ("header longer than the file", packed({"a": one}, length=5000)),
        ("header of no JSON", packed(b"{'a': 1}")), ("header that is a list", packed([])), ("header not UTF-8", packed(b'{"\xff": 1}')), ("header nested", packed(b"[" * 50_000)), ("header twice the key", packed(b'{"a":' + json.dumps(one).encode() + b',"a":' + json.dumps(one).encode() + b"}")),
        ("metadata that is a number", packed({"__metadata__": {"k": 1}, "a": one})),
    ):  # fmt: skip
        yield (
            refused(f"safetensors: {name}", read(content), "x.safetensors")
            if name != "header twice the key"
            else right(f"safetensors: {name}", read(content), is_zeros)
        )
    for key, value in (
        ("dtype", "F33"), ("dtype", 5), ("shape", [5]), ("shape", [-4]), ("shape", [1 << 62, 4]), ("shape", "4"), ("shape", [4.0]), ("data_offsets", [0, 17]), ("data_offsets", [16, 0]),
        ("data_offsets", [-16, 0]), ("data_offsets", [0]), ("data_offsets", [1 << 63, 1 << 63]), ("data_offsets", [4, 16]),
    ):  # fmt: skip
        yield refused(f"safetensors: {key} {value}", read(packed({"a": one | {key: value}})), "x.safetensors")
    yield refused("safetensors: overlapping tensors", read(packed({"a": one, "b": one})), "x.safetensors")


def states() -> Iterator[Input]:
    saved = {"weight.a": torch.arange(4.0), "random": torch.zeros(8, dtype=torch.uint8)}
    progress = Progress(
        epoch=3, iteration=5, sums={"loss": 1.5}, rows=[{"epoch": 1.0}], snapshots={"x": torch.ones(2)}
    )

    def state(change: Change, fingerprint: str = "f") -> Callable[[Path], Any]:
        def run(folder: Path) -> Any:
            with leased(folder / "state") as lease:
                State(folder / "state", "f", lease).save(saved, progress)
                change(folder / "state" / "state.safetensors")
                return State(folder / "state", fingerprint, lease).load()

        return run

    def is_state(found: Any) -> None:
        assert np.array_equal(found[0]["weight.a"], saved["weight.a"])
        assert (found[1].epoch, found[1].iteration, found[1].sums, list(found[1].snapshots)) == (
            3,
            5,
            {"loss": 1.5},
            ["x"],
        )

    def is_anew(found: Any) -> None:
        assert found is None

    def with_metadata(metadata: dict[str, str] | None) -> Change:
        return lambda path: path.write_bytes(safetensors.torch.save(saved, metadata))

    yield right("state: as it is", state(lambda _: None), is_state)
    yield right("state: of another configuration", state(lambda _: None, "g"), is_anew)
    yield right("state: without metadata", state(with_metadata(None)), is_anew)
    yield right("state: without fingerprint", state(with_metadata({"progress": "{}"})), is_anew)
    yield right("state: not there", state(Path.unlink), is_anew)
    for name, change in (
        ("empty", lambda path: path.write_bytes(b"")), ("cut", lambda path: path.write_bytes(path.read_bytes()[:-7])), ("zeros", lambda path: path.write_bytes(bytes(3000))),
        ("without progress", with_metadata({"fingerprint": "f"})),
        ("progress of no JSON", with_metadata({"fingerprint": "f", "progress": "{"})), ("progress that is a list", with_metadata({"fingerprint": "f", "progress": "[]"})),
        ("progress of a later version", with_metadata({"fingerprint": "f", "progress": '{"epoch": 3, "hours": 2}'})), ("a folder", lambda path: [path.unlink(), path.mkdir()]),
    ):  # fmt: skip
        yield refused(f"state: {name}", state(change), "state.safetensors", "delete")
