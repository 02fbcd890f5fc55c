"""Whether envs/setup.sh installs with uv or with pip, and what is left where that fails."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from test_requirements import make_wheel

# In place of Python: makes an environment that has itself as its Python, and notes what pip is to do.
PYTHON = f"""#!/bin/sh
case "$*" in
    -c*) exec {sys.executable} "$@" ;;
    "-m venv --clear "*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
    "-m pip config list") printf "$SETTINGS" ;;
    envs/wheels.py*) exec {sys.executable} "$@" ;;
    *) echo "pip $*" >>calls; exit $STATUS ;;
esac
"""
UV = '#!/bin/sh\necho "uv $*" >>calls; exit $STATUS\n'
BY_UV = (
    "uv pip install --quiet --python .venv/bin/python --index-strategy unsafe-best-match"
    " --requirement envs/requirements.txt\n"
)
BY_PIP = "pip -m pip install --disable-pip-version-check --quiet --requirement envs/requirements.txt\n"


@pytest.fixture
def set_up(tmp_path):
    """Return a function that calls `make` for the environment, with programs in place of Python and uv."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "envs").symlink_to(ROOT / "envs")
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")

    def call(*, uv, settings="", status=0, **variables):
        for name, text in {"fake-python": PYTHON, **({"uv": UV} if uv else {})}.items():
            (tmp_path / "bin" / name).write_text(text)
            (tmp_path / "bin" / name).chmod(0o755)
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MAKE", "PIP_", "MFLAGS"))
        }
        own = {"PATH": path, "SETTINGS": settings, "STATUS": str(status), **variables}
        command = ["make", ".venv/installed", f"PYTHON={tmp_path / 'bin' / 'fake-python'}"]
        done = subprocess.run(command, cwd=tmp_path, env=kept | own, capture_output=True, text=True)
        calls = tmp_path / "calls"
        return done, calls.read_text() if calls.exists() else "", (tmp_path / ".venv" / "installed").exists()

    return call


def test_uv_installs_where_it_is_there(set_up):
    done, calls, finished = set_up(uv=True, settings="global.cert='/etc/ssl/cert.pem'\n")
    assert done.returncode == 0, done.stderr
    assert (calls, finished) == (BY_UV, True)


@pytest.mark.parametrize("setting", ["index-url", "extra-index-url", "no-index", "find-links", "constraint"])
def test_pip_installs_where_it_has_settings_that_uv_does_not_read(set_up, setting):
    _, calls, finished = set_up(uv=True, settings=f"global.{setting}='x'\n")
    assert (calls, finished) == (BY_PIP, True)


def test_pip_installs_where_there_is_no_uv(set_up):
    _, calls, finished = set_up(uv=False)
    assert (calls, finished) == (BY_PIP, True)


@pytest.mark.parametrize("uv", [True, False])
def test_a_set_up_that_fails_says_so_and_does_not_look_finished(set_up, uv):
    done, calls, finished = set_up(uv=uv, status=2)
    assert done.returncode != 0
    assert "error: the packages cannot be installed, the lines above say why" in done.stderr
    assert (calls, finished) == (BY_UV if uv else BY_PIP, False)


def test_all_missing_wheels_are_named_before_pip_is_asked(set_up, tmp_path):
    (tmp_path / "wheels").mkdir()
    lines = (ROOT / "envs" / "requirements.txt").read_text().splitlines()
    pins = [line.partition("#")[0].strip() for line in lines if line and line[0] not in "#-"]
    for pin in pins:
        if not pin.startswith(("torch==", "SimpleITK==")):
            make_wheel(tmp_path / "wheels", pin.partition("==")[0].replace("-", "_"), pin.partition("==")[2])
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    done, calls, finished = set_up(uv=False, settings=":env:.no-index='1'\n", **offline)
    torch, itk = (next(pin for pin in pins if pin.startswith(name)) for name in ("torch==", "SimpleITK=="))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert (
        f"error: no wheel for Python {version} of {torch}, {itk} in {tmp_path / 'wheels'}; run" in done.stderr
    )
    assert (calls, finished) == ("", False)
    for pin in (torch, itk):
        make_wheel(tmp_path / "wheels", pin.partition("==")[0], pin.partition("==")[2])
    _, calls, finished = set_up(uv=False, settings=":env:.no-index='1'\n", **offline)
    assert (calls, finished) == (BY_PIP, True)
