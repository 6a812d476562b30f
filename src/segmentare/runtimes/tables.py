"""How an export compares with its model, as a table on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from segmentare.runtimes.exporting import Export
from segmentare.runtimes.parity import Parity


def export_tables(result: Export) -> Iterator[RenderableType]:
    """Yield how an export compares with its model."""
    title = f"Compared with the model on {result.images}"
    table = Table("", *(parity.computed for parity in result.parity), title=title)
    table.title_justify = "left"
    for name in result.parity[0].largest:
        values = (f"{parity.largest[name]:.2g}" for parity in result.parity)
        table.add_row(f"largest difference of the maps '{name}'", *values)
    table.add_row("pixels or keypoints that differ", *(_differing(p) for p in result.parity))
    if result.parity[0].score is not None:
        table.add_row(f"{result.parity[0].score} of the model", *_values(result, "before"))
        table.add_row(f"{result.parity[0].score} of the export", *_values(result, "after"))
    for name in sorted({name for parity in result.parity for name in parity.milliseconds}):
        found = (parity.milliseconds.get(name) for parity in result.parity)
        table.add_row(f"ms per image, {name}", *("" if v is None else f"{v:.1f}" for v in found))
    yield table
    yield f"Export: {result.folder} ({result.megabytes:.1f} MB)"


def _differing(parity: Parity) -> str:
    return f"{parity.differ} of {parity.pixels}"


def _values(result: Export, name: str) -> list[str]:
    values = (getattr(parity, name) for parity in result.parity)
    return ["" if value is None else f"{value:.4f}" for value in values]
