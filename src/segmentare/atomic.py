"""Files that are written whole or not at all: under a temporary name, and then moved into place."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segmentare.errors import OutputExistsError


@contextlib.contextmanager
def replacing(path: Path, temporary: str = "") -> Iterator[Path]:
    """Yield the path to write to; the file is moved to `path` at the end.

    Args:
        path: Its folder must exist; a file that is there is replaced.
        temporary: Name of the file until then. "" for one that no other process has; a fixed one
            lets the next run write over what a killed one left.

    Raises:
        OSError: The disk is full, or the folder cannot be written to; nothing is left behind.
    """
    # A long name has no room for more, so the temporary one does not contain it.
    place = path.with_name(temporary or f".{uuid.uuid4().hex}.tmp")
    try:
        yield place
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a whole file or none; its folder is made where it is missing.

    Raises:
        OutputExistsError: The file exists and `overwrite` is not set.
        OSError: The disk is full, or the folder cannot be written to; nothing is left behind.
    """
    if not overwrite and path.exists():
        raise OutputExistsError(
            f"'{path}' exists already. Remove it, choose another folder, or allow overwriting."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as place:
        place.write_bytes(data)


def write_text(path: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a whole text file or none, in UTF-8 with the line ends of `text`; see `write_bytes`."""
    write_bytes(path, text.encode(), overwrite=overwrite)


def write_json(path: Path, data: Any) -> None:  # noqa: ANN401  any JSON-ready data
    """Write data as indented JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")
