"""The one place that makes rich's consoles, so that texts of users are shown as they are."""

from __future__ import annotations

from functools import partial

from rich.console import Console  # noqa: TID251  the one place

__all__ = ["Console", "console"]

_WIDE = 120  # columns where there is no terminal, so that tables stay readable when piped

#: Names of files and categories may hold anything: rich would take `[red]` for a color, fail on
#: `[/b]`, and draw `:smile:`. Our own colors are given as `style`, which no name can change.
_plain = partial(Console, markup=False, emoji=False, highlight=False)


def console(*, errors: bool = False, quiet: bool = False) -> Console:
    """Return the output stream, or that of errors."""
    made = _plain(stderr=errors, quiet=quiet)
    return made if errors or made.is_terminal else _plain(width=_WIDE)
