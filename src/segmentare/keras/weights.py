"""Weights by the names and in the layouts of a model folder, which are PyTorch's.

A layer carries the name that its weights have in the folder, so nothing but the last part of a name
and the order of a kernel's axes has to be translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.keras.layers import BatchNorm, Depthwise
from segmentare.keras.network import Network
from segmentare.models.checkpoint import Arrays

_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
    "num_batches_tracked": "batches",
}


def to_arrays(network: Network) -> Arrays:
    """Return the weights and running statistics by name, as PyTorch would write them."""
    return {name: outward(variable.numpy()) for name, variable in variables(network)}


def from_arrays(network: Network, arrays: Arrays) -> None:
    """Put arrays by name into a network, all of them; a folded one gets its BatchNorms folded in.

    Raises:
        ModelError: A name or a shape does not fit.
    """
    _check(_shapes(network), arrays)
    if network.folded:
        arrays = fold(network, arrays)
    for name, variable in variables(network):
        variable.assign(inward(arrays[name]))


def variables(network: Network) -> Iterator[tuple[str, Any]]:
    """Yield the name in a model folder and the variable of every weight and statistic."""
    for layer in network.layers:
        if isinstance(layer, BatchNorm):
            for name, attribute in _NORM.items():
                yield f"{layer.name}.{name}", getattr(layer, attribute)
        elif isinstance(layer, keras.layers.Conv2D | Depthwise):
            yield f"{layer.name}.weight", layer.kernel
            if layer.use_bias:
                yield f"{layer.name}.bias", layer.bias


def fold(network: Network, arrays: Arrays) -> Arrays:
    """Return weights whose BatchNorms are part of their convolutions: fewer, faster layers.

    The maps are equal up to rounding.

    Args:
        network: Says which BatchNorm follows which convolution.
        arrays: All weights by name.
    """
    normed = {norm: convolution for convolution, norm in network.norms.items()}
    folded = {name: array for name, array in arrays.items() if _layer(name) not in normed}
    for norm, convolution in normed.items():
        part = {name: arrays[f"{norm}.{name}"].astype(np.float64) for name in _NORM}
        factor = part["weight"] / np.sqrt(part["running_var"] + network.epsilons[norm])
        kernel = arrays[f"{convolution}.weight"] * factor[:, None, None, None]
        bias = part["bias"] - part["running_mean"] * factor
        folded[f"{convolution}.weight"] = kernel.astype(np.float32)
        folded[f"{convolution}.bias"] = bias.astype(np.float32)
    return folded


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array that a model folder must hold for this network."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Conv2D | Depthwise):
            continue
        height, width, inputs, outputs = layer.kernel.shape
        shapes[f"{layer.name}.weight"] = (outputs, inputs, height, width)
        if layer.name not in network.norms:
            shapes[f"{layer.name}.bias"] = (outputs,)
            continue
        norm = network.norms[layer.name]
        shapes |= {f"{norm}.{name}": (outputs,) for name in _NORM}
        shapes[f"{norm}.num_batches_tracked"] = ()
    return shapes


def _check(shapes: dict[str, tuple[int, ...]], arrays: Arrays) -> None:
    missing, foreign = sorted(shapes.keys() - arrays), sorted(arrays.keys() - shapes)
    wrong = [name for name in shapes if name in arrays and arrays[name].shape != shapes[name]]
    if missing:
        problem = f"{missing[0]!r} is missing from them (one of {len(missing)})."
    elif foreign:
        problem = f"{foreign[0]!r} is not part of it (one of {len(foreign)})."
    elif wrong:
        found, needed = arrays[wrong[0]].shape, shapes[wrong[0]]
        problem = f"{wrong[0]!r} has the shape {found} instead of {needed}."
    else:
        return
    raise ModelError(
        f"The weights must fit the network of model.json; {problem} "
        "The two files come from different models: copy the folder again."
    )


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def outward(array: NDArray[Any]) -> NDArray[Any]:
    """Return (height, width, in, out) as (out, in, height, width); other arrays as they are."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1)) if array.ndim == 4 else array


def inward(array: NDArray[Any]) -> NDArray[Any]:
    """Return (out, in, height, width) as (height, width, in, out); other arrays as they are."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
