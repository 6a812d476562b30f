"""What a person sees while something runs: progress on a terminal, plain lines elsewhere.

Everything goes to the error stream, so that results on the output stream can be piped.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from segmentare.terminal import console

T = TypeVar("T")

_QUIET_SECONDS = 60.0  # between two lines where no bar can be shown


class Display:
    """Says what happens; a quiet one says nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = console(errors=True, quiet=quiet)

    def say(self, text: str, style: str | None = None) -> None:
        """Print one line or more."""
        self.console.print(text, style=style, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a line that must not be missed."""
        self.say(f"Note: {text}", style="yellow")

    def over(self, items: Iterable[T], what: str, total: int) -> Iterator[T]:
        """Yield the items behind a progress bar (on a terminal only)."""
        with self.bar(what, total) as bar:
            for item in items:
                yield item
                bar.advance()

    @contextlib.contextmanager
    def bar(self, what: str, total: int) -> Iterator[Bar]:
        """Show a bar with a text, the count, the time spent and the time left."""
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with progress:
            yield Bar(progress, what, total)


class Bar:
    """A running progress bar."""

    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress, self._said = progress, time.monotonic()
        self._id = progress.add_task(what, total=total, note="")

    def advance(self) -> None:
        """Count one more."""
        self._progress.advance(self._id)

    def note(self, text: str) -> None:
        """Set the text behind the bar; where there is no bar, print it once a minute."""
        self._progress.update(self._id, note=text)
        if self._progress.disable and time.monotonic() - self._said > _QUIET_SECONDS:
            self._said = time.monotonic()
            self._progress.console.print(text, soft_wrap=True)

    def show(self, done: int, total: int, note: str) -> None:
        """Set the count and the text behind it."""
        self._progress.update(self._id, completed=done, total=total, note=note)


def duration(seconds: float) -> str:
    """Return seconds as people write them: "48 s", "9 min 30 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
