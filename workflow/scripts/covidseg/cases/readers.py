"""Read the cases of a data set from its archives, which config/datasets.yaml describes."""

import csv
from pathlib import Path

from covidseg.archives.archive import Archive
from covidseg.archives.dataset import Dataset, Registry, VolumeKind
from covidseg.archives.members import describe_content, find_members
from covidseg.cases.contours import rasterise
from covidseg.cases.dicom import read_series
from covidseg.cases.stacks import read_stack
from covidseg.errors import InputError
from covidseg.volumes import Volume, parse_volume


def list_cases(dataset: Dataset, raw: Path, names: list[str] | None) -> list[str]:
    """Return the sorted names of the cases that have labels. Each of these cases must have an image.

    Args:
        dataset: entry of the data set in config/datasets.yaml.
        raw: folder of the downloaded archives, with one subfolder per data set.
        names: names of the cases, if the data set has one archive per case. None if the cases share an
            archive: its paths then contain the names.

    Raises:
        InputError: a case has labels but no image, there is no case, or the registry lists other cases.
    """
    labelled = _cases_of(dataset, "labels", raw, names)
    missing = sorted(labelled - _cases_of(dataset, "images", raw, names))
    if missing:
        raise InputError(
            f"{raw / dataset['images']['archive']}: no image of {', '.join(missing)}, which have labels"
        )
    if "registry" in dataset:
        _compare_with_registry(dataset["registry"], raw, labelled)
    return sorted(labelled)


def _compare_with_registry(entry: Registry, raw: Path, labelled: set[str]) -> None:
    path = raw / entry["archive"]
    with Archive(path) as archive:
        rows = list(csv.DictReader(archive.read(archive.names[0]).decode("utf-8-sig").splitlines()))
    columns = list(rows[0]) if rows else []
    missing = {entry["case"], entry["mask"]} - set(columns)
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(sorted(missing))}; correct `registry` in datasets.yaml "
            f"(the columns are {', '.join(columns)})"
        )
    registered = {row[entry["case"]] for row in rows if row[entry["mask"]]}
    if registered != labelled:
        raise InputError(
            f"{path}: {len(registered)} cases have masks by the registry, {len(labelled)} are there; "
            f"different: {', '.join(sorted(registered ^ labelled)[:5])}; correct `cases` in datasets.yaml"
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


def _cases_of(dataset: Dataset, kind: VolumeKind, raw: Path, names: list[str] | None) -> set[str]:
    entry = dataset[kind]
    if "{case}" in entry["archive"]:
        assert names is not None, "the names are known where each case has an archive of its own"
        return set(names)
    pattern, stack = entry["member"], entry["format"] == "slices"
    with Archive(raw / entry["archive"]) as archive:
        found = {match["case"] for match in find_members(archive, pattern, stack=stack).values()}
        if not found:
            raise InputError(
                f"{archive.path}: no file matches {pattern!r}; {describe_content(archive, pattern)}"
            )
    return {dataset["case_name"].format(case=case) for case in found}


def _load(dataset: Dataset, kind: VolumeKind, raw: Path, case: str, image: Volume | None) -> Volume:
    entry = dataset[kind]
    prefix, suffix = dataset["case_name"].split("{case}")
    own_name = case.removeprefix(prefix).removesuffix(suffix)
    path = raw / entry["archive"].format(case=case)
    pattern, stack = entry["member"], entry["format"] == "slices"
    with Archive(path) as archive:
        found = find_members(archive, pattern, own_name, stack=stack)
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
    assert image, "contours are labels, which are drawn on a scan"
    return rasterise(content, entry["roi"], image, f"{path}:{member}")


def _only(members: dict[str, bytes], path: Path, case: str) -> tuple[str, bytes]:
    if len(members) > 1:
        raise InputError(f"{path}: case {case} has {len(members)} files: {', '.join(sorted(members))}")
    return next(iter(members.items()))
