"""A real SLURM cluster on this machine, for tests and for trying: `cluster.py up|down`.

Two nodes of three pretended GPUs each, munge, MariaDB and the accounting daemon. Every node lives in a space of
its own of host name and processes, so that one can crash as a whole, and knows nothing of the other's
processes. Everything lies in one folder, and only what was started from here is stopped.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "covidseg-slurm"
NODES = ("n1", "n2")
PACKAGES = (
    *("slurm-wlm", "slurmctld", "slurmd", "slurm-client", "slurmdbd", "slurm-wlm-basic-plugins"),
    *("slurm-wlm-mysql-plugin", "munge", "mariadb-server"),
)
PROGRAMS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "unshare")
COMMANDS = ("srun", "sbatch", "squeue", "scancel", "scontrol", "sacct", "sinfo")
TEMPLATES = Path(__file__).parent / "etc"
SOCKET = FOLDER / "run" / "munge.sock"
DATABASE = FOLDER / "run" / "mysql.sock"

ENVIRONMENT = os.environ | {
    "SLURM_CONF": str(FOLDER / "etc" / "slurm.conf"),
    "PATH": f"{FOLDER / 'bin'}:{os.environ['PATH']}",
}


def is_up() -> bool:
    """Whether the cluster answers."""
    return bool(shutil.which("scontrol")) and not _call("scontrol", "ping").returncode


def up() -> None:
    """Start the cluster anew."""
    if os.geteuid() != 0:
        sys.exit("error: the test cluster needs root: its nodes have name spaces of their own")
    if not all(map(shutil.which, PROGRAMS)):
        subprocess.run(["apt-get", "update"], check=True)
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
        # Not started by their packages: the cluster below is ours alone.
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        subprocess.run(command, check=True, env=environment)
    down()
    _configure()
    _start_authentication_and_database()
    _start("slurmdbd", "slurmdbd", "-D")
    _wait("the accounting daemon", "sacctmgr", "--noheader", "list", "cluster")
    for what in (["cluster", "test"], ["account", "test"], ["user", "root", "Account=test"]):
        _call("sacctmgr", "--immediate", "--quiet", "add", *what)
    _start("slurmctld", "slurmctld", "-D")
    _wait("the controller", "scontrol", "ping")
    for node in NODES:
        start_node(node)
    _wait(
        "the nodes", "sh", "-c", f"[ $(sinfo -h -N -p cpu -t idle -o %N | sort -u | wc -l) = {len(NODES)} ]"
    )
    print(f"export SLURM_CONF={ENVIRONMENT['SLURM_CONF']} PATH={FOLDER / 'bin'}:$PATH")


def down() -> None:
    """Stop what `up` started, and delete its folder."""
    for record in sorted(
        (FOLDER / "run").glob("*.started"), key=lambda path: path.stat().st_mtime, reverse=True
    ):
        _stop(record, signal.SIGKILL if record.stem in NODES else signal.SIGTERM)
    shutil.rmtree(FOLDER, ignore_errors=True)


def start_node(node: str) -> None:
    """Start a node, whose first process stays when its slurmd is killed, and buries the dead meanwhile."""
    command = f"hostname {node}; slurmd -D -N {node} & while :; do wait; sleep 1; done"
    spaces = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
    _start(node, *spaces, "sh", "-c", command)


def crash(node: str) -> None:
    """Cut a node's power: all its processes are gone at once."""
    record = FOLDER / "run" / f"{node}.started"
    if record.exists():
        _stop(record, signal.SIGKILL)


def restart_nodes() -> None:
    """Start all nodes anew, and their jobs' processes with them."""
    for node in NODES:
        crash(node)
        start_node(node)


def cut_off(node: str) -> None:
    """Let a node no longer answer, while its jobs run on."""
    subprocess.run(["pkill", "-KILL", "-f", f"^slurmd -D -N {node}"], check=True)


def _configure() -> None:
    for name in (
        "etc",
        "run",
        "log",
        "bin",
        "database",
        "state/controller",
        *(f"state/{node}" for node in NODES),
    ):
        (FOLDER / name).mkdir(parents=True)
    values = {"folder": FOLDER, "nodes": ",".join(NODES)}
    for template in TEMPLATES.iterdir():
        path = FOLDER / "etc" / template.name
        path.write_text(template.read_text().format(**values))
        path.chmod(0o600 if template.name == "slurmdbd.conf" else 0o644)
    (FOLDER / "etc" / "munge.key").write_bytes(os.urandom(1024))
    (FOLDER / "etc" / "munge.key").chmod(0o400)
    # In a job Snakemake drops SLURM_CONF, which other clusters need not set, before it calls these.
    for command in COMMANDS:
        wrapper = FOLDER / "bin" / command
        wrapper.write_text(
            f'#!/bin/sh\nSLURM_CONF={ENVIRONMENT["SLURM_CONF"]} exec {shutil.which(command)} "$@"\n'
        )
        wrapper.chmod(0o755)


def _start_authentication_and_database() -> None:
    run, key = FOLDER / "run", FOLDER / "etc" / "munge.key"
    files = (f"--pid-file={run}/munged.pid", f"--log-file={FOLDER}/log/munged.log", f"--seed-file={run}/seed")
    _start("munged", "munged", "--foreground", f"--key-file={key}", f"--socket={SOCKET}", *files)
    _wait("munge", "sh", "-c", f"munge -n -S {SOCKET} | unmunge -S {SOCKET}")
    place = ("--no-defaults", "--user=root", f"--datadir={FOLDER / 'database'}")
    install = ["mariadb-install-db", *place, "--auth-root-authentication-method=socket", "--skip-test-db"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    network = (
        "--port=13306",
        "--bind-address=127.0.0.1",
        f"--socket={DATABASE}",
        f"--pid-file={run}/mysql.pid",
    )
    _start("mariadbd", "mariadbd", *place, *network, "--innodb-buffer-pool-size=64M")
    client = ("mariadb", "--no-defaults", f"--socket={DATABASE}", "--execute")
    _wait("the database", *client, "select 1")
    user = "'slurm'@'127.0.0.1'"
    grant = f"create user {user} identified by 'slurm'; grant all on slurm_acct_db.* to {user}"
    subprocess.run([*client, f"create database slurm_acct_db; {grant}"], check=True)


def _start(name: str, *command: str) -> None:
    with open(FOLDER / "log" / f"{name}.out", "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True
        )
    (FOLDER / "run" / f"{name}.started").write_text(f"{process.pid}\n{command[0]}\n")


def _stop(record: Path, number: signal.Signals) -> None:
    """Stop a recorded process, if it still is the one that was started."""
    process, command = record.read_text().split()
    record.unlink()
    if not _runs(process, command):
        return
    os.kill(int(process), number)
    deadline = time.monotonic() + 10
    while _runs(process, command):
        if time.monotonic() > deadline:
            os.kill(int(process), signal.SIGKILL)
        time.sleep(0.1)


def _runs(process: str, command: str) -> bool:
    try:
        words = Path("/proc", process, "cmdline").read_bytes().split(b"\0")
        return Path(words[0].decode()).name == command  # nothing is left of a zombie's words
    except OSError:
        return False


def _call(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)


def _wait(what: str, *command: str) -> None:
    deadline = time.monotonic() + 60
    while _call(*command).returncode:
        if time.monotonic() > deadline:
            sys.exit(f"error: {what} of the test cluster did not start; see {FOLDER / 'log'}")
        time.sleep(0.2)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
