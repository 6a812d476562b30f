"""A network as the plain function that a `Predictor` wants: arrays in, arrays out."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segmentare.models.checkpoint import Arrays, check_shapes, load_model
from segmentare.models.description import Model, finite, read_model
from segmentare.networks.decoders import UNetStage
from segmentare.networks.layers import channels_last
from segmentare.networks.network import Network, activate, build_network
from segmentare.prediction.predictor import Predictor
from segmentare.tasks.base import Head, Maps

MapsFunction = Callable[[NDArray[np.float32]], Maps]


def maps_function(
    network: nn.Module, heads: tuple[Head, ...], *, bfloat16: bool = False, device: str = "cpu"
) -> MapsFunction:
    """Return a function from a batch (N, H, W, C) to the activated maps of every head.

    Args:
        network: In evaluation mode and on `device`.
        heads: The task's heads.
        bfloat16: Compute in bfloat16: faster where the machine can, and right to about 2 digits.
        device: Where the network is.
    """

    def maps_of(images: NDArray[np.float32]) -> Maps:
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)
        with (
            torch.inference_mode(),
            torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bfloat16),
        ):
            outputs = activate(network(tensor), heads)
        found = {name: maps.float().cpu().numpy() for name, maps in outputs.items()}
        return finite(found)

    return maps_of


def to_arrays(network: nn.Module) -> Arrays:
    """Return the network's weights and running statistics by name, as NumPy arrays."""
    return {name: t.detach().cpu().numpy() for name, t in network.state_dict().items()}


def from_arrays(network: nn.Module, arrays: Arrays) -> None:
    """Put arrays by name into a network, all of them.

    Raises:
        ModelError: A name or a shape does not fit.
    """
    check_shapes({name: tuple(t.shape) for name, t in network.state_dict().items()}, arrays)
    network.load_state_dict({n: torch.from_numpy(np.array(array)) for n, array in arrays.items()})


def fuse(network: nn.Module, *, merged: bool = True) -> nn.Module:
    """Return a copy for prediction whose BatchNorms are folded into their convolutions.

    The copy is in evaluation mode and in the channels_last layout; its maps equal the original's
    up to rounding.

    Args:
        network: Any.
        merged: Repeating cells is a part of the convolutions behind, too: faster on a CPU.
    """
    fused = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    for block in list(fused.modules()):
        names = list(block._modules)  # noqa: SLF001  the order of a block's layers is needed
        for first, second in itertools.pairwise(names):
            convolution, norm = getattr(block, first), getattr(block, second)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                folded = torch.nn.utils.fuse_conv_bn_eval(convolution, norm)
                setattr(block, first, folded)
                setattr(block, second, nn.Identity())
    for stage in fused.modules():
        if isinstance(stage, UNetStage):
            stage.prepare(merged=merged)
    return channels_last(fused)


def cast_convolutions(network: nn.Module) -> None:
    """Keep the weights of convolutions as autocast casts them: else it does so for every image.

    The maps under `torch.autocast` in bfloat16 stay the same to the bit.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.to(torch.bfloat16)


def load(folder: str | Path, *, flips: bool = False, device: str = "auto") -> Predictor[Any]:
    """Load a model folder, ready to predict.

    Args:
        folder: What `segmentare train --out` made.
        flips: Average over four mirrors of the image.
        device: `auto` (a GPU where there is one), `cpu`, `cuda` or `mps`.

    Raises:
        ModelError: The folder is missing, damaged, foreign or of a newer version.
    """
    model = read_model(folder)
    where = best_device() if device == "auto" else device
    fused = fuse(restore(model), merged=where == "cpu").to(where)
    maps_of = maps_function(fused, model.task.heads, device=where)
    return Predictor(maps_of, model.task, model.preprocessing, flips)


def restore(model: Model) -> Network:
    """Build the network of a run again, with its weights, in evaluation mode.

    It is built without memory first: whatever `model.json` says of its size, no memory is taken
    before the weights that are there have the same shapes.

    Raises:
        ModelError: The run is damaged, or of a newer version.
        MissingPackageError: Its encoder needs transformers, which is not installed.
    """
    _, arrays = load_model(model.folder)
    with torch.device("meta"):
        blueprint = build_network(model.spec, model.task.heads)
    shapes = {name: tuple(tensor.shape) for name, tensor in blueprint.state_dict().items()}
    check_shapes(shapes, arrays)
    network = build_network(model.spec, model.task.heads)
    from_arrays(network, arrays)
    return network.eval()


def best_device() -> str:
    """Return `cuda` or `mps` where there is one, else `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
