"""What may be replaced: what this package wrote itself, and never a file that it was given.

Pages and files of results say near their beginning which command made them; only what the same
command made is replaced by it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path

from segmentare.atomic import write_text
from segmentare.errors import OutputExistsError
from segmentare.opening import open_bytes

_HEAD = 1024  # bytes in which the generator stands
_GENERATOR = re.compile(rb'"generator"(?: content=|: )"(segmentare [a-z]+)"')


def generator(command: str) -> str:
    """Return what a page or a file of results says of the command that made it."""
    return f"segmentare {command}"


def check_replaceable(path: Path, command: str) -> None:
    """Refuse to replace a file that the same command did not make.

    Args:
        path: What will be written.
        command: Name of the command.

    Raises:
        OutputExistsError: Something else is there, or a file where a folder is needed.
    """
    if path.exists() and not _made_by(path, command):
        raise OutputExistsError(
            f"'{path}' is there already, and `{generator(command)}` did not write it, so it is not "
            "replaced. Give another name, or remove it."
        )
    above = next((folder for folder in path.parents if folder.exists()), path.parent)
    if above.exists() and not above.is_dir():
        raise OutputExistsError(f"'{above}' must be a folder; it is a file. Give another name.")


def free_name(path: Path, command: str) -> Path:
    """Return a path, or the first with a number behind its stem, where nothing else is lost."""
    names = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    if not path.exists() or _made_by(path, command):
        return path
    return next(name for name in names if not name.exists() or _made_by(name, command))


def _made_by(path: Path, command: str) -> bool:
    if not path.is_file():
        return False
    with open_bytes(path) as file:
        head = file.read(_HEAD)
    found = _GENERATOR.search(head)
    # an empty file, such as a result without rows, holds nothing that could be lost
    return head in {b"", b"\n"} or (found is not None and found[1].decode() == generator(command))


def sign(result: str, command: str) -> str:
    """Return a result in which the first object says which command made it.

    Args:
        result: JSON of an object or a list of objects, or a line of JSON per object; none is empty.
        command: Name of the command.
    """
    return result.replace("{", f'{{"generator": "{generator(command)}", ', 1)


def write_signed(path: Path, text: str, command: str) -> None:
    """Write a file that says which command made it.

    Raises:
        OutputExistsError: See `check_replaceable`.
    """
    check_replaceable(path, command)
    write_text(path, text)


def check_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to replace files that are read, under whatever name they are given again.

    Args:
        outputs: All files that may be written.
        inputs: Files that are read, and folders whose files are.

    Raises:
        OutputExistsError: One of the outputs is one of the inputs.
    """
    files = (
        file for path in inputs for file in ((path, *path.iterdir()) if path.is_dir() else (path,))
    )
    read = {_identity(file) for file in files} - {None}
    hit = [path for path in outputs if _identity(path) in read]
    if hit:
        raise OutputExistsError(
            f"{len(hit)} of the results would replace a file that is read, such as '{hit[0]}'; "
            "that is never done. Give another `out`."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is, whatever it is called; `None` where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def others(folder: Path, known: Collection[str]) -> list[str]:
    """Return the files below a folder that are not known, with slashes, sorted."""
    found = [
        Path(above, name).relative_to(folder).as_posix()
        for above, _, names in os.walk(folder)
        for name in names
    ]
    return sorted(set(found) - set(known))
