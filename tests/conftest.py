"""Shared inputs: configurations, a small phantom data set on disk, and the real CT beside the checkout."""

import copy
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock

from covidseg.archives import http
from covidseg.cases.arrays import ArrayDescription, save_case
from covidseg.config import loading, schemas
from covidseg.config.loading import load_configuration
from covidseg.config.strict_yaml import read_yaml
from covidseg.errors import InputError
from covidseg.files import write_csv
from covidseg.training.description import ModelDescription
from covidseg.volumes import Geometry, Volume
from faulty_host import Host
from nnunet_runs import install_nnunet
from papers import leave_additions_out
from site_browser import browser

# Tests count on one thread: the same sums in the same order, and no fight over two cores.
os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]
NEEDS_GIT = pytest.mark.skipif(not shutil.which("git"), reason="needs the program git")
REAL = ROOT.parent / "shared" / "realdata"

SMALL_NETWORK = {
    "features": [4, 8],
    "kernels": [[1, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2]],
    "convolutions": {"encoder": [1, 1], "decoder": [1]},
    "design": "unet",
}


# The longest first, so that no process ends with a long file alone. The cluster mostly waits.
LONGEST = ("test_cluster", "test_kills", "test_rehearsal", "test_dvc", "test_additions", "test_workflow")


def pytest_collection_modifyitems(items):
    """Start with the longest files, then those with slow tests: xdist hands out the files in this order."""
    slow = {
        item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("slurm")
    }
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (ranks.get(item.path.stem, len(LONGEST)), item.path not in slow))


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium that opens the pages of the site."""
    with browser() as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def parsed_once():
    """Parse each text of YAML once per process: parsing the sheets takes most of the time of loading them."""
    patch, known = pytest.MonkeyPatch(), {}

    def read(path):
        text = path.read_bytes() if path.is_file() else None
        if text is None or text not in known:
            known[text] = read_yaml(path)  # or raises
        return copy.deepcopy(known[text])

    for module in (loading, schemas):
        patch.setattr(module, "read_yaml", read)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real CT; the test is skipped where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"no real CT at {REAL}")
    return REAL


@pytest.fixture
def sections() -> dict:
    """The default configuration, free to be changed."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture(scope="session")
def papers_sheets(tmp_path_factory) -> Path:
    """The folder `config` without what a user has added to the papers."""
    folder = shutil.copytree(ROOT / "config", tmp_path_factory.mktemp("papers") / "config")
    leave_additions_out(folder)
    return folder


@pytest.fixture(scope="session")
def config(papers_sheets):
    """The default configuration, checked, with its sheets; for reading."""
    path = ROOT / "config" / "config.yaml"
    config = load_configuration(yaml.safe_load(path.read_text()), str(path), papers_sheets)
    before = copy.deepcopy(config)
    yield config
    assert config == before, "a test has changed it"


@pytest.fixture
def own_config(papers_sheets, tmp_path) -> Path:
    """The folder `config` of a user who has added nothing yet to the papers."""
    folder = tmp_path / "config"
    folder.mkdir()
    for path in papers_sheets.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "local").unlink()
    (folder / "local").mkdir()
    return folder


@contextmanager
def refused_in_one_line(message):
    """Expect an InputError of one line that matches a regular expression."""
    with pytest.raises(InputError, match=message) as raised:
        yield raised
    assert "\n" not in str(raised.value)


def make_volume(array, spacing=(3.0, 1.5, 1.0), origin=(-10.0, -20.0, 5.0)) -> Volume:
    """Put an array (z, y, x) on an upright grid."""
    affine = np.diag([*reversed(spacing), 1.0])
    affine[:3, 3] = origin
    return Volume(np.asarray(array), Geometry(np.shape(array), affine))


def write_case_table(path: Path, rows: list[dict[str, str]]) -> Path:
    """A cases.csv; what a row does not say is the same for all."""
    common = {"patient": "p", "shape": "9x9x9", "spacing_mm": "1x1x1", "hu_min": -1000, "hu_max": 500}
    common |= {"missing_slices": 0, "corrections": "", "warnings": "", "sha256": "0", "voxel_sha256": "0"}
    write_csv(path, [common | row for row in rows])
    return path


