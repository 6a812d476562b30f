"""Size and cost of a network, counted by PyTorch."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from segmentare.models.architecture import NetworkRow, NetworkSpec
from segmentare.networks.network import build_network
from segmentare.tasks.base import Head


def measure(spec: NetworkSpec, size: tuple[int, int]) -> NetworkRow:
    """Count parameters, and multiply-adds in convolutions and products. Nothing is computed.

    Args:
        spec: The network, which gets one binary head.
        size: Height and width of the image that is counted; the cost is scaled to a megapixel.
    """
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
