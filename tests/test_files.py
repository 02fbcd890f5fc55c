"""Files that are whole or not there, whatever happens while they are written."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT, make_volume
from covidseg.files import (
    atomic_directory,
    atomic_path,
    digest,
    write_array,
    write_csv,
    write_json,
    write_text,
)
from covidseg.job import job
from covidseg.volumes import write_volume


def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_keeps_the_old_folder_and_leaves_no_other(tmp_path):
    path = tmp_path / "x"
    with atomic_directory(path) as temporary:
        (temporary / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic_directory(path) as temporary:
        (temporary / "b").write_text("half")
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_old_one(tmp_path):
    for name in ("a", "b"):
        with atomic_directory(tmp_path / "x") as temporary:
            (temporary / name).write_text(name)
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["b"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.bin"
    write_text(path, "old")
    program = (
        "import sys, time\n"
        "from covidseg.files import atomic_path\n"
        f"with atomic_path({str(path)!r}) as temporary:\n"
        "    temporary.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    library = str(ROOT / "workflow" / "scripts")
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={"PYTHONPATH": library}
    )
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.read_text() == "old"


def test_digest(tmp_path):
    write_text(tmp_path / "x", "abc")
    assert digest(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("kind", ["volume", "json", "folder"])
def test_a_full_disk_is_an_error_that_names_the_file(small_disk, kind):
    noise = np.random.default_rng(0).integers(-1000, 1000, (40, 200, 200), dtype=np.int16)
    with pytest.raises(OSError, match="No space left") as raised:
        if kind == "volume":
            write_volume(small_disk / "x", make_volume(noise))
        elif kind == "json":
            write_json(small_disk / "x", noise.ravel().tolist())
        else:
            with atomic_directory(small_disk / "x") as temporary:
                write_array(temporary / "image.npy", noise)
    assert raised.value.filename == str(small_disk / "x")
    assert list(small_disk.iterdir()) == []


def test_a_job_turns_a_full_disk_into_one_line(small_disk, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped, job(str(tmp_path / "job.log")):
        write_text(small_disk / "x", "x" * 2_000_000)
    assert stopped.value.code == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert f"{small_disk}/x: no space left on the disk" in lines[0]
    assert "no space left" in (tmp_path / "job.log").read_text()


def test_a_job_keeps_the_traceback_of_a_fault(tmp_path, capsys):
    with pytest.raises(SystemExit), job(str(tmp_path / "job.log")):
        raise KeyError("surprise")
    assert "Traceback" in (tmp_path / "job.log").read_text()
    assert "surprise" in capsys.readouterr().err


def test_rows_and_tables_are_written_in_one_dialect(tmp_path):
    rows = [{"case": 'a "b", c', "n": 3, "value": 0.1}, {"case": "d", "n": None, "value": float("nan")}]
    write_csv(tmp_path / "rows.csv", rows)
    assert (tmp_path / "rows.csv").read_bytes() == b'case,n,value\n"a ""b"", c",3,0.1\nd,,\n'
    table = pd.DataFrame({"value": [1 / 3, 1.0, np.nan], "name": ["x", "y", None]})
    write_csv(tmp_path / "table.csv", table, digits=9)
    assert (tmp_path / "table.csv").read_bytes() == b"value,name\n0.333333333,x\n1,y\n,\n"
    write_csv(tmp_path / "empty.csv", [], columns=("a", "b"))
    assert (tmp_path / "empty.csv").read_bytes() == b"a,b\n"
