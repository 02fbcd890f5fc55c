"""What jobs with a network ask for: the memory of the host and of the GPU, from config/memory.csv."""

import csv
import math
import re

import pytest
import yaml

from conftest import ROOT
from covidseg.config.loading import load_configuration
from covidseg.runs.memory import DRIVER_GIB, Memory
from covidseg.runs.memory_table import memory_table
from papers import STRATEGIES, SYSTEMS

TABLE = """rule,strategy,patch,host_gib,device_gib,measured on
train,scratch,56x160x192,6,5,a V100
train,collaborative,56x160x192,8,7,a V100
predict,all,56x160x192,4,3,a V100
train,all,8x32x32,0.4,,a laptop
train_weak,va-gan,256x256,3,1,a V100
"""


@pytest.fixture
def memory_of(config, tmp_path):
    """Return the memory of the default configuration with some changes, from a table of the test's own."""
    (tmp_path / "memory.csv").write_text(TABLE)

    def memory(patch=(56, 160, 192), size=256, **training):
        sections = {
            **config.sections,
            "plan": {**config.sections["plan"], "patch": list(patch)},
            "training": {**config.sections["training"], "device_memory_gib": 16, **training},
            "weak": {**config.sections["weak"], "size": size},
        }
        return Memory.of(type(config)(**{**vars(config), "sections": sections, "folder": tmp_path}))

    return memory


@pytest.fixture(scope="module")
def paper():
    path = ROOT / "config" / "paper.yaml"
    return load_configuration(yaml.safe_load(path.read_text()), str(path), ROOT / "config")


def test_a_job_asks_for_half_as_much_again_as_was_measured(memory_of):
    memory = memory_of(device="auto")
    assert memory.host_mb("train", "scratch") == 10_000  # 1.5 x 6 GiB are 9.66 GB
    assert memory.host_mb("train", "collaborative") == 13_000  # 12.9 GB
    assert memory.host_mb("predict", "scratch") == 7_000  # 6.4 GB, for all strategies
    assert memory.host_mb("train_weak", "va-gan") == 5_000  # 4.8 GB


def test_on_a_cpu_the_cases_of_a_training_are_in_the_host_s_memory(memory_of):
    memory = memory_of(device="cpu")
    assert memory.host_mb("train", "scratch") == 27_000  # 9 + 16 GiB are 26.8 GB
    assert memory.host_mb("predict", "all") == 7_000


def test_a_gpu_holds_the_cases_of_a_training_and_the_driver_s_share(memory_of):
    memory = memory_of(device_memory_gib=10)
    assert memory.device_gib("train", "scratch") == 15.5
    assert memory.device_gib("predict", "all") == 3.5


def test_a_smaller_patch_has_the_row_of_the_next_larger_one(memory_of):
    assert memory_of((50, 160, 192)).need("train", "scratch").host_gib == 6
    assert memory_of((8, 32, 33)).need("train", "scratch").host_gib == 6
    for patch in ((8, 32, 32), (4, 16, 16)):
        need = memory_of(patch).need("train", "scratch")
        assert need.host_gib == 0.4
        assert math.isnan(need.device_gib)
        assert need.basis == "a laptop"


def test_beyond_the_largest_patch_memory_grows_with_the_voxels(memory_of):
    need = memory_of((112, 160, 192)).need("train", "scratch")
    assert (need.host_gib, need.device_gib) == (12, 10)
    assert memory_of(size=512).need("train_weak", "va-gan").host_gib == 12


def test_a_strategy_of_a_user_asks_for_as_much_as_the_one_that_needs_most(memory_of):
    assert memory_of().need("train", "my-strategy") == memory_of().need("train", "collaborative")


def test_every_strategy_and_system_of_the_papers_has_its_row(paper):
    with open(ROOT / "config" / "memory.csv", newline="") as file:
        rows = [(row["rule"], row["strategy"], row["patch"]) for row in csv.DictReader(file)]
    assert len(rows) == len(set(rows))
    patch, side = "x".join(map(str, paper.sections["plan"]["patch"])), paper.sections["weak"]["size"]
    expected = {("train", name, patch) for name in STRATEGIES}
    expected |= {("train_weak", name, f"{side}x{side}") for name in SYSTEMS}
    expected |= {("predict", "all", patch), ("localise", "all", f"{side}x{side}")}
    assert expected <= set(rows)


def test_the_cards_in_the_slurm_profile_suffice(paper):
    """Of its nominal memory a card with error correction leaves 92 % or more, a V100 98 %."""
    profile = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    cards = re.findall(r"# +(\d+) GB +with (?:up to )?(\d+) GiB of cases", profile)
    assert [int(size) for size, _ in cards] == [16, 24, 32, 80]
    assert int(cards[2][1]) == paper.sections["training"]["device_memory_gib"]
    memory = Memory.of(paper)
    needs = {name: memory.need("train", name).device_gib for name in STRATEGIES}
    for size, cases in cards:
        assert max(needs.values()) + DRIVER_GIB + int(cases) <= 0.92 * int(size)
    largest = needs.pop("collaborative")
    assert 1.8 * max(needs.values()) + DRIVER_GIB + 4 <= 0.98 * 16
    assert 1.8 * largest + DRIVER_GIB + 13 <= 0.98 * 32


def test_the_phantom_asks_for_little(config):
    memory = Memory.of(config)
    for rule in ("train", "predict", "train_weak", "localise"):
        assert memory.host_mb(rule, "scratch") <= 2000


def test_workload_prints_the_memory_of_every_strategy_that_is_trained(paper, config):
    table = memory_table(paper)
    assert set(STRATEGIES) <= set(table[table.Rule == "train"].Strategy)
    assert set(SYSTEMS) <= set(table[table.Rule == "train_weak"].Strategy)
    (scratch,) = table[table.Strategy == "scratch"].to_dict("records")
    memory = Memory.of(paper)
    assert scratch["GB of the host that are asked for"] == memory.host_mb("train", "scratch") / 1000
    assert float(scratch["GiB of the GPU"]) == pytest.approx(memory.device_gib("train", "scratch"), abs=0.05)
    assert scratch["of these for cases"] == 16
    assert set(memory_table(config)["GiB of the GPU"]) == {"–"}
