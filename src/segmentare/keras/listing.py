"""The networks of TensorFlow, with their size and cost; the counterpart of `networks.listing`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from segmentare.architecture import LISTED, NetworkRow, NetworkSpec
from segmentare.keras.network import build_network
from segmentare.tasks.base import Head


def list_networks(
    size: tuple[int, int] = (256, 256), specs: Sequence[NetworkSpec] = LISTED
) -> list[NetworkRow]:
    """Measure networks without computing anything: layers are only counted.

    Args:
        size: Height and width of the image that is counted; the cost is scaled to a megapixel.
        specs: Which networks, each with one binary head.
    """
    return [measure(spec, size) for spec in specs]


def measure(spec: NetworkSpec, size: tuple[int, int]) -> NetworkRow:
    """Count the parameters of a network and its multiply-adds in convolutions."""
    network = build_network(spec, (Head("object", 1, "binary"),), seed=0)
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    watched = keras.Model(network.inputs, [layer.output for layer in convolutions])
    padded = (-(-side // network.multiple) * network.multiple for side in size)
    outputs = watched.compute_output_spec(keras.KerasTensor((1, *padded, spec.channels), "float32"))
    products = sum(
        math.prod(layer.kernel.shape) * math.prod(output.shape[1:3])
        for layer, output in zip(convolutions, outputs, strict=True)
    )
    parameters = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    return NetworkRow(spec, parameters, products * 1e6 / math.prod(size))
