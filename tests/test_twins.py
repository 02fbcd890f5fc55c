"""The same scan under two names is found by its voxels, and told where it trains under one and tests under the other."""

import numpy as np
import pytest

from conftest import write_case_table
from covidseg.cases.case_folder import read_case_rows
from covidseg.cases.twins import mixed_twins, tell_twins, voxel_digest

SPLITS = {
    "covid20": [{"train": ["c1"], "test": ["c2", "c3"]}, {"train": ["c2"], "test": ["c1", "c3"]}],
    "lungs": [{"train": ["c1"], "test": ["c2", "c3"]}],
    "hospital": [{"train": ["h1"], "test": ["h2"]}],
    "clinic": [{"train": [], "test": ["k1"]}],
}
HOSTS = {"covid20": "covid20", "lungs": "covid20", "hospital": "hospital", "clinic": "clinic"}


def mixed(folder, splits=SPLITS, hosts=HOSTS, **digests):
    """The sentences on data sets whose cases have these checksums."""
    tables = []
    for dataset, cases in digests.items():
        path = folder / dataset / "cases.csv"
        path.parent.mkdir()
        rows = [{"case": case, "patient": case, "voxel_sha256": digest} for case, digest in cases.items()]
        tables.append(write_case_table(path, rows))
    return mixed_twins(tables, splits, hosts)


def test_voxels_decide_and_neither_type_nor_file():
    scan = np.arange(24).reshape(2, 3, 4)
    assert voxel_digest(scan.astype(np.int16)) == voxel_digest(scan.astype(np.float64)[:, ::-1][:, ::-1])
    assert voxel_digest(scan) != voxel_digest(scan.reshape(2, 4, 3))
    scan[1, 2, 3] += 1
    assert voxel_digest(scan) != voxel_digest(np.arange(24).reshape(2, 3, 4))


def test_twins_within_a_data_set_are_told_of_each_other(tmp_path):
    table = write_case_table(
        tmp_path / "cases.csv",
        [
            {"case": name, "voxel_sha256": digest, "warnings": "odd"}
            for name, digest in zip("abcd", "1213", strict=True)
        ],
    )
    told = {row.case: row.warnings for row in tell_twins(read_case_rows(table))}
    assert told == {
        "a": ("odd", "the same scan as c"), "b": ("odd",), "c": ("odd", "the same scan as a"), "d": ("odd",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("digests", "told"),
    [
        ({"covid20": {"c1": "1", "c2": "1", "c3": "3"}}, ["scans of covid20 that are there under another name: 2 (c1 = c2, c2 = c1)"]),
        ({"covid20": {"c1": "1", "c2": "2", "c3": "1"}}, ["scans of covid20 that are there under another name: 1 (c1 = c3)"]),
        ({"covid20": {"c1": "1"}, "hospital": {"h1": "1", "h2": "2"}}, ["scans of covid20 that are in hospital, too: 1 (c1 = h1)", "scans of hospital that are in covid20, too: 1 (h1 = c1)"]),
        ({"covid20": {"c3": "1"}, "hospital": {"h2": "1"}}, []),  # neither is ever trained on
        ({"covid20": {"c1": "1"}, "clinic": {"k1": "1"}}, ["scans of covid20 that are in clinic, too: 1 (c1 = k1)"]),
        ({"covid20": {"c1": "1"}, "lungs": {"c1": "1"}}, []),  # one archive, labelled twice
        ({"covid20": {"c1": "1"}, "lungs": {"c2": "1"}}, ["scans of covid20 that are in lungs, too: 1 (c1 = c2)"]),
    ],
)  # fmt: skip
def test_a_scan_that_trains_under_one_name_and_tests_under_another(tmp_path, digests, told):
    assert [
        sentence.split("; a model that is trained on ")[0] for sentence in mixed(tmp_path, **digests)
    ] == told


def test_five_scans_are_named(tmp_path):
    splits = {name: [{"train": [f"{name}{i}" for i in range(7)], "test": []}] for name in "ab"}
    digests = {name: {f"{name}{i}": str(i) for i in range(7)} for name in "ab"}
    (one, _) = mixed(tmp_path, splits, {"a": "a", "b": "b"}, **digests)
    assert one == (
        "scans of a that are in b, too: 7 (a0 = b0, a1 = b1, a2 = b2, a3 = b3, a4 = b4, ...); a model that is "
        "trained on a and tested on b knows them"
    )
