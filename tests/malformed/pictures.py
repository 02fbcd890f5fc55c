"""Stacks of pictures: numbers in names, sizes, colours, bits and damage; and pictures with image-level labels."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from covidseg.cases.readers import load_case
from covidseg.volumes import Volume
from covidseg.weak.slices import Slices, read_slices
from malformed.campaign import Input, refused, right
from malformed.cases import Ingested, entry, ingested, pack

CT = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
MASK = np.zeros((3, 4), np.uint8)
MASK[0, 3] = 255
ENTRY = {
    "images": {"archive": "own/slices.zip", "member": "{case}/ct/*.png", "format": "slices", "spacing": [5, 1.5, 0.75]},
    "labels": {"archive": "own/slices.zip", "member": "{case}/mask/*.png", "format": "slices", "map": {0: 0, 255: 1}},
    "intensity": {"*": "grey"},
}  # fmt: skip
Members = dict[str, bytes]


def png(array: np.ndarray | Image.Image, kind: str = "png", **how: Any) -> bytes:
    buffer = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(buffer, kind, **how)
    return buffer.getvalue()


def stack(*names: str) -> Members:
    """Return pictures and masks of the case a; the first pixel is the place of the picture in `names`."""
    found = {}
    for place, name in enumerate(names):
        picture = CT.copy()
        picture[0, 0] = place
        found |= {f"a/ct/{name}.png": png(picture), f"a/mask/{name}.png": png(MASK)}
    return found


def read(members: Members, **changes: Any) -> Callable[[Path], tuple[Volume, Volume]]:
    """Return a function that packs pictures and reads the scan and the label of the case a."""

    def run(folder: Path) -> tuple[Volume, Volume]:
        pack(folder / "raw" / "own" / "slices.zip", members)
        return load_case(entry(**ENTRY | changes), folder / "raw", "a")[:2]

    return run


def ingested_stack(members: Members, folder: Path) -> Ingested:
    pack(folder / "raw" / "own" / "slices.zip", members)
    return ingested(folder, entry(archives={"slices.zip": {"address": None}}, **ENTRY))


def is_stack(found: tuple[Volume, Volume], order: tuple[int, ...], picture: np.ndarray = CT) -> None:
    """Assert that the pictures lie in this order, from the lowest slice up, with their masks."""
    image, label = found
    assert image.array[:, 0, 0].tolist() == list(order), image.array[:, 0, 0].tolist()
    np.testing.assert_array_equal(image.array[0, 1:], picture[1:])
    assert image.geometry.spacing == (5, 1.5, 0.75)
    assert np.argwhere(label.array == 255).tolist() == [[z, 0, 3] for z in range(len(order))]


def inputs() -> Iterator[Input]:
    """Yield the inputs of this family."""
    yield from numbers()
    yield from levels()
    yield from unfit()
    yield from weak()


def numbers() -> Iterator[Input]:
    for names, order in (
        (("1", "2", "10"), (0, 1, 2)), (("10", "9", "8"), (2, 1, 0)), (("003", "02", "1"), (2, 1, 0)), (("only",), (0,)),
        (("-12.5", "-2.5", "7.5"), (0, 1, 2)), (("7.5", "-2.5", "-12.5"), (2, 1, 0)), (("-10", "-5", "0", "5"), (0, 1, 2, 3)),
        (("z-10", "z-5", "z0"), (0, 1, 2)), (("+5", "0", "-5"), (2, 1, 0)), (("1.25", "1.50", "1.75"), (0, 1, 2)),
        (("p1_s1", "p1_s2", "p1_s12"), (0, 1, 2)), (("s3_of_3", "s1_of_3", "s2_of_3"), (1, 2, 0)),
        (("IM-0001-0010", "IM-0001-0009"), (1, 0)), (("2020-04-20_2", "2020-04-20_1"), (1, 0)), (("0", "1"), (0, 1)),
        (("99999999999999999999", "100000000000000000000"), (0, 1)),
    ):  # fmt: skip
        yield right(f"slices {', '.join(names)}", read(stack(*names)), partial(is_stack, order=order))
    yield refused(
        "slices without numbers", read(stack("low", "middle", "high")), "slices.zip:a/ct/", "number"
    )
    yield refused("slices 1 and 01", read(stack("1", "01", "2")), "slices.zip:a/ct/", "1.png", "number")
    yield refused(
        "slices 1.5 and 1.25", read(stack("1.25", "1.5", "1.75")), "slices.zip:a/ct/1.25.png", "decimal point"
    )
    yield refused("no slice", read({"readme.txt": b"x"}), "slices.zip", "{case}/ct/*.png", "readme.txt")


def levels() -> Iterator[Input]:
    def of(picture: Any, **how: Any) -> Callable[[Path], tuple[Volume, Volume]]:
        return read(stack("1", "2") | {f"a/ct/{n}.png": png(picture, **how) for n in (1, 2)})

    wide = CT.astype(np.uint16) * 250
    yield right("grey levels of 16 bits", of(wide), partial(is_stack, order=(0, 0), picture=wide))
    yield right(
        "JPEG named .png",
        of(np.full((3, 4), 7, np.uint8), kind="jpeg"),
        partial(is_stack, order=(7, 7), picture=np.full((3, 4), 7)),
    )
    for mode in ("RGB", "P"):
        yield right(
            f"grey levels stored as {mode}",
            of(Image.fromarray(CT).convert(mode)),
            partial(is_stack, order=(0, 0)),
        )
    bits = np.where(CT > 100, 255, 0)
    yield right(
        "one bit",
        of(Image.fromarray(bits.astype(np.uint8)).convert("1")),
        partial(is_stack, order=(0, 0), picture=bits),
    )
    yield right("interlaced", of(Image.fromarray(CT), interlace=1), partial(is_stack, order=(0, 0)))
    coloured = np.stack([CT, CT, CT + 1], -1)
    for mode, picture in (
        ("RGB", coloured),
        ("RGBA", np.stack([CT, CT, CT, CT], -1)),
        ("LA", None),
        ("CMYK", None),
    ):
        shown = Image.fromarray(CT).convert(mode) if picture is None else Image.fromarray(picture, mode)
        how = {"kind": "tiff"} if mode == "CMYK" else {}
        yield refused(f"colours or transparency: {mode}", of(shown, **how), "slices.zip:a/ct/1.png", mode)


def unfit() -> Iterator[Input]:
    two = stack("1", "2")
    other = {"larger": png(np.zeros((3, 5), np.uint8)), "deeper": png(CT.astype(np.uint16))}
    for name, content in other.items():
        yield refused(
            f"a picture {name} than the others",
            read(two | {"a/ct/2.png": content}),
            "slices.zip:a/ct/2.png",
            "3",
        )
    masks = two | {f"a/mask/{n}.png": png(np.zeros((3, 5), np.uint8)) for n in (1, 2)}
    yield refused("masks of another size", partial(ingested_stack, masks), "slices.zip", "a", "shape", "5")
    whole = png(np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8))
    broken = {
        "empty": b"", "HTML": b"<html></html>", "cut": whole[: len(whole) // 2], "cut at its end": whole[:-16], "cut in its header": whole[:20],
        "a changed byte": whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:], "no pixels": whole[:16] + bytes(8) + whole[24:],
        "of 4 gigapixels": whole[:16] + (65000).to_bytes(4, "big") * 2 + whole[24:], "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "a header of JPEG alone": b"\xff\xd8\xff\xe0",
    }  # fmt: skip
    for name, content in broken.items():
        yield refused(f"picture: {name}", read(two | {"a/ct/2.png": content}), "slices.zip:a/ct/2.png")
    for kind in ("mask", "ct"):
        yield refused(
            f"a picture only in {kind}",
            read(two | {f"a/{kind}/3.png": two[f"a/{kind}/1.png"]}),
            f"slices.zip:a/{kind}/3.png",
            "mask" if kind == "ct" else "image",
        )
    several = Image.fromarray(CT)
    frames = png(several, "gif", save_all=True, append_images=[several.rotate(180)])
    yield refused("an animation", read(two | {"a/ct/2.png": frames}), "slices.zip:a/ct/2.png")
    grey = two | {"a/mask/2.png": png(MASK // 2)}
    yield refused(
        "a grey level that the map lacks", partial(ingested_stack, grey), "slices.zip", "a", "127", "[0, 255]"
    )


def weak() -> Iterator[Input]:
    """Slices with image-level labels."""
    dataset: Any = {
        "slices": {
            "archive": "own/slices.zip",
            "normal": "n/{case}.png",
            "lesion": "l/{case}.png",
            "masks": "m/{case}.png",
        }
    }
    by_mask: Any = {
        "slices": {
            "archive": "own/slices.zip",
            "images": "image/{case}.jpg",
            "masks": "mask/{case}.png",
            "lungs": [1, 2],
            "lesions": [2],
        }
    }
    counts: Any = {"train_normal": None, "train_lesion": None, "test_lesion": 1}

    def of(members: Members, dataset: Any = dataset) -> Callable[[Path], dict[str, Slices]]:
        def run(folder: Path) -> dict[str, Slices]:
            pack(folder / "own" / "slices.zip", members)
            return read_slices(dataset, folder, size=4, mask_level=128, counts=counts, seed=1)

        return run

    square, spot = png(np.full((4, 4), 90, np.uint8)), png(np.pad(np.full((1, 1), 255, np.uint8), (0, 3)))
    whole = {f"{kind}/{n}.png": square for kind in "nl" for n in (1, 2)} | {
        f"m/{n}.png": spot for n in (1, 2)
    }

    def are(found: dict[str, Slices]) -> None:
        assert {name: len(part.names) for name, part in found.items()} == {
            "train_normal": 2,
            "train_lesion": 1,
            "test_lesion": 1,
        }
        assert found["test_lesion"].masks is not None
        assert found["test_lesion"].masks.sum() == 1

    yield right("weak: slices of two folders", of(whole), are)
    yield right(
        "weak: grey levels stored as RGBA",
        of(whole | {"n/1.png": png(Image.open(io.BytesIO(square)).convert("RGBA"))}),
        are,
    )
    yield refused(
        "weak: a lesion without mask",
        of({name: one for name, one in whole.items() if name != "m/2.png"}),
        "slices.zip",
        "2",
        "mask",
    )
    yield refused(
        "weak: no normal slice",
        of({name: one for name, one in whole.items() if name[0] != "n"}),
        "slices.zip",
        "n/{case}.png",
    )
    empty = {f"m/{n}.png": png(np.zeros((4, 4), np.uint8)) for n in (1, 2)}
    yield refused("weak: all masks empty", of(whole | empty), "slices.zip", "test_lesion")
    yield refused("weak: a cut picture", of(whole | {"l/2.png": square[:30]}), "slices.zip:l/2.png")
    ids = {n: png(np.full((4, 4), value, np.uint8)) for n, value in ((1, 1), (2, 2), (3, 2))}
    apart = {f"image/{n}.jpg": png(np.full((4, 4), 90, np.uint8), "jpeg") for n in ids} | {
        f"mask/{n}.png": one for n, one in ids.items()
    }

    def by_ids(found: dict[str, Slices]) -> None:
        assert {name: len(part.names) for name, part in found.items()} == {
            "train_normal": 1,
            "train_lesion": 1,
            "test_lesion": 1,
        }

    yield right("weak: slices told apart by masks", of(apart, by_mask), by_ids)
    yield right(
        "weak: an image without mask", of(apart | {"image/4.jpg": apart["image/1.jpg"]}, by_mask), by_ids
    )
    yield refused(
        "weak: names in capitals",
        of({name.upper(): one for name, one in apart.items()}, by_mask),
        "slices.zip",
    )
