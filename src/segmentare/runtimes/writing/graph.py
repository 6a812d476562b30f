"""The network of a run as a graph of tensor operations, from which all formats are made."""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from segmentare.errors import ModelError
from segmentare.models.description import Model
from segmentare.networks.encoders import SegNetEncoder
from segmentare.networks.inference import fuse, restore
from segmentare.networks.network import Network, activate
from segmentare.prediction.preprocessing import STRIDE_MULTIPLE
from segmentare.runtimes.writing import INPUT
from segmentare.tasks.base import Head

_TRIED = (2, 3, 4)  # images, rows and columns (in multiples) of the example that is traced


class Exportable(nn.Module):
    """A network with its activations, that takes images as all predictors hand them over.

    Padding and cutting are left to the caller, so that no size is frozen into the graph.
    """

    def __init__(self, network: Network, heads: tuple[Head, ...]) -> None:
        super().__init__()
        self.encoder, self.decoder = network.encoder, network.decoder
        self.heads = network.heads
        self.kinds = heads

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map normalized images (N, H, W, C) to the activated maps of each head, in their order."""
        features = self.decoder(self.encoder(images.permute(0, 3, 1, 2)))
        outputs = {name: head(features) for name, head in self.heads.items()}
        activated = activate(outputs, self.kinds)
        return tuple(activated[head.name] for head in self.kinds)


def trace(model: Model) -> tuple[ExportedProgram, int]:
    """Return the graph of a run's network, for any number and size of images.

    Args:
        model: What a training left.

    Returns:
        The graph, whose input is `INPUT` and whose outputs are the heads in the task's order; and
        the number that heights and widths must be multiples of.

    Raises:
        ModelError: The network does something that depends on the size of the example.
    """
    network = restore(model)
    multiple = max(network.multiple, STRIDE_MULTIPLE)
    if isinstance(network.encoder, SegNetEncoder):
        network.encoder.masks = True  # the same as indices, and several times as fast elsewhere
    exportable = Exportable(_plain(network), model.task.heads).eval()
    count, rows, columns = _TRIED
    channels = model.preprocessing.channels
    example = torch.zeros(count, rows * multiple, columns * multiple, channels)
    sizes = {0: Dim("n"), 1: multiple * Dim("rows"), 2: multiple * Dim("columns")}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(exportable, (example,), dynamic_shapes={INPUT: sizes})
    except (RuntimeError, ValueError, TypeError, torch._dynamo.exc.UserError) as error:  # noqa: SLF001  their own class
        raise unwritable("a graph for images of any size", error) from error
    return program, multiple


def _plain(network: Network) -> Network:
    """Return a copy without BatchNorms, its weights in the usual layout of memory."""
    return cast(Network, fuse(network).to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]


def unwritable(what: str, error: Exception) -> ModelError:
    """Return the error for a network that cannot be written, with the first line of its cause."""
    cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"This network cannot be made into {what}: {cause.rstrip('.')}. "
        "Train another encoder, such as lite0, or predict with the engine torch."
    )
