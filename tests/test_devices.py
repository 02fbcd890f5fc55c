"""One GPU per job on one machine: faked devices, jobs at the same time, and jobs that are killed."""

import os
import re
import signal
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT
from covidseg.runs.devices import visible_devices
from toy_workflow import SNAKEMAKE, change_yaml, make_toy, snakemake

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
    internals.limit(workflow, "gpu", 2)
    internals.limit(workflow, "mem_mb", 1)   # the command has a limit
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


def test_two_slurm_jobs_on_one_node_do_not_wait_for_each_other(tmp_path):
    program = HOLD.replace("devices.LOCKS, devices.PAUSE = Path(sys.argv[1]), 0.05\n", "")

    def start(job):
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts"), "TMPDIR": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-c", program.replace('["0", "GPU-5f"]', '["0"]')],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment | {"SLURM_JOB_ID": job},
        )  # fmt: skip

    first, second, waiting = start("7"), start("8"), None
    try:
        assert [first.stdout.readline().strip(), second.stdout.readline().strip()] == ["0", "0"]
        waiting = start("7")
        assert waiting.stderr.readline().strip() == "waiting for one of the GPUs 0"
    finally:
        for process in filter(None, (first, second, waiting)):
            process.kill()
            process.communicate()


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
    assert yaml.safe_load(text)["set-threads"].keys() == shown.keys() - {"rehearse", "segment"}


@pytest.mark.slow
def test_jobs_at_the_same_time_see_different_devices(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/job.py").write_text(JOB)
    text = SNAKEFILE.format(scripts=ROOT / "workflow" / "scripts", locks=tmp_path / "locks")
    (tmp_path / "Snakefile").write_text(text)
    command = [SNAKEMAKE, "--cores", "5", "--resources", "mem_mb=64000"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [path.read_text().split() for path in tmp_path.glob("*.gpu")]
    assert sorted(name for name, _, _ in found) == ["3", "3", "5", "5"]
    for device in ("3", "5"):
        (_, first), (second, _) = sorted((float(a), float(b)) for name, a, b in found if name == device)
        assert first <= second
    assert (tmp_path / "e.cpu").read_text().split()[0] == str(os.environ.get("CUDA_VISIBLE_DEVICES"))


LIMITS = """
onstart:
    print_jobs()
    limit_jobs()
    print("limits", [workflow.scheduler.global_resources.get(name) for name in ("downloads", "gpu", "mem_mb")])
"""


@pytest.mark.slow
def test_a_run_has_a_job_per_gpu_and_four_downloads_whatever_the_command_limits(tmp_path, monkeypatch):
    make_toy(tmp_path)
    with open(tmp_path / "Snakefile", "a") as file:
        file.write(LIMITS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")

    def limits(*arguments):
        return re.search(r"limits (.*)", snakemake(tmp_path, "licences", "--force", *arguments))[1]

    assert limits() == "[4, None, None]", "the phantom's jobs run on the CPU"
    change_yaml(tmp_path / "config/config.yaml", lambda content: content["training"].update(device="auto"))
    assert limits() == "[4, 2, None]"
    assert limits("--resources", "mem_mb=9000", "gpu=1") == "[4, 1, 9000]"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert limits() == "[4, None, None]"
