"""PyTorch, which computes what a training left as it is.

It opens no exports: programs of `torch.export` are unpickled when they are opened, which runs
whatever code somebody put there, and they hold nothing that the training's own two files do not.
"""

from __future__ import annotations

import torch

from segmentare.models.description import Model
from segmentare.networks.inference import (
    best_device,
    cast_convolutions,
    fuse,
    maps_function,
    restore,
)
from segmentare.runtimes import MapsFunction, Settings


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    slow = best_device() == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001  has no public name
    return "this processor has no bfloat16" if precision == "bfloat16" and slow else ""


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps.

    Raises:
        ModelError: The model is damaged.
    """
    device = best_device() if settings.device == "auto" else settings.device
    bfloat16 = settings.precision == "bfloat16"
    network = fuse(restore(model), merged=device == "cpu").to(device)
    if bfloat16:
        cast_convolutions(network)
    return maps_function(network, model.task.heads, bfloat16=bfloat16, device=device)
