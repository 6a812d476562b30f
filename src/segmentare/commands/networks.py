"""`segmentare networks`: the networks with their parameters and their cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from segmentare.commands.options import command
from segmentare.commands.values import FrameworkName, Pixels, parse_size
from segmentare.result import Result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from segmentare.models.architecture import NetworkRow


class NetworkList(Result, list["NetworkRow"]):
    """Networks with their parameters and multiply-adds."""

    @property
    def title(self) -> str:
        """How many there are."""
        return f"{len(self)} networks"

    @property
    def summary(self) -> Mapping[str, object]:
        """Parameters and cost of each."""
        return {
            f"{row.spec.network}, {row.spec.encoder}, width {row.spec.width:g}": (
                f"{row.parameters / 1e6:.2f} M parameters, "
                f"{row.multiply_adds / 1e9:.0f} G multiply-adds per megapixel"
            )
            for row in self
        }

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the rows as JSON-ready data."""
        return [
            {**row.spec.to_dict(), "parameters": row.parameters, "multiply_adds": row.multiply_adds}
            for row in self
        ]

    def tables(self) -> Iterator[RenderableType]:
        """Yield the networks with the options that choose them."""
        from rich.table import Table

        table = Table()
        for column in ("network", "encoder", "width", "parameters", "multiply-adds per megapixel"):
            side: Any = "left" if column in ("network", "encoder") else "right"
            table.add_column(column, justify=side)
        for row in self:
            table.add_row(
                f"--network {row.spec.network}",
                f"--encoder {row.spec.encoder}",
                f"{row.spec.width:g}",
                f"{row.parameters / 1e6:.2f} M",
                f"{row.multiply_adds / 1e9:.0f} G",
            )
        table.add_row("--network unet", "--encoder hf:FOLDER_OR_NAME", "", "", "")
        yield table
        yield "hf takes any Hugging Face AutoBackbone: pip install 'segmentare[pretrained]'."


@command
def list_networks(*, size: Pixels = 256, framework: FrameworkName = "auto") -> NetworkList:
    """List the networks with their parameters and their cost.

    Args:
        size: Size of the image that is counted, such as 256 or 192x256 (height x width); the cost
            is scaled to a megapixel.
        framework: PyTorch or TensorFlow; with auto whichever is installed. The numbers are the
            same.

    Returns:
        A row per network.

    Raises:
        MissingPackageError: The framework, or any, is not installed.

    Examples:
        segmentare networks
        segmentare networks --json

        >>> sorted({row.spec.network for row in segmentare.list_networks()})
        ['segnet', 'unet']
    """
    from segmentare.commands.listing import measure_networks
    from segmentare.models.architecture import LISTED

    return NetworkList(measure_networks(LISTED, parse_size(size), framework))
