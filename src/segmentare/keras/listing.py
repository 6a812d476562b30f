"""Size and cost of a network, counted by Keras; the counterpart of `networks.listing`."""

from __future__ import annotations

import math

import keras

from segmentare.keras.layers import Depthwise
from segmentare.keras.network import build_network
from segmentare.models.architecture import NetworkRow, NetworkSpec
from segmentare.tasks.base import Head


def measure(spec: NetworkSpec, size: tuple[int, int]) -> NetworkRow:
    """Count parameters, and multiply-adds in convolutions. Nothing is computed.

    Args:
        spec: The network, which gets one binary head.
        size: Height and width of the image that is counted; the cost is scaled to a megapixel.
    """
    network = build_network(spec, (Head("object", 1, "binary"),), seed=0)
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D | Depthwise)]
    watched = keras.Model(network.inputs, [layer.output for layer in convolutions])
    padded = (-(-side // network.multiple) * network.multiple for side in size)
    outputs = watched.compute_output_spec(keras.KerasTensor((1, *padded, spec.channels), "float32"))
    products = sum(
        math.prod(layer.kernel.shape) * math.prod(output.shape[1:3])
        for layer, output in zip(convolutions, outputs, strict=True)
    )
    parameters = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    return NetworkRow(spec, parameters, products * 1e6 / math.prod(size))
