"""Read where an archive comes from and which checksums it must have, from datasets.yaml and its tables."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from covidseg.archives.checksums import ALGORITHMS
from covidseg.archives.dataset import Dataset, Datasets, Kind, Members, Pictures
from covidseg.archives.folders import state_of
from covidseg.errors import InputError, told_together
from covidseg.reading import read_rows

KINDS: tuple[Kind, ...] = ("images", "labels", "lungs", "slices")  # keys with patterns of paths
ARCHIVED: tuple[Kind | Literal["registry"], ...] = (*KINDS, "registry")  # keys with an archive


@dataclass(frozen=True)
class Origin:
    """Where one archive comes from, and how to verify the archive.

    Attributes:
        addresses: addresses to try in turn, until one works: http:, https:, file: (a folder is packed into a
            zip), idc: or tcia: (then a table of series in the folder of datasets.yaml, "#" and a case). An
            empty list means that a user downloads the archive by hand.
        checksums: any of the keys sha256, md5, git_blob and bytes.
        record: address of a Zenodo record that states the size and the MD5 checksum, or None.
        homepage: address of the data set's page, where a user can register.
        members: pattern of paths -> names of the cases that the pattern must find in an archive downloaded by
            hand; None if any names will do.
    """

    addresses: list[str]
    checksums: Mapping[str, object]
    record: str | None = None
    homepage: str = ""
    members: dict[str, list[str] | None] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether all addresses are files or folders on the user's own machine."""
        return bool(self.addresses) and all(address.startswith("file:") for address in self.addresses)

    def local_state(self) -> list[str]:
        """Return the state (see `state_of`) of every file or folder on the user's own machine.

        Raises:
            InputError: all addresses are on this machine, and none of them can be read.
        """
        states = []
        for address in self.addresses:
            if address.startswith("file:"):
                try:
                    states.append(state_of(local_path(address)))
                except InputError:
                    if self.is_local and address == self.addresses[-1] and not states:
                        raise
        return states


def local_path(address: str) -> Path:
    """Return the path of the file or folder that a file: address names."""
    return Path(unquote(address.removeprefix("file:").removeprefix("//").removeprefix("localhost")))


def read_origin(datasets: Datasets, host: str, archive: str, folder: Path) -> Origin:
    """Return the origin of data/raw/<host>/<archive>.

    Args:
        datasets: content of datasets.yaml.
        host: name of the data set whose entry lists the archive.
        archive: file name of the archive. It may fit a name with {case}, which stands for many archives.
        folder: folder of datasets.yaml.

    Raises:
        InputError: the table of checksums does not exist, or has no row of the archive.
    """
    template, case = _entry_of(datasets[host]["archives"], archive)
    entry = datasets[host]["archives"][template]
    addresses = entry["address"] or []
    addresses = [addresses] if isinstance(addresses, str) else addresses
    fields: Mapping[str, object] = entry
    checksums = {name: fields[name] for name in (*ALGORITHMS, "bytes") if name in fields}
    if "checksums" in entry:
        checksums |= _row(folder / entry["checksums"], archive)
    return Origin(
        [address.format(case=case) for address in addresses],
        checksums,
        datasets[host].get("record"),
        datasets[host]["homepage"],
    )


def archive_paths(dataset: Dataset) -> list[str]:
    """Return the paths (below data/raw, may contain {case}) of the archives that a data set reads."""
    return [dataset[key]["archive"] for key in ARCHIVED if key in dataset]


def patterns(entry: Members | Pictures) -> list[str]:
    """Return all patterns of paths in an archive that an entry has."""
    fields: Mapping[str, object] = entry
    keys = ("member", "images", "normal", "lesion", "masks")
    return [str(fields[key]) for key in keys if key in fields]


def _entry_of(archives: Iterable[str], archive: str) -> tuple[str, str]:
    """Return the listed name that fits an archive, and the name of the case in it ("" if there is none).

    The archive's exact name is preferred, then the longest name with {case} that fits.
    """
    fitting: dict[str, str] = {}
    for template in archives:
        head, _, tail = template.partition("{case}")
        expression = re.escape(head) + ("(?P<case>.+)" + re.escape(tail) if "{case}" in template else "")
        if match := re.fullmatch(expression, archive):
            fitting[template] = match.groupdict().get("case", "")
    chosen = archive if archive in fitting else max(fitting, key=len)
    return chosen, fitting[chosen]


def _row(table: Path, archive: str) -> dict[str, object]:
    remedy = "correct `checksums` in datasets.yaml"
    for row in read_rows(table, ["archive"], remedy):
        if unknown := row.keys() - {"archive", "bytes", *ALGORITHMS}:
            allowed = ", ".join(["archive", "bytes", *ALGORITHMS])
            raise InputError(f"{table}: unknown column {min(unknown)!r}; allowed: {allowed}")
        if row.pop("archive") == archive:
            size = row.pop("bytes", "")
            if size and not size.isdecimal():
                raise InputError(f"{table}: {archive}: bytes {size!r}; expected a number")
            known: dict[str, object] = {name: value for name, value in row.items() if value}
            return known | ({"bytes": int(size)} if size else {})
    raise InputError(f"{table}: no row of {archive}; add it, or remove `checksums` in datasets.yaml")


def check_datasets(datasets: Datasets, splits: Collection[str], path: Path) -> None:
    """Check those rules about datasets.yaml that a schema cannot express.

    Args:
        datasets: content of datasets.yaml.
        splits: names of the splits in splits.json.
        path: path of datasets.yaml, for messages.

    Raises:
        InputErrors: entries break a rule; each message names the file, the key and the allowed values.
    """
    with told_together() as faults:
        for name, dataset in datasets.items():
            faults.found += _archive_faults(dataset, datasets, f"{path}: {name}")
            if "slices" not in dataset:
                faults.found += _volume_faults(dataset, splits, f"{path}: {name}")


def _archive_faults(dataset: Dataset, datasets: Datasets, where: str) -> Iterator[str]:
    for kind in (key for key in ARCHIVED if key in dataset):
        owner, _, archive = dataset[kind]["archive"].partition("/")
        if archive not in datasets.get(owner, {}).get("archives", {}):
            known = {f"{name}/{entry}": name for name in datasets for entry in datasets[name]["archives"]}
            near = [entry for entry, name in known.items() if name == owner] or known
            yield f"{where}.{kind}.archive: unknown {owner}/{archive}; allowed: {', '.join(near)}"


def _volume_faults(dataset: Dataset, splits: Collection[str], where: str) -> Iterator[str]:
    if dataset["split"] not in ("random", "train", "test", *splits):
        allowed = ", ".join(["random", "train", "test", "a .json or .csv file of folds", *splits])
        yield f"{where}.split: unknown split {dataset['split']!r}; allowed: {allowed}"
    if "left_lung" in dataset["regions"].values() and "lungs" not in dataset:
        yield f"{where}: has left and right lung; lungs and sides are needed to verify them"
    ids = set(dataset["labels"]["map"].values()) - {0}
    if ids != set(dataset["regions"]):
        yield f"{where}.labels.map gives ids {sorted(ids)}, regions has {list(dataset['regions'])}"
