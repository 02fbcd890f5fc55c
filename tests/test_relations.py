"""Feature relations (zhang2021, equations 1, 2, 4, 5) and Selective Fusion (wang2021, equations 2 to 6)."""

import math

import pytest
import torch
from torch import nn

from covidseg.training.fusion import Concatenation, SelectiveFusion
from covidseg.training.relations import ramp_up, relation_loss, relation_matrix


def test_relation_matrix_by_hand():
    # Two samples of two channels over two voxels; their mean is A = [[1, 2], [3, 0]].
    features = torch.tensor([[[0.0, 1], [2, 0]], [[2, 3], [4, 0]]]).reshape(2, 2, 1, 1, 2)
    # G = A A^T = [[5, 3], [3, 9]]; the rows' norms are sqrt(34) and sqrt(90).
    expected = torch.tensor([[5 / 34**0.5, 3 / 34**0.5], [3 / 90**0.5, 9 / 90**0.5]])
    assert torch.allclose(relation_matrix(features), expected)


def test_relation_matrix_is_normalised_by_rows_and_blind_to_scale():
    features = torch.randn(3, 5, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    matrix = relation_matrix(features)
    assert matrix.shape == (5, 5)
    assert torch.allclose(matrix.norm(dim=1), torch.ones(5))
    assert torch.allclose(relation_matrix(7 * features), matrix, atol=1e-6)


def test_relation_matrix_is_float32_whatever_the_features_are():
    assert relation_matrix(torch.randn(2, 3, 1, 2, 2).bfloat16()).dtype == torch.float32


def test_relation_loss_is_the_squared_frobenius_norm():
    assert relation_loss(torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[0.0, 2], [5, 1]])) == 1 + 4 + 9


def test_ramp_up():
    assert ramp_up(torch.tensor(0.0)).item() == pytest.approx(math.exp(-5))
    assert ramp_up(torch.tensor(0.5)).item() == pytest.approx(math.exp(-1.25))
    assert ramp_up(torch.tensor(1.0)).item() == 1


def test_concatenation():
    first, second = torch.zeros(2, 3, 1, 2, 2), torch.ones(2, 3, 1, 2, 2)
    fused = Concatenation()(first, second)
    assert fused.shape == (2, 6, 1, 2, 2)
    assert fused[:, :3].eq(0).all()
    assert fused[:, 3:].eq(1).all()


def test_selective_fusion_by_hand():
    fusion = SelectiveFusion(2, reduction=1, block=nn.Identity())
    with torch.no_grad():
        fusion.squeeze[0].weight.copy_(torch.tensor([[1.0, 0], [0, 1]]))
        fusion.excite.weight.copy_(torch.tensor([[1.0, 0], [0, 2], [0, 0], [0, 0]]))  # A, then B
    dedicated = torch.tensor([[1.0, 3], [0, 2]]).reshape(1, 2, 1, 1, 2)
    adapted = torch.tensor([[4.0, 4], [1, 1]]).reshape(1, 2, 1, 1, 2)
    # Sum [[5, 7], [1, 3]], average s = (6, 2), layer norm (1, -1), leaky ReLU z = (1, -0.01);
    # A z = (1, -0.02), B z = 0.
    first, second = math.e / (math.e + 1), 1 / (1 + math.exp(0.02))
    attention = fusion.attention(dedicated, adapted)
    expected = torch.tensor([[[first, second], [1 - first, 1 - second]]])
    assert torch.allclose(attention, expected, atol=1e-4)
    fused = fusion(dedicated, adapted).reshape(2, 2)
    expected = torch.tensor(
        [[first * 1 + (1 - first) * 4, first * 3 + (1 - first) * 4], [1 - second, 1 + second]]
    )
    assert torch.allclose(fused, expected, atol=1e-3)


def test_selective_fusion_s_attentions_sum_to_one_and_are_reduced_by_r():
    fusion = SelectiveFusion(32, reduction=16, block=nn.Identity())
    attention = fusion.attention(torch.randn(2, 32, 1, 3, 3), torch.randn(2, 32, 1, 3, 3))
    assert attention.shape == (2, 2, 32)
    assert torch.allclose(attention.sum(1), torch.ones(2, 32))
    assert fusion.squeeze[0].out_features == 2
    assert fusion.squeeze[2].negative_slope == 0.01, "sigma below equation 1, with nnU-Net's slope"
    parameters = sum(parameter.numel() for parameter in fusion.parameters())
    assert parameters == 32 * 2 + 2 * 2 + 2 * 64, "equations 4 and 5 have no biases; the layer norm has one"


def test_selective_fusion_reduces_to_one_value_at_least():
    assert SelectiveFusion(2, reduction=16, block=nn.Identity()).squeeze[0].out_features == 1
