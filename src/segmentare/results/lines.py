"""`predictions.jsonl`: a line of JSON per image, written as soon as the image is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segmentare.atomic import write_bytes
from segmentare.errors import InputError
from segmentare.opening import read_text

NAME = "predictions.jsonl"


class Lines:
    """The lines of a folder of results, which a process that is killed leaves behind.

    Args:
        folder: Of the results. Lines of earlier calls stay, unless their results are replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def start(self) -> None:
        """Leave out a line that was cut short when an earlier process was killed.

        Raises:
            InputError: The file holds something else.
        """
        if self._path.is_file():
            self.finish([])

    def add(self, row: dict[str, Any]) -> None:
        """Append the line of an image whose results are written."""
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(row) + "\n")

    def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write the lines of this call behind those of others, each result once.

        Raises:
            InputError: The file holds something else.
        """
        by_result: dict[str, str] = {}
        for row in [*_read(self._path), *rows]:
            key = row.get("keypoints") or row.get("mask") or json.dumps(row)
            by_result.pop(key, None)
            by_result[key] = json.dumps(row)
        text = "".join(f"{line}\n" for line in by_result.values())
        write_bytes(self._path, text.encode(), overwrite=True)


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are there, without a last one that was cut short."""
    *lines, rest = read_text(path).split("\n") if path.is_file() else [""]
    rows = []
    for number, line in enumerate([*lines, rest], start=1):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            row = None if number > len(lines) else line
        if isinstance(row, dict):
            rows.append(row)
        elif row is not None:
            raise InputError(
                f"Line {number} of '{path}' must be JSON as it was written; it is not. Remove the "
                "line, or give another folder."
            )
    return rows
