"""Networks, counted by whichever framework is installed."""

from __future__ import annotations

from collections.abc import Sequence

from segmentare.models.architecture import NetworkRow, NetworkSpec
from segmentare.models.frameworks import AUTO, choose_framework


def measure_networks(
    specs: Sequence[NetworkSpec], size: tuple[int, int] = (256, 256), framework: str = AUTO
) -> list[NetworkRow]:
    """Return networks with their parameters and multiply-adds, which are the same in either.

    Args:
        specs: Which networks, each with one binary head.
        size: Height and width of the image that is counted; the cost is scaled to a megapixel.
        framework: `torch`, `tensorflow`, or `auto`: PyTorch where it is installed.

    Raises:
        MissingPackageError: The framework, or any, is not installed.
        ModelError: A network does not exist in it.
    """
    if choose_framework(framework) == "tensorflow":
        from segmentare.keras.listing import measure
    else:
        from segmentare.networks.listing import measure
    return [measure(spec, size) for spec in specs]
