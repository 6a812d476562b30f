"""The networks that can be built, with their size and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from segmentare.networks.network import NetworkSpec, build_network
from segmentare.tasks.base import Head

#: Rows of the list: a name for the eye and what it stands for.
LISTED: tuple[NetworkSpec, ...] = (
    NetworkSpec(),
    NetworkSpec(width=0.5),
    NetworkSpec(encoder="plain", width=0.5, decoder_channels=()),
    NetworkSpec(encoder="plain", width=0.25, decoder_channels=()),
    NetworkSpec(encoder="vgg", width=0.5, decoder_channels=()),
    NetworkSpec(network="segnet", encoder="vgg"),
    NetworkSpec(network="segnet", encoder="vgg", width=0.25),
)


@dataclass(frozen=True)
class NetworkRow:
    """One network of the list.

    Attributes:
        spec: What to build it from.
        parameters: Number of trained values.
        multiply_adds: Multiply-adds for one megapixel (10^6 pixels) of image.
    """

    spec: NetworkSpec
    parameters: int
    multiply_adds: float


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
    """Count the parameters of a network and its multiply-adds in convolutions and products."""
    with torch.device("meta"):
        network = build_network(spec, (Head("object", 1, "binary"),)).eval()
        image = torch.empty(1, spec.channels, *size)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(image)
    # The counter sees a multiply-add as two operations.
    multiply_adds = counter.get_total_flops() / 2 * 1e6 / (size[0] * size[1])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkRow(spec, parameters, multiply_adds)
