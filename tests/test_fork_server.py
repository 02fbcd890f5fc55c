"""Jobs that are forks of one process: they end, fail, die and are killed as processes that start Python do."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil
import pytest

from conftest import ROOT
from covidseg.runs import fork_server
from covidseg.runs.fork_server import ENDED, THREADS, ForkServer

SCRIPTS = ROOT / "workflow" / "scripts"
# A server without the library's imports, which would take seconds.
QUICK = (
    "import sys; sys.path.append({!r}); from covidseg.runs import fork_server; "
    "fork_server.MODULES, fork_server._library = (), list; fork_server.main({})"
)
PATIENCE = 60  # seconds on a busy machine
WAIT = "import pathlib, os, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that starts a server, which ends with the test."""
    monkeypatch.chdir(tmp_path)
    servers = []

    def ready(program=QUICK):
        monkeypatch.setattr(fork_server, "START", program)
        servers.append(ForkServer(SCRIPTS))
        until(lambda: servers[-1]._answers() or servers[-1]._usable is False)
        return servers[-1]

    yield ready
    for server in servers:
        server._requests.close()
        server._process.wait(timeout=PATIENCE)


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a script under such a name as Snakemake gives to it."""

    def write(text):
        path = tmp_path / f"tmp{len(list(tmp_path.iterdir()))}.train.py"
        path.write_text(text)
        return str(path)

    return write


def process_of(folder):
    """Return the process of a script that waits."""
    until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
    return psutil.Process(int((folder / "pid").read_text()))


def in_background(server, path):
    """Run a script in a thread; returns a function that waits for its status."""
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(server.run(path)))
    thread.start()

    def status():
        thread.join(timeout=PATIENCE)
        return statuses[0]

    return status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('in words')", 1),
        ("raise ValueError('a fault')", 1),
        ("no Python", 1),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(9)", 1),
    ],
)
def test_the_status_of_a_script_is_passed_on(start, script, text, status):
    assert start().run(script(text)) == status


def test_a_job_has_the_folder_the_environment_and_the_output_of_the_run(
    start, script, capfd, monkeypatch, tmp_path
):
    monkeypatch.setenv("OF_THE_RUN", "this one")
    text = """
import os, sys
print(__name__, os.getcwd(), os.environ["OF_THE_RUN"], sys.argv, len(os.listdir("/proc/self/fd")))
print(*(os.environ[name] for name in {threads}), file=sys.stderr)
raise KeyError("told with its line")
"""
    path = script(text.format(threads=THREADS))
    assert start().run(path) == 1
    output, errors = capfd.readouterr()
    # Three streams, and the list of files itself: no file of the server or of another job.
    assert output == f"__main__ {tmp_path} this one {[path]} 4\n"
    assert errors.startswith("1 1 1 1 1 1\n")
    assert errors.endswith("KeyError: 'told with its line'\n")
    assert f'File "{path}", line 5' in errors


def test_a_job_sees_nothing_of_the_job_before(start, script, tmp_path):
    server = start()
    assert server.run(script("import os, json; json.mine = 1; os.environ['MINE'] = '1'; os.chdir('/')")) == 0
    text = "import os, json, pathlib; assert not hasattr(json, 'mine') and 'MINE' not in os.environ; "
    assert server.run(script(text + f"assert os.getcwd() == {str(tmp_path)!r}")) == 0


def test_jobs_run_at_the_same_time_and_each_has_its_own_status(start, script):
    server = start()
    text = (
        "import os, sys, time; open('{0}', 'w').close()\nwhile not os.path.exists('{1}'): time.sleep(0.01)\n"
    )
    one, two = (
        in_background(server, script(text.format(*names) + f"sys.exit({status})"))
        for names, status in ((("a", "b"), 5), (("b", "a"), 6))
    )
    assert (one(), two()) == (5, 6)


def test_a_killed_job_ends_alone(start, script, tmp_path):
    server = start()
    status = in_background(server, script(WAIT))
    job = process_of(tmp_path)
    assert job.name() == "train"
    job.kill()
    assert status() == -signal.SIGKILL
    assert server.run(script("pass")) == 0


def test_when_the_server_is_killed_its_jobs_fail_and_further_ones_start_without_it(
    start, script, tmp_path, capfd
):
    server = start()
    status = in_background(server, script(WAIT))
    job = process_of(tmp_path)
    server._process.kill()
    assert status() == -signal.SIGTERM
    job.wait(timeout=PATIENCE)
    assert server.run(script("pass")) is None
    assert server.run(script("pass")) is None
    assert capfd.readouterr().err == f"{ENDED}\n"


def test_a_server_that_cannot_import_starts_nothing_and_says_so(start, script, capfd):
    server = start("raise ImportError('no such module')  # {!r} {}")
    assert server.run(script("pass")) is None
    assert capfd.readouterr().err.endswith(f"ImportError: no such module\n{ENDED}\n")


def test_a_server_that_still_imports_starts_nothing(tmp_path, monkeypatch, script):
    monkeypatch.setattr(fork_server, "START", "import time; time.sleep(600)  # {!r} {}")
    server = ForkServer(SCRIPTS)
    assert server.run(script("pass")) is None
    server._process.kill()
    server._process.wait()


def test_nothing_outlives_a_run_that_is_killed(script, tmp_path):
    program = f"""
