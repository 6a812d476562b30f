"""What engines and exports are like, as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from segmentare.engines.parity import Parity
from segmentare.interfaces.benching import Bench
from segmentare.interfaces.exporting import Export

_BENCHED = (
    "ms p50",
    "ms p95",
    "images/s",
    "x plain",
    "alike",
    "file to file ms",
    "/ maps",
    "start s",
    "GB",
)


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


def bench_tables(result: Bench) -> Iterator[RenderableType]:
    """Yield what every engine is like."""
    height, width = result.size
    title = f"Maps of one image, input {height} x {width}; file to file: {result.images}"
    several = len({row.model for row in result.rows}) > 1
    first = ["model"] if several else []
    table = Table(*first, "engine", "precision", title=title, title_justify="left")
    for column in _BENCHED:
        table.add_column(column, justify="right")
    for row in result.rows:
        first = [row.model] if several else []
        if row.reason:
            table.add_row(*first, row.engine, row.precision, row.reason)
            continue
        table.add_row(
            *first,
            row.engine,
            row.precision,
            _number(row.p50, 1),
            _number(row.p95, 1),
            _number(row.rate, 1),
            _number(row.times, 2),
            "" if row.alike is None else f"{100 * row.alike:.3f} %",
            _number(row.file_to_file, 1),
            _number(row.overhead, 2),
            _number(row.start, 1),
            _number(row.memory, 2),
        )
    yield table
    facts = result.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    yield f"{facts['processor']}, {facts['cores']} cores; {versions}; {facts['when']}."


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _differing(parity: Parity) -> str:
    return f"{parity.differ} of {parity.pixels}"


def _values(result: Export, name: str) -> list[str]:
    values = (getattr(parity, name) for parity in result.parity)
    return ["" if value is None else f"{value:.4f}" for value in values]
