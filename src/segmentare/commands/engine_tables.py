"""What every engine is like, as a table on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from segmentare.commands.benching import Bench

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
