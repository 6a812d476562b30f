"""A network as the plain function that a `Predictor` wants: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segmentare.errors import InputError
from segmentare.keras.layers import Tensor
from segmentare.keras.network import Network, activate, build_network
from segmentare.keras.weights import from_arrays, shapes
from segmentare.models.checkpoint import check_shapes, load_model
from segmentare.models.description import finite, read_model
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks.base import Head, Maps, Task

MapsFunction = Callable[[NDArray[np.float32]], Maps]

_DEVICES = {"auto": "", "cpu": "/CPU:0", "cuda": "/GPU:0"}  # "": as TensorFlow does, a GPU first


@dataclass(frozen=True)
class Restored:
    """A model folder, its network built again.

    Attributes:
        network: With its weights.
        task: What the maps mean.
        preprocessing: How images become input.
        description: All of `model.json`.
    """

    network: Network
    task: Task[Any]
    preprocessing: Preprocessing
    description: dict[str, Any]


def restore(folder: str | Path, *, folded: bool = True) -> Restored:
    """Build the network of a model folder again, with its weights.

    Args:
        folder: What `segmentare train --out` made, in whichever framework.
        folded: Fold BatchNorms into the convolutions, for prediction.

    Raises:
        ModelError: The folder is missing, damaged, foreign or of a newer version, or its network
            exists in PyTorch only.
    """
    model = read_model(folder)
    description, arrays = load_model(model.folder)
    with keras.StatelessScope(initialize_variables=False):  # which takes no memory for weights
        blueprint = build_network(model.spec, model.task.heads, folded=folded)
    check_shapes(shapes(blueprint), arrays)
    network = build_network(model.spec, model.task.heads, folded=folded)
    from_arrays(network, arrays)
    return Restored(network, model.task, model.preprocessing, description)


def load(folder: str | Path, *, flips: bool = False, device: str = "auto") -> Predictor[Any]:
    """Load a model folder, ready to predict; the counterpart of `networks.inference.load`.

    Args:
        folder: What `segmentare train --out` made, in whichever framework.
        flips: Average over four mirrors of the image.
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        ModelError: See `restore`.
        InputError: There is no such device.
    """
    where = _device(device)
    with tf.device(where):
        found = restore(folder)
    maps_of = maps_function(found.network, found.task.heads, where)
    return Predictor(maps_of, found.task, found.preprocessing, flips)


def _device(name: str) -> str:
    there = {"auto", "cpu"} | ({"cuda"} if tf.config.list_physical_devices("GPU") else set())
    if name not in there:
        raise InputError(
            f"The device must be one of {', '.join(sorted(there))} (what TensorFlow finds here); "
            f"got {name!r}."
        )
    return _DEVICES[name]


def maps_function(network: Network, heads: tuple[Head, ...], device: str = "") -> MapsFunction:
    """Return a function from a batch (N, H, W, C) to the activated maps of every head.

    The network is traced once, for all batch sizes and image sizes.

    Args:
        network: Of any precision; its running statistics are used, not the batch's.
        heads: The task's heads.
        device: Name of TensorFlow's; "" leaves the choice to it.
    """

    def traced(images: Tensor) -> dict[str, Tensor]:
        maps = activate(network(images, training=False), heads)
        return {name: tf.transpose(values, (0, 3, 1, 2)) for name, values in maps.items()}

    signature = tf.TensorSpec((None, None, None, network.input_shape[-1]), tf.float32)
    run = tf.function(traced, input_signature=[signature]).get_concrete_function()

    def maps_of(images: NDArray[np.float32]) -> Maps:
        with tf.device(device):
            outputs = run(images=tf.constant(images))
        found: Maps = {name: values.numpy() for name, values in outputs.items()}
        return finite(found)

    return maps_of
