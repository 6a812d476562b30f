"""What commands return: it shows itself in a session, a notebook and a terminal, and as JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

LINES = 10  #: most lines of a `repr`
_WIDTH = 100  # most characters of a line in a `repr`


class Result:
    """The base of all results; a subclass says `title`, `summary` and `to_dict`."""

    @property
    def title(self) -> str:
        """What this is, in one line."""
        raise NotImplementedError

    @property
    def summary(self) -> Mapping[str, object]:
        """What is most important to know, a word for each; what has no value is left out."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int:
        """0, or 1 where something is wrong with the data."""
        return 0

    def to_dict(self) -> Any:  # noqa: ANN401  any JSON value
        """Return everything as JSON-ready data."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(self.to_dict())

    def _shown(self) -> dict[str, str]:
        told = {name: " ".join(str(value).split()) for name, value in self.summary.items() if value}
        return dict(list(told.items())[: LINES - 1])

    def __repr__(self) -> str:
        shown = self._shown()
        wide = max(map(len, shown), default=0)
        lines = [self.title, *(f"  {name:<{wide}}  {value}" for name, value in shown.items())]
        return "\n".join(one if len(one) <= _WIDTH else f"{one[: _WIDTH - 3]}..." for one in lines)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._shown().items()
        )
        head = f"<caption style='text-align:left'><b>{html.escape(self.title)}</b></caption>"
        return f"<table>{head}{cells}</table>"

    def tables(self) -> Iterator[RenderableType]:
        """Yield what a terminal shows: lines of text, and tables of `rich`."""
        yield self.title
        for name, value in self.summary.items():
            if value:
                yield f"  {name}: {value}"
