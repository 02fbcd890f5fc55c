"""The two lists of pinned packages, torch for CUDA 13 and for CUDA 12.6, and how `make` chooses one."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from conftest import ROOT

ENVS = ROOT / "envs"
TORCH = ("torch", "torchvision")


def pins(path):
    return dict(re.findall(r"^([\w.\-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_both_lists_pin_the_same_versions_but_for_the_build_of_torch():
    ours, older = pins(ENVS / "requirements.txt"), pins(ENVS / "requirements-cu126.txt")
    assert older == {name: f"{ours[name]}+cu126" for name in TORCH}
    lines = [line for line in (ENVS / "requirements-cu126.txt").read_text().splitlines() if line[0] != "#"]
    assert lines[0] == "--requirement requirements.txt", "all other pins are the same by construction"
    assert lines[1] == "--extra-index-url https://download.pytorch.org/whl/cu126"
    assert len(lines) == 2 + len(TORCH)


def make_wheel(folder, name, version):
    """Write the smallest package that pip takes."""
    info = f"{name}-{version}.dist-info"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{info}/{file}", text)


@pytest.mark.parametrize(("name", "build"), [("requirements", ""), ("requirements-cu126", "+cu126")])
def test_pip_takes_the_build_that_a_list_names(tmp_path, name, build):
    """Both builds are on offer, and requirements-cu126.txt has two lines for torch."""
    ours = pins(ENVS / "requirements.txt")
    (tmp_path / "requirements.txt").write_text("".join(f"{name}=={ours[name]}\n" for name in TORCH))
    shutil.copy(ENVS / "requirements-cu126.txt", tmp_path)
    for package in TORCH:
        for local in {build, ""}:
            make_wheel(tmp_path, package, ours[package] + local)
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--dry-run", "--ignore-installed"]
    offline = ["--no-index", "--find-links", tmp_path, "--requirement", tmp_path / f"{name}.txt"]
    done = subprocess.run([*command, *offline], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = " ".join(f"{package}-{ours[package]}{build}" for package in TORCH)
    assert f"Would install {expected}\n" in done.stdout


@pytest.fixture
def checkout(tmp_path):
    """A checkout with an environment newer than its lists of packages."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ENVS, tmp_path / "envs")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("installed", "arguments", "expected"),
    [
        ("", [], None),
        ("\n", [], None),
        ("", ["TORCH=cu126"], "cu126"),
        ("cu126\n", [], None),
        ("cu126\n", ["TORCH=cu126"], None),
        ("cu126\n", ["TORCH="], ""),
    ],
)
def test_make_sets_up_the_chosen_torch_once_and_then_keeps_it(checkout, installed, arguments, expected):
    (checkout / ".venv" / "installed").write_text(installed)
    steps = subprocess.run(
        ["make", "--dry-run", "demo", "PYTHON=python3", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
    ).stdout
    found = re.findall(r'^sh envs/setup\.sh "python3" "(.*)" "\.venv"$', steps, re.MULTILINE)
    assert found == ([] if expected is None else [expected])


def test_a_changed_list_sets_up_the_same_torch_again(checkout):
    (checkout / ".venv" / "installed").write_text("cu126\n")
    os.utime(checkout / ".venv" / "installed", (0, 0))
    steps = subprocess.run(
        ["make", "--dry-run", "demo", "PYTHON=python3"], cwd=checkout, capture_output=True, text=True
    ).stdout
    assert 'sh envs/setup.sh "python3" "cu126" ".venv"\necho "cu126" >.venv/installed\n' in steps


def test_a_torch_that_does_not_exist_is_refused(tmp_path):
    shutil.copytree(ENVS, tmp_path / "envs")
    done = subprocess.run(
        ["sh", "envs/setup.sh", sys.executable, "cu99"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: TORCH=cu99: no envs/requirements-cu99.txt; allowed: cu126, or nothing for CUDA 13\n"
    )
    assert not (tmp_path / ".venv").exists()
