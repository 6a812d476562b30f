"""A network as the plain function that a `Predictor` wants: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.keras.layers import Tensor
from segmentare.keras.network import Network, activate
from segmentare.tasks.base import Head, Maps

MapsFunction = Callable[[NDArray[np.float32]], Maps]


def maps_function(network: Network, heads: tuple[Head, ...]) -> MapsFunction:
    """Return a function from a batch (N, H, W, C) to the activated maps of every head.

    The network is traced once, for all batch sizes and image sizes.

    Args:
        network: Of any precision; its running statistics are used, not the batch's.
        heads: The task's heads.
    """

    def traced(images: Tensor) -> dict[str, Tensor]:
        maps = activate(network(images, training=False), heads)
        return {name: tf.transpose(values, (0, 3, 1, 2)) for name, values in maps.items()}

    signature = tf.TensorSpec((None, None, None, network.input_shape[-1]), tf.float32)
    run = tf.function(traced, input_signature=[signature]).get_concrete_function()

    def maps_of(images: NDArray[np.float32]) -> Maps:
        found: Maps = {
            name: values.numpy() for name, values in run(images=tf.constant(images)).items()
        }
        if not all(np.isfinite(maps).all() for maps in found.values()):
            raise ModelError(
                "The network must answer with numbers; for this image it does not. "
                "Its training diverged: train anew with a lower --learning-rate."
            )
        return found

    return maps_of
