"""The networks that can be built, with their size and cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from segmentare.architecture import LISTED, NetworkRow, NetworkSpec
from segmentare.networks.network import build_network
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