import sys
sys.path.append({str(SCRIPTS)!r})
from covidseg.runs import fork_server
fork_server.START = {QUICK!r}
server = fork_server.ForkServer({str(SCRIPTS)!r})
while server.run({script(WAIT)!r}) is None:
    pass
"""
    run = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    job = process_of(tmp_path)
    server = job.parent()
    run.kill()
    run.wait()
    for process in (server, job):
        with suppress(psutil.NoSuchProcess):
            process.wait(timeout=PATIENCE)


def test_ctrl_c_ends_the_jobs_and_not_the_server(script, tmp_path):
    program = f"""
import signal, sys
sys.path.append({str(SCRIPTS)!r})
from covidseg.runs import fork_server
fork_server.START = {QUICK!r}
server = fork_server.ForkServer({str(SCRIPTS)!r})
while not server._answers():
    pass
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(server.run({script(WAIT)!r}), server.run({script("pass")!r}))
"""
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process_of(tmp_path)
    os.killpg(run.pid, signal.SIGINT)
    output, errors = run.communicate(timeout=PATIENCE)
    assert output == "1 0\n"
    assert errors.endswith("KeyboardInterrupt\n")


IMPORTS = """
import importlib
from pathlib import Path
from covidseg.runs import fork_server
for name in [*fork_server.MODULES, *fork_server._library()]:
    importlib.import_module(name)
import torch
assert not torch.cuda.is_initialized()
assert len(list(Path("/proc/self/task").iterdir())) == 1
"""


@pytest.mark.slow
def test_the_imports_start_no_thread_and_use_no_gpu():
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", IMPORTS], env=environment, check=True)


def test_the_server_imports_every_module_that_a_job_may_import_and_none_that_only_the_run_needs():
    names = fork_server._library()
    assert {"covidseg.training.train", "covidseg.paper.violin", "covidseg.weak.va_gan"} <= set(names)
    assert not [name for name in names if name.startswith("covidseg.runs")]
    assert not set(fork_server.GPU_MODULES) & set(names)


def test_the_modules_for_a_gpu_are_there_and_no_other_module_needs_triton():
    library = SCRIPTS / "covidseg"
    needing = {
        path for path in library.rglob("*.py") if re.search(r"(?m)^(import|from) triton", path.read_text())
    }
    assert {".".join(path.relative_to(SCRIPTS).with_suffix("").parts) for path in needing} == set(
        fork_server.GPU_MODULES
    )
