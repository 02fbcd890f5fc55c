"""The temporary files of killed jobs go; what a job may still write stays, and so does everything else."""

import os

from covidseg.files import atomic_directory, write_text
from covidseg.runs.temporaries import remove_other_folders, remove_temporaries


def test_what_a_killed_job_left_is_removed_and_nothing_else(tmp_path):
    kept = [tmp_path / "a" / "table.csv", tmp_path / "a" / ".snakemake_timestamp", tmp_path / ".x.name"]
    for path in kept:
        write_text(path, "x")
    (tmp_path / "a" / ".0123abcd.table.csv").write_text("half")
    (tmp_path / "b" / ".0123abcd.images").mkdir(parents=True)
    (tmp_path / "b" / ".0123abcd.images" / "one.nii.gz").write_text("half")
    later = max(path.stat().st_mtime for path in tmp_path.rglob("*")) + 1
    found = remove_temporaries([tmp_path, tmp_path / "gone"], before=later)
    assert sorted(path.name for path in found) == [".0123abcd.images", ".0123abcd.table.csv"]
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_what_was_written_since_stays(tmp_path):
    folder = tmp_path / ".0123abcd.images"
    folder.mkdir()
    (folder / "one.nii.gz").write_text("half")
    os.utime(folder / "one.nii.gz", (2000, 2000))
    os.utime(folder, (1000, 1000))
    assert remove_temporaries([tmp_path], before=1500) == []
    assert remove_temporaries([tmp_path], before=2500) == [folder]


def test_the_names_are_those_that_are_written(tmp_path):
    with atomic_directory(tmp_path / "images") as folder:
        later = folder.stat().st_mtime + 1
        assert remove_temporaries([tmp_path], before=later) == [folder]
        folder.mkdir()


def test_the_pages_of_a_data_set_that_is_gone_are_removed_and_no_file(tmp_path):
    for path in ("msd/one.html", "hospital/Anna.html", "index.html"):
        write_text(tmp_path / path, "x")
    assert remove_other_folders(tmp_path, ["msd"]) == [tmp_path / "hospital"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "msd"]
    assert remove_other_folders(tmp_path / "gone", []) == []
