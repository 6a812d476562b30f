"""Repeating cells and the convolution behind it are one operation, with the textbook's result."""

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.models.architecture import NetworkSpec
from segmentare.networks.decoders import UNetStage, textbook
from segmentare.networks.doubling import (
    DoublingConvolution,
    double_and_convolve,
    doubling_kernel,
)
from segmentare.networks.inference import fuse
from segmentare.networks.network import build_network
from segmentare.tasks.base import Head

HEADS = (Head("object", 1, "binary"),)


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_the_book(x, skip, weight):
    x = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return F.conv2d(x if skip is None else torch.cat((x, skip), 1), weight, padding=1)


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 5)])
def test_values_and_gradients_are_the_textbooks(others, size):
    x = drawn(2, 3, *size).requires_grad_()
    skip = drawn(2, others, *(2 * side for side in size), seed=1) if others else None
    weight = drawn(4, 3 + others, 3, 3, seed=2).requires_grad_()
    expected, found = by_the_book(x, skip, weight), double_and_convolve(x, skip, weight)
    torch.testing.assert_close(found, expected)
    slope = drawn(*expected.shape, seed=3)
    for a, b in zip(
        torch.autograd.grad(found, (x, weight), slope),
        torch.autograd.grad(expected, (x, weight), slope),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_golden_kernel():
    """One input that is 1, and weights 1 to 9: every cell of the result was added up by hand."""
    weight = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    kernel = doubling_kernel(weight)[0, 0]
    assert kernel.tolist() == [[9, 17, 15, 7], [15, 28, 24, 11], [9, 16, 12, 5], [3, 5, 3, 1]]


@pytest.mark.parametrize("others", [0, 2])
def test_for_prediction_the_sums_are_made_once(others):
    convolution = torch.nn.Conv2d(3 + others, 4, 3, padding=1, dtype=torch.float64)
    x, skip = drawn(2, 3, 4, 5), drawn(2, others, 8, 10) if others else None
    expected = by_the_book(x, skip, convolution.weight) + convolution.bias[:, None, None]
    merged = DoublingConvolution(convolution, 3)
    torch.testing.assert_close(merged(x, skip), expected)
    assert not any(p.requires_grad for p in merged.coarse.parameters() if p.ndim > 1)


@pytest.mark.parametrize("bilinear", [False, True])
def test_a_stage_computes_the_same_in_all_its_ways(bilinear):
    torch.manual_seed(0)
    stage = UNetStage(6, 3, 8, bilinear=bilinear).double()
    assert stage.merged is not bilinear
    x, skip = drawn(2, 6, 4, 5), drawn(2, 3, 8, 10)
    stage.train()(x, skip)
    stage.eval()
    expected = textbook(copy.deepcopy(stage))(x, skip)
    torch.testing.assert_close(stage(x, skip), expected)
    for merged in (False, True):
        fused = fuse(stage, merged=merged)
        assert isinstance(fused[0][0], DoublingConvolution) is (merged and not bilinear)
        torch.testing.assert_close(fused(x, skip), expected)


def test_a_network_names_its_weights_as_ever_and_answers_as_the_textbook():
    torch.manual_seed(0)
    spec = NetworkSpec(encoder="resnet", width=0.125, blocks=1, decoder_channels=(24, 16, 8, 8, 8))
    network = build_network(spec, HEADS).eval()
    assert "decoder.stages.0.0.0.weight" in network.state_dict()
    images = torch.randn(1, 3, 64, 96)
    stages = [s for s in network.modules() if isinstance(s, UNetStage)]
    assert len(stages) == 5
    with torch.no_grad():
        expected = textbook(copy.deepcopy(network))(images)["object"]
        torch.testing.assert_close(network(images)["object"], expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(fuse(network)(images)["object"], expected, rtol=1e-4, atol=1e-4)
