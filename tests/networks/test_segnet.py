"""SegNet's pooling and unpooling against loops, and the sizes that papers state."""

import numpy as np
import pytest
import torch

from segmentare import list_networks
from segmentare.commands.network_choice import choose_spec
from segmentare.networks import NetworkSpec, build_network
from segmentare.networks.decoders import SegNetDecoder
from segmentare.networks.encoders import ResidualEncoder, SegNetEncoder, UNetEncoder, VGG16Encoder
from segmentare.networks.layers import pool_with_mask, pool_with_positions, unpool
from segmentare.networks.listing import measure
from segmentare.tasks.base import Head

HEADS = (Head("object", 1, "binary"),)


def unpooled_by_loops(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Put `values` where each 2x2 window of `features` has its first maximum."""
    result = np.zeros_like(features)
    for n, c, row, column in np.ndindex(*values.shape):
        window = features[n, c, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        down, right = divmod(int(window.argmax()), 2)
        result[n, c, 2 * row + down, 2 * column + right] = values[n, c, row, column]
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_return_to_where_their_maximum_stood(dtype, layout):
    # Whole numbers from 0 to 3 make ties, and many windows of zeros, as after a ReLU.
    generator = np.random.default_rng(0)
    features = generator.integers(0, 4, (2, 3, 6, 8)).astype(np.float32)
    values = generator.integers(1, 99, (2, 3, 3, 4)).astype(np.float32)
    x = torch.from_numpy(features).to(dtype).contiguous(memory_format=layout)
    y = torch.from_numpy(values).to(dtype).contiguous(memory_format=layout)
    pooled, positions = pool_with_positions(x)
    expected = features.reshape(2, 3, 3, 2, 4, 2).max((3, 5))
    np.testing.assert_array_equal(pooled.float().numpy(), expected)
    result = unpool(y, positions)
    assert result.is_contiguous(memory_format=layout)
    np.testing.assert_array_equal(result.float().numpy(), unpooled_by_loops(features, values))
    again, mask = pool_with_mask(x)
    assert torch.equal(again, pooled)
    assert mask.sum() == pooled.numel()
    assert torch.equal(unpool(y, mask), result)


def test_masks_are_exact_for_any_values():
    x = torch.randn(2, 5, 32, 64, generator=torch.Generator().manual_seed(0))
    x[:, :, :16] = torch.relu(x[:, :, :16] - 1)  # mostly windows of zeros
    x[0, 0] = -x[0, 0].abs()
    x[1, 1] = -7
    pooled, positions = pool_with_positions(x)
    y = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(unpool(y, pool_with_mask(x)[1]), unpool(y, positions))


def test_a_network_answers_the_same_with_masks():
    torch.manual_seed(0)
    network = build_network(choose_spec("segnet", "vgg", 0.125, 3), HEADS).eval()
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        one = network(images)["object"]
        network.encoder.masks = True
        other = network(images)["object"]
    assert torch.equal(one, other)


def test_golden_unpooling():
    x = torch.tensor([[[[1.0, 5.0, 2.0, 2.0], [3.0, 0.0, 2.0, 9.0]]]])
    pooled, positions = pool_with_positions(x)
    assert pooled.tolist() == [[[[5.0, 9.0]]]]
    assert positions.tolist() == [[[[1, 7]]]]
    assert unpool(torch.tensor([[[[7.0, 8.0]]]]), positions).tolist() == [
        [[[0.0, 7.0, 0.0, 0.0], [0.0, 0.0, 0.0, 8.0]]]
    ]


def test_the_decoder_unpools_the_deepest_first():
    encoder = SegNetEncoder(3, width=0.125, depth=3)
    decoder = SegNetDecoder(encoder)
    *positions, deepest = encoder(torch.randn(2, 3, 32, 16))
    assert [tuple(where.shape) for where in positions] == [
        (2, 8, 16, 8),
        (2, 16, 8, 4),
        (2, 32, 4, 2),
    ]
    assert deepest.shape == positions[-1].shape
    assert decoder([*positions, deepest]).shape == (2, 8, 32, 16)


def count(module: torch.nn.Module, kind: type = torch.nn.Module) -> int:
    layers = [m for m in module.modules() if isinstance(m, kind) and not list(m.children())]
    return sum(parameter.numel() for m in layers for parameter in m.parameters())


def test_sizes_of_the_papers():
    with torch.device("meta"):
        # VGG-16 has 14,714,688 values in its convolutions, of which 4,224 are biases; the
        # BatchNorm behind each convolution takes the place of the bias.
        assert count(VGG16Encoder(3), torch.nn.Conv2d) == 14_710_464
        # ResNet-18 has 11,689,512 values, of which 513,000 in its classifier.
        assert count(ResidualEncoder(3)) == 11_689_512 - 513_000
        # U-Net's contracting path on gray images, and two values of BatchNorm per channel.
        convolutions = 9 * (64 + 64 * 64 + sum(3 * c * c // 2 for c in (128, 256, 512, 1024)))
        assert count(UNetEncoder(1)) == convolutions + 4 * (64 + 128 + 256 + 512 + 1024)
        # SegNet: "29.5M parameters" (PAMI 2017, table 6), here with one category.
        segnet = build_network(NetworkSpec(network="segnet", encoder="vgg"), HEADS)
        assert count(segnet) == 29_435_137
        assert count(build_network(choose_spec("unet", "resnet", None, None), HEADS)) == 12_518_609


def test_multiply_adds_of_one_convolution_by_hand():
    small = NetworkSpec(encoder="plain", width=0.125, depth=2, decoder_channels=())
    # At full size 3>8, 8>8, then (16 + 8)>8, 8>8 and the head; at half size 8>16, 16>16.
    per_pixel = 9 * (3 * 8 + 64 + 24 * 8 + 64) + 8 + 9 * (8 * 16 + 256) / 4
    row = measure(small, (64, 96))
    assert row.multiply_adds == pytest.approx(per_pixel * 1e6)
    # A padded image costs what its padded size costs.
    assert measure(small, (63, 96)).multiply_adds > row.multiply_adds


def test_the_list_names_networks_with_size_and_cost():
    rows = list_networks()
    assert {row.spec.network for row in rows} == {"unet", "segnet"}
    assert all(row.parameters > 1e6 and row.multiply_adds > 1e9 for row in rows)
