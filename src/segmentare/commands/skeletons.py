"""`segmentare skeletons`: the skeletons that come along, or one of them as a TOML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.commands.options import command
from segmentare.result import Result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from segmentare.annotations.poses import Skeleton

_LISTED = 26  # keypoints that are named


class SkeletonList(Result, dict[str, "Skeleton"]):
    """Skeletons by their names."""

    @property
    def title(self) -> str:
        """How many there are."""
        return f"{len(self)} skeletons"

    @property
    def summary(self) -> Mapping[str, object]:
        """The keypoints of each."""
        return {name: _keypoints(skeleton, 6) for name, skeleton in self.items()}

    def to_dict(self) -> list[dict[str, Any]] | dict[str, Any]:
        """Return the skeletons as JSON-ready data, with their names."""
        return [{**skeleton.to_dict(), "name": name} for name, skeleton in self.items()]

    def tables(self) -> Iterator[RenderableType]:
        """Yield the skeletons with their keypoints."""
        from rich.table import Table

        table = Table()
        for column in ("--skeleton", "keypoints", "limbs", "names"):
            side: Any = "right" if column in ("keypoints", "limbs") else "left"
            table.add_column(column, justify=side)
        for name, skeleton in self.items():
            counts = str(len(skeleton.keypoints)), str(len(skeleton.limbs))
            table.add_row(name, *counts, _keypoints(skeleton, _LISTED))
        yield table
        yield "One as a TOML file, to start your own from: segmentare skeletons coco17 > mine.toml"


class OneSkeleton(SkeletonList):
    """A single skeleton, which the terminal shows as a TOML file."""

    @property
    def title(self) -> str:
        """Its name."""
        return next(iter(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the skeleton as JSON-ready data."""
        return next(iter(self.values())).to_dict()

    def tables(self) -> Iterator[RenderableType]:
        """Yield the text of the file."""
        yield to_toml(next(iter(self.values())))


@command
def list_skeletons(skeleton: str | Path | None = None) -> SkeletonList:
    """List the skeletons that come along, or print one as a TOML file.

    Args:
        skeleton (NAME_OR_FILE): The one that is printed; left out, all are listed.

    Returns:
        Skeletons by their names.

    Raises:
        InputError: There is no such skeleton, or the file holds none.

    Examples:
        segmentare skeletons
        segmentare skeletons coco17 > mine.toml
        segmentare skeletons mine.toml --json

        >>> segmentare.list_skeletons()["coco17"].keypoints[:3]
        ('nose', 'left_eye', 'right_eye')
    """
    from segmentare.annotations.skeletons import SKELETONS
    from segmentare.datasets.chosen_skeletons import choose_skeleton

    if skeleton is None:
        return SkeletonList(SKELETONS)
    return OneSkeleton({str(skeleton): choose_skeleton(skeleton)})


def _keypoints(skeleton: Skeleton, most: int) -> str:
    names = skeleton.keypoints
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def to_toml(skeleton: Skeleton) -> str:
    """Return the text of a TOML file that `read_skeleton` reads back to the same skeleton."""
    names = [_text(name) for name in skeleton.keypoints]
    pairs = [(k, twin) for k, twin in enumerate(skeleton.swaps) if k < twin]
    lines = [
        f"name = {_text(skeleton.name)}",
        _listed("keypoints", names),
        _listed("pairs", [f"[{names[a]}, {names[b]}]" for a, b in pairs]),
        _listed("limbs", [f"[{names[a]}, {names[b]}]" for a, b in skeleton.limbs]),
        _listed("sigmas", [repr(sigma) for sigma in skeleton.sigmas]),
        _listed("colors", [f"[{r}, {g}, {b}]" for r, g, b in skeleton.colors]),
    ]
    return "\n".join(lines)


def _listed(key: str, values: list[str], width: int = 100) -> str:
    """Return a list that is filled up to the width of a line."""
    rows = [f"{key} = ["]
    for value in values:
        if len(rows) == 1 or len(rows[-1]) + len(value) + 2 > width:
            rows.append(f"    {value},")
        else:
            rows[-1] += f" {value},"
    return "\n".join([*rows, "]"]) if values else f"{key} = []"


def _text(value: str) -> str:
    """Return a TOML string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
