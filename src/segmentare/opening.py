"""Files of others are opened here, and only regular ones: those that end.

Whoever opens a named pipe waits for somebody to write into it, for ever if need be, and a device
may yield bytes without end.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import TextIO

IRREGULAR = "it is a pipe, a socket or a device, not a regular file"


def open_bytes(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: It is missing, cannot be read, or is not a regular file.
    """
    return open(path, "rb", opener=_opened)


def open_text(path: Path, encoding: str = "utf-8", newline: str | None = None) -> TextIO:
    """Open a regular text file for reading; see `open_bytes`."""
    return open(path, encoding=encoding, newline=newline, opener=_opened)


def read_bytes(path: Path) -> bytes:
    """Return all of a regular file; see `open_bytes`."""
    with open_bytes(path) as file:
        return file.read()


def read_text(path: Path, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return all of a regular text file, with line ends of one character; see `open_bytes`."""
    text = read_bytes(path).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_regular(path: Path) -> None:
    """Stop unless a path is that of a regular file, before a library opens it; see `open_bytes`."""
    open_bytes(path).close()


def _opened(path: str, flags: int) -> int:
    """Open a file without waiting for anybody, and look what it is."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, IRREGULAR, path)
