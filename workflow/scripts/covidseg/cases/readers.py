"""Read the cases of a data set from its archives, which config/datasets.yaml describes."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from covidseg.archives.archive import Archive
from covidseg.archives.dataset import Dataset, Members, Registry, VolumeKind
from covidseg.archives.members import ONE_FOLDER, describe_content, find_members, member_expression
from covidseg.cases.choice import choose
from covidseg.cases.contours import rasterise
from covidseg.cases.dicom import read_series
from covidseg.cases.segments import read_segments
from covidseg.cases.stacks import read_stack
from covidseg.errors import InputError
from covidseg.reading import decode, parse_rows
from covidseg.volumes import Volume, parse_volume

NO_LABEL = "no label"
ORDINARY = ("resource fork of macOS", "made by a file manager", "hidden")  # reasons to leave a file out


@dataclass(frozen=True)
class Listing:
    """What the archives of a data set hold.

    Attributes:
        cases: sorted names of the cases that have an image and a label.
        left_out: case -> reason, of those that are not to be read.
        unchosen: number of cases that a user has not chosen.
        passed: path in an archive -> reason, of files that could belong to a case and are not read.
        ordinary: path in an archive -> reason, of files that never belong to a case, such as hidden ones.
        faults: case -> what is wrong, of cases that have a label but no image.
        there: all names of cases in the archives.
    """

    cases: list[str]
    left_out: dict[str, str]
    unchosen: int
    passed: dict[str, str]
    ordinary: dict[str, str]
    faults: dict[str, str]
    there: set[str]


def list_cases(
    dataset: Dataset,
    raw: Path,
    names: list[str] | None,
    *,
    left_out: Mapping[str, str],
    chosen: list[str] | None = None,
) -> Listing:
    """List the cases in the archives of a data set.

    Args:
        dataset: entry of the data set in config/datasets.yaml.
        raw: folder of the downloaded archives, with one subfolder per data set.
        names: names of the cases, if the data set has one archive per case. None if the cases share an
            archive: its paths then contain the names.
        left_out: case that a user leaves out -> reason.
        chosen: names, or patterns of names, of the cases to read; None: all cases.

    Raises:
        InputError: there is no case, the registry lists other cases, or a chosen name or pattern fits none.
    """
    labelled, beside_labels = _cases_of(dataset, "labels", raw, names)
    pictured, beside_images = _cases_of(dataset, "images", raw, names)
    if "registry" in dataset:
        _compare_with_registry(dataset["registry"], raw, labelled, left_out, listed=names is not None)
    there = labelled | pictured
    if chosen:
        kept = choose(chosen, there, f"{raw / dataset['images']['archive']}: cases in datasets.yaml")
        labelled, pictured = labelled & kept, pictured & kept
    beside = beside_images | beside_labels
    passed = {name: reason for name, reason in beside.items() if reason not in ORDINARY}
    without_label = dict.fromkeys(sorted(pictured - labelled), NO_LABEL)
    return Listing(
        cases=sorted((labelled & pictured) - left_out.keys()),
        left_out=without_label | dict(left_out),
        unchosen=len(there) - len(labelled | pictured),
        passed=passed,
        ordinary={name: reason for name, reason in beside.items() if name not in passed},
        faults={
            case: f"{member_name(dataset, 'images', raw, case)}: not there, but {case} has a label"
            for case in sorted(labelled - pictured - left_out.keys())
        },
        there=there,
    )


def _compare_with_registry(
    entry: Registry, raw: Path, labelled: set[str], left_out: Container[str], *, listed: bool
) -> None:
    """Compare the labelled cases with a registry; if a user has listed them, the registry may have more."""
    path = raw / entry["archive"]
    remedy = "correct `registry` in datasets.yaml"
    with Archive(path) as archive:
        text = decode(archive.read(archive.names[0]), str(path), remedy)
    rows = parse_rows(text, str(path), [], remedy)
    columns = list(rows[0]) if rows else []
    missing = {entry["case"], entry["mask"]} - set(columns)
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; {remedy} (the columns are {', '.join(columns)})"
        )
    registered = {row[entry["case"]] for row in rows if row[entry["mask"]]}
    unequal = labelled - registered if listed else labelled ^ registered
    different = sorted(case for case in unequal if case not in left_out)
    if different:
        raise InputError(
            f"{path}: {len(registered)} cases have masks by the registry, {len(labelled)} are there; "
            f"different: {', '.join(different[:5])}; correct `cases` in datasets.yaml"
        )


def load_case(dataset: Dataset, raw: Path, case: str) -> tuple[Volume, Volume, Volume | None]:
    """Read the image, the label map and the lungs of one case: three volumes (z, y, x), LPS.

    Label map and lungs keep the label ids of the archive. The lungs are None if the entry of the data set has
    no key `lungs`.

    Raises:
        InputError: the archive has no file of the case or too many files, or a file is unfit (see
            `parse_volume`, `read_series`, `rasterise` and `read_stack`).
    """
    image = _load(dataset, "images", raw, case, None)
    label = _load(dataset, "labels", raw, case, image)
    if "lungs" not in dataset:
        return image, label, None
    if dataset["lungs"] == dataset["labels"]:
        return image, label, label
    return image, label, _load(dataset, "lungs", raw, case, image)


def member_name(dataset: Dataset, kind: VolumeKind, raw: Path, case: str) -> str:
    """Return the name of a case's files for messages: <archive>:<path in the archive by the pattern>."""
    entry = dataset[kind]
    member = entry["member"].replace("{case}", _own_name(dataset, case))
    return f"{raw / entry['archive'].format(case=case)}:{member}"


