"""The two variants of yang2021's framework: the values of the paper, those of the authors' code, and their list."""

import re

import pytest
import torch
import yaml

from conftest import ROOT
from covidseg.weak.evaluation import LEVELS
from covidseg.weak.losses import reconstruction_loss

PAPER = ROOT / "config" / "paper.yaml"


@pytest.fixture(scope="module")
def weak():
    return yaml.safe_load(PAPER.read_text())["weak"]


def test_the_numbers_of_slices_are_the_papers(weak):
    """yang2021 3.1: 2007 normal and 870 lesion slices to train; 128 and 493 to test."""
    assert weak["slices"] == {"train_normal": 2007, "train_lesion": 870, "test_lesion": 128}
    assert weak["volume_slices"] == 493


def test_one_reconstruction_of_all_slices_weighs_as_the_two_of_the_authors_code(weak):
    """Their code adds 200 times the mean over normal slices and 200 times the mean over lesion slices."""
    images, normal, lesion = (torch.rand(4, 1, 3, 3) for _ in range(3))
    halves = [
        reconstruction_loss(*(part[half] for part in (images, normal, lesion)))
        for half in (slice(2), slice(2, 4))
    ]
    weights = weak["variants"]["code"]["weights"]
    pooled = weights["reconstruction"] * reconstruction_loss(images, normal, lesion)
    assert pooled.item() == pytest.approx(200 * sum(halves).item(), rel=1e-5)
    assert weights["fidelity"] == 200


def test_the_thresholds_of_paper_and_code(weak):
    """0.4 of the heat in Figures 2 and 4; 40 of 255 grey levels in predict.py. A mask is grey above 0 in the code."""
    paper, code = weak["variants"]["paper"], weak["variants"]["code"]
    assert (paper["threshold"], paper["mask_level"]) == (0.4, 128)
    assert round(code["threshold"] * LEVELS) == round(40 / 255 * LEVELS)
    assert code["mask_level"] == 1


def test_the_list_of_differences_has_every_key_that_differs(weak):
    paper, code = weak["variants"]["paper"], weak["variants"]["code"]
    differing = {key for key in paper if paper[key] != code[key]} - {"range"}  # listed under normalisation
    comment = PAPER.read_text().split("# All differences of the authors' code")[1].split("  variants:\n")[0]
    assert differing <= set(re.findall(r"^  #   (\w+)  ", comment, re.MULTILINE))


def test_the_iterations_of_va_gan_stand_beside_those_of_its_authors(weak):
    assert (
        f"{weak['epochs']} x {weak['iterations']} = {weak['epochs'] * weak['iterations']:,} iterations"
        in PAPER.read_text()
    )
    assert "100,000 iterations" in PAPER.read_text()