def describe(architecture, spacing=(3.0, 1.5, 1.0)) -> ModelDescription:
    """What model.json says of a small network of one label, before the network is written."""
    return ModelDescription(
        plan={"spacing": list(spacing), "patch": [4, 16, 16]},
        normalisation={"window_hu": [-1250, 250], "scheme": "z-score over the scan"},
        labels={"1": "lesion"},
        schedule={"epochs": 4, "first_epoch": 0, "epoch_max": 4},
        lineage={
            "experiment": "scratch",
            "fold": 0,
            "strategy": "scratch",
            "options": {},
            "pretrained": None,
            "training_cases": ["blobs/a"],
            "source_cases": [],
            "seed": 3,
        },
        fingerprint="as it is",
        architecture=architecture,
    )


def describe_arrays(geometry: Geometry, **changes) -> ArrayDescription:
    """What case.json says of a scan that is zero nowhere."""
    crop = [[0, length] for length in geometry.shape]
    fields = {"geometry": geometry.to_json(), "crop": crop, "spacing_mm": [3.0, 1.5, 1.0], "sha256": ["", ""]}
    return ArrayDescription(**fields | changes)


def blobs(shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image with a bright block, and the block's label."""
    generator = np.random.default_rng(seed)
    image = generator.standard_normal(shape).astype(np.float32)
    label = np.zeros(shape, np.uint8)
    corner = [int(generator.integers(1, n - n // 2)) for n in shape]
    label[tuple(slice(c, c + max(2, n // 3)) for c, n in zip(corner, shape, strict=True))] = 1
    image[label == 1] += 3
    return image.astype(np.float16), label


@pytest.fixture(scope="session")
def training_folders(tmp_path_factory) -> list[Path]:
    """Three preprocessed cases, small enough for a test and larger than a patch."""
    root = tmp_path_factory.mktemp("preprocessed") / "blobs"
    root.mkdir()
    for seed in range(3):
        image, label = blobs((10, 26, 30), seed)
        description = describe_arrays(make_volume(image).geometry, sha256=[str(seed)])
        save_case(root / f"case_{seed}", image, label, description)
    return sorted(root.iterdir())


@pytest.fixture(scope="session")
def pretrained(training_folders, tmp_path_factory):
    """A pre-trained model of four epochs that stops half-way through its learning-rate schedule."""
    return pretrain(training_folders, tmp_path_factory.mktemp("pretrained"), "first half")


@pytest.fixture(scope="session")
def finished_pretraining(training_folders, tmp_path_factory):
    """The pre-trained model of the same four epochs at the end of its learning-rate schedule."""
    return pretrain(training_folders, tmp_path_factory.mktemp("finished"), "whole")


def pretrain(training_folders, output, schedule):
    """Pre-train on the blobs; returns model.safetensors."""
    from training_program import make_run, start

    start(make_run(training_folders[:2], [], "pretrain", {"lesions": "union", "schedule": schedule}), output)
    return output / "model.safetensors"


@pytest.fixture(scope="session")
def nnunet(request) -> Path:
    """The programs of an environment with nnU-Net, kept in pytest's cache; skipped where no index is reached.

    The other packages, torch among them, are those that the tests run with.
    """
    pins = ROOT / "envs" / "nnunet.txt"
    key = hashlib.sha256(pins.read_bytes() + sys.executable.encode() + sys.version.encode()).hexdigest()
    folder = request.config.cache.mkdir(f"nnunet-{key[:12]}")
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            install_nnunet(folder / "environment", pins)
            (folder / "installed").touch()
    return folder / "environment" / "bin"


@pytest.fixture
def close_figures():
    """Close the figures of a test, which Matplotlib keeps."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    if not shutil.which("mount"):
        pytest.skip("mounting a small tmpfs needs the command mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def host(monkeypatch):
    """A local web server that misbehaves as it is told; waiting for it is short."""
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.01)
    host = Host()
    yield host
    host.close()