def _own_name(dataset: Dataset, case: str) -> str:
    """Return the name that the archive gives to a case."""
    prefix, suffix = dataset["case_name"].split("{case}")
    return case.removeprefix(prefix).removesuffix(suffix)


def _cases_of(
    dataset: Dataset, kind: VolumeKind, raw: Path, names: list[str] | None
) -> tuple[set[str], dict[str, str]]:
    """Return the names of the cases, and path -> reason, of the files that the archive leaves out."""
    entry = dataset[kind]
    if "{case}" in entry["archive"] or "{case}" not in entry["member"]:
        assert names is not None, "the names are known where no archive gives them"
        return set(names), {}
    pattern, stack = entry["member"], entry["format"] == "slices"
    with Archive(raw / entry["archive"]) as archive:
        found = find_members(archive, pattern, stack=stack)
        if not found:
            raise InputError(
                f"{archive.path}: no file matches {pattern!r}; {describe_content(archive, pattern)}"
            )
    cases = {dataset["case_name"].format(case=match["case"]) for match in found.values()}
    others = [name for name in archive.names if name not in found.keys() | archive.left_out]
    return cases, _deeper_files(others, entry) | archive.left_out


def _deeper_files(names: list[str], entry: Members) -> dict[str, str]:
    """Return path -> reason, of the files that would match a pattern without some of their folders.

    Of a stack or a series, the folder is returned instead of every file.
    """
    stack = entry["format"] == "slices"
    expression = re.compile(member_expression(entry["member"], f"(?P<case>{ONE_FOLDER})", stack=stack))
    deeper = [name for name in names if any(map(expression.fullmatch, _with_fewer_folders(name)))]
    if entry["format"] in ("dicom", "slices"):
        deeper = [name.rpartition("/")[0] for name in deeper]
    return dict.fromkeys(deeper, f"has a folder more than {entry['member']!r}")


def _with_fewer_folders(name: str) -> list[str]:
    """Return a path without any one or two of its folders."""
    *folders, file = name.split("/")
    kept = [
        some
        for fewer in (1, 2)
        if fewer <= len(folders)
        for some in combinations(folders, len(folders) - fewer)
    ]
    return ["/".join([*some, file]) for some in kept]


def _load(dataset: Dataset, kind: VolumeKind, raw: Path, case: str, image: Volume | None) -> Volume:
    entry = dataset[kind]
    path = raw / entry["archive"].format(case=case)
    pattern, own_name = entry["member"], _own_name(dataset, case)
    with Archive(path) as archive:
        found = find_members(archive, pattern, own_name, stack=entry["format"] == "slices")
        members = {member: archive.read(member) for member in found}
        if not members:
            held = describe_content(archive, pattern.replace("{case}", own_name))
            raise InputError(f"{path}: no file matches {pattern!r} for case {case}; {held}")
    if entry["format"] == "dicom":
        return read_series(members, str(path), missing_slices=dataset.get("missing_slices", "fill"))
    if entry["format"] == "slices":
        return read_stack(members, found, spacing=entry.get("spacing"), image=image, name=str(path))
    member, content = _only(members, path, case)
    if entry["format"] == "nifti":
        return parse_volume(content, f"{path}:{member}")
    assert image, "contours and segments are labels, which are drawn on a scan"
    if entry["format"] == "seg":
        return read_segments(content, entry.get("roi"), image, f"{path}:{member}", case=case)
    return rasterise(content, entry["roi"], image, f"{path}:{member}", case=case)


def _only(members: dict[str, bytes], path: Path, case: str) -> tuple[str, bytes]:
    if len(members) > 1:
        raise InputError(f"{path}: case {case} has {len(members)} files: {', '.join(sorted(members))}")
    return next(iter(members.items()))
