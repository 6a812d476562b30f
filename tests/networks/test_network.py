"""U-Net and SegNet: shapes, sizes, symmetry, gradients, precision, description."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from segmentare.errors import ModelError
from segmentare.networks import Network, NetworkSpec, activate, build_network
from segmentare.networks.layers import ResidualBlock, Shortcut
from segmentare.tasks.base import Head

HEADS = (
    Head("object", 1, "binary"),
    Head("parts", 4, "classes"),
    Head("peaks", 2, "heatmap"),
    Head("offsets", 2, "vectors"),
)
SPECS = {
    "lite": NetworkSpec(width=0.25, decoder_channels=(24, 16, 8, 8, 8)),
    "lite detail": NetworkSpec("unet", "lite1", width=0.25, depth=3, detail=8),
    "resnet": NetworkSpec(
        encoder="resnet", width=0.125, blocks=1, decoder_channels=(24, 16, 8, 8, 8)
    ),
    "resnet stride 2": NetworkSpec(
        encoder="resnet", width=0.125, blocks=1, stride=2, decoder_channels=(16,) * 4
    ),
    "plain": NetworkSpec(encoder="plain", width=0.125, depth=4, decoder_channels=()),
    "plain stride 4": NetworkSpec(encoder="plain", width=0.125, stride=4, decoder_channels=(8, 8)),
    "vgg": NetworkSpec(encoder="vgg", width=0.125, decoder_channels=()),
    "segnet": NetworkSpec(network="segnet", encoder="vgg", width=0.125),
}


def build(spec: NetworkSpec, heads: tuple[Head, ...] = HEADS, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_network(spec, heads).to(memory_format=torch.channels_last)


def image(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    random = torch.randn(*shape, generator=generator)
    return random.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("size", [(1, 1), (7, 13), (33, 65), (64, 32)])
def test_any_size_gives_maps_of_every_head(name, size):
    spec = SPECS[name]
    network = build(spec).eval()
    with torch.no_grad():
        outputs = network(image(2, 3, *size))
    grid = tuple(-(-side // spec.stride) for side in size)
    assert network.stride == spec.stride
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        head.name: (2, head.channels, *grid) for head in HEADS
    }
    assert all(torch.isfinite(value).all() for value in outputs.values())


@pytest.mark.parametrize("channels", [1, 3, 7])
@pytest.mark.parametrize("name", ["lite", "resnet", "plain", "segnet"])
def test_any_number_of_channels(name, channels):
    spec = NetworkSpec.from_dict({**SPECS[name].to_dict(), "channels": channels})
    network = build(spec).eval()
    assert network(image(1, channels, 40, 32))["parts"].shape == (1, 4, 40, 32)


@pytest.mark.parametrize("name", SPECS)
def test_padding_repeats_the_border_below_and_right(name):
    network = build(SPECS[name]).eval()
    x = image(1, 3, 45, 62)
    down, right = {8: (3, 2), 16: (3, 2), 32: (19, 2)}[network.multiple]
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="edge")
    with torch.no_grad():
        maps = network(x)["object"]
        whole = network(torch.from_numpy(padded))["object"]
    rows, columns = maps.shape[-2:]
    torch.testing.assert_close(maps, whole[..., :rows, :columns], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_bf16_autocast_runs_every_layer_and_stays_close(name):
    network = build(SPECS[name]).train()
    x = image(2, 3, 64, 64)
    formats = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, y: formats.append((y.dtype, layout(y))))
    with torch.autocast("cpu", torch.bfloat16):
        outputs = network(x)
    assert set(formats) == {(torch.bfloat16, True)}
    assert all(value.dtype == torch.float32 for value in outputs.values())
    sum(value.square().mean() for value in outputs.values()).backward()
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = network(x)["parts"]
    with torch.no_grad():
        full = network(x)["parts"]
    # SegNet moves values to other pixels where rounding changes which one is the largest.
    assert (low - full).abs().mean() < (0.5 if name == "segnet" else 0.05) * full.std() + 1e-3


def layout(y: torch.Tensor) -> bool:
    return y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", SPECS)
def test_gradient_flows_to_every_parameter(name):
    network = build(SPECS[name]).train()
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            assert not block.norm.weight.any(), "residual blocks start as the identity"
            torch.nn.init.ones_(block.norm.weight)
    sum(value.square().sum() for value in network(image(2, 3, 64, 64)).values()).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.any(), key


@pytest.mark.parametrize("name", ["plain", "plain stride 4", "vgg"])
def test_mirrored_kernels_on_a_mirrored_image_give_mirrored_maps(name):
    """An off-by-one in upsampling, cropping or joining breaks this."""
    network = build(SPECS[name]).eval()
    x = image(1, 3, 32, 64)
    with torch.no_grad():
        maps = network(x)["parts"]
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.copy_(layer.weight.flip(-1))
        mirrored = network(x.flip(-1))["parts"].flip(-1)
    torch.testing.assert_close(maps, mirrored, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["plain", "segnet"])
def test_an_image_moved_by_the_stride_moves_its_maps(name):
    spec = NetworkSpec.from_dict({**SPECS[name].to_dict(), "depth": 2})
    network = build(spec).eval()
    x = image(1, 3, 128, 128)
    with torch.no_grad():
        still = network(x)["object"]
        moved = network(x.roll((8, 16), dims=(2, 3)))["object"]
    inner = slice(40, -48)  # out of reach of the borders
    back = moved.roll((-8, -16), dims=(2, 3))
    torch.testing.assert_close(
        still[..., inner, inner], back[..., inner, inner], rtol=1e-3, atol=1e-4
    )


def test_a_map_sees_the_pixel_it_lies_on():
    """One bright pixel changes the maps around itself, not beside itself."""
    spec = NetworkSpec(encoder="plain", width=0.125, depth=2, decoder_channels=())
    network = build(spec, (HEADS[0],)).eval()
    x = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        dark = network(x)["object"]
        x[0, :, 30, 21] = 1
        rows, columns = np.nonzero((network(x)["object"] - dark)[0, 0].abs().numpy() > 1e-6)
    assert abs(rows.mean() - 30) < 1.5
    assert abs(columns.mean() - 21) < 1.5


def test_activation_follows_the_kind_of_head():
    logits = {head.name: image(2, head.channels, 5, 4) for head in HEADS}
    active = activate(logits, HEADS)
    exponents = np.exp(logits["parts"].numpy())
    np.testing.assert_allclose(active["parts"], exponents / exponents.sum(1, keepdims=True), 1e-5)
    for name in ("object", "peaks"):
        np.testing.assert_allclose(active[name], 1 / (1 + np.exp(-logits[name].numpy())), 1e-5)
    assert torch.equal(active["offsets"], logits["offsets"])


def test_an_untrained_heatmap_is_rare_and_a_mask_undecided():
    network = build(SPECS["plain"])
    assert network.heads["object"].bias.tolist() == [0.0]
    np.testing.assert_allclose(torch.sigmoid(network.heads["peaks"].bias).tolist(), 0.1, 1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_a_description_survives_json_and_builds_the_same_layers(name):
    spec = NetworkSpec.from_dict(json.loads(json.dumps(SPECS[name].to_dict())))
    assert spec == SPECS[name]
    network = build(spec, seed=1)
    network.load_state_dict(build(SPECS[name], seed=2).state_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "fcn"}, "'fcn'"),
        ({"encoder": "resnext"}, "'resnext'"),
        ({"network": "segnet"}, "of a segnet must be one of"),
        ({"network": "segnet", "encoder": "vgg", "stride": 2}, "stride 1"),
        ({"depth": 1}, "2 to 5"),
        ({"stride": 3}, "but it is 3"),
        ({"stride": 32}, "but it is 32"),
        ({"decoder_channels": (8, 8)}, "takes 5 decoder stages"),
        ({"encoder": "hf"}, "describe_backbone"),
        ({"backbone": {}}, "describe_backbone"),
        ({"channels": 0}, "at least 1"),
        ({"width": 0}, "above 0"),
    ],
)
def test_what_does_not_fit_is_said(changes, message):
    with pytest.raises(ModelError, match=message):
        build_network(NetworkSpec(**changes), HEADS)


def test_unknown_fields_are_refused():
    with pytest.raises(ModelError, match="'attention'"):
        NetworkSpec.from_dict({"attention": True})


GRADIENTS = """
import torch
from segmentare.networks.layers import ResidualBlock, Shortcut
for inputs in (8, 16, 32):
    block = ResidualBlock(inputs, 2 * inputs, stride=2).to(memory_format=torch.channels_last)
    image = torch.rand(3, inputs, 16, 16).to(memory_format=torch.channels_last)
    for _ in range(5):
        block(image.clone().requires_grad_()).square().mean().backward()
"""


def test_gradients_of_narrow_networks_stay_within_their_memory():
    # Those of 1x1 convolutions of stride 2 did not in PyTorch 2.13: the process died.
    environment = {**os.environ, "MALLOC_CHECK_": "3"}
    done = subprocess.run([sys.executable, "-c", GRADIENTS], env=environment, check=False)  # noqa: S603
    assert done.returncode == 0


@pytest.mark.parametrize("size", [(16, 16), (15, 9), (1, 1)])
def test_a_shortcut_is_the_same_in_training(size):
    torch.manual_seed(0)
    shortcut = Shortcut(8, 16, 2)
    x = torch.randn(2, 8, *size)
    torch.testing.assert_close(shortcut.train()(x), shortcut.eval()(x))
