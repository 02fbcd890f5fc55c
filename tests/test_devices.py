"""One GPU per job on one machine: faked devices, jobs at the same time, and jobs that are killed."""

import os
import signal
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT
from covidseg.runs.devices import visible_devices
from toy_workflow import SNAKEMAKE

HOLD = """
import sys, time
from pathlib import Path
from covidseg.runs import devices
devices.LOCKS, devices.PAUSE = Path(sys.argv[1]), 0.05
devices.take_device(["0", "GPU-5f"])
import os
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(60)
"""
SNAKEFILE = """
import sys
sys.path.insert(0, "{scripts}")
from covidseg.runs import devices, internals
devices.LOCKS = "{locks}"
rule all:
    default_target: True
    input: expand("{{name}}.gpu", name=list("abcd")), "e.cpu"
rule gpu:
    output: "{{name}}.gpu"
    resources: gpu=1
    script: "scripts/job.py"
rule cpu:
    output: "{{name}}.cpu"
    script: "scripts/job.py"
onstart:
    assert internals.limit_of(workflow, "gpu") == 2
    line = "import sys; sys.path.insert(0, '{scripts}'); from pathlib import Path; from covidseg.runs import devices; "
    line += "devices.LOCKS = Path('{locks}'); devices.take_device(['3', '5'])"
    internals.begin_scripts_with(lambda resources: line if resources.get("gpu") else "")
"""
JOB = """
import os, time
begun = time.time()
time.sleep(1)
with open(snakemake.output[0], "w") as file:
    file.write(f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {begun} {time.time()}")
"""


@pytest.fixture
def hold(tmp_path):
    """Start processes that each take one of two devices and keep it."""
    started = []

    def start():
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "locks")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_every_process_has_a_device_of_its_own_and_a_killed_one_gives_it_back(hold):
    first, second = hold(), hold()
    names = {first.stdout.readline().strip(): first, second.stdout.readline().strip(): second}
    assert names.keys() == {"0", "GPU-5f"}
    third = hold()
    assert third.stderr.readline().strip() == "waiting for one of the GPUs 0, GPU-5f"
    names["GPU-5f"].send_signal(signal.SIGKILL)
    assert third.stdout.readline().strip() == "GPU-5f"


def test_the_devices_are_those_that_the_user_chose(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-5f")
    assert visible_devices() == ["2", "GPU-5f"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_devices() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", "/nowhere")
    assert visible_devices() == []


def test_the_profile_sets_threads_for_every_rule_with_a_gpu():
    text = (ROOT / "profiles/workstation/config.yaml").read_text()
    shown = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-resources"]
    assert yaml.safe_load(text)["set-threads"].keys() == {name for name in shown if name != "rehearse"}


@pytest.mark.slow
def test_jobs_at_the_same_time_see_different_devices(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/job.py").write_text(JOB)
    text = SNAKEFILE.format(scripts=ROOT / "workflow" / "scripts", locks=tmp_path / "locks")
    (tmp_path / "Snakefile").write_text(text)
    command = [SNAKEMAKE, "--cores", "5", "--resources", "gpu=2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [path.read_text().split() for path in tmp_path.glob("*.gpu")]
    assert sorted(name for name, _, _ in found) == ["3", "3", "5", "5"]
    for device in ("3", "5"):
        (_, first), (second, _) = sorted((float(a), float(b)) for name, a, b in found if name == device)
        assert first <= second
    assert (tmp_path / "e.cpu").read_text().split()[0] == str(os.environ.get("CUDA_VISIBLE_DEVICES"))
