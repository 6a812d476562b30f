"""A folder that one process writes at a time, by a lock that ends with the process."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from segmentare.errors import OutputExistsError

LOCK = ".lock"  #: file in the folder that is locked; one that a killed process left means nothing

_FAR = 1 << 30  # where Windows locks a byte, so that the text before it can be read


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads, from writing into a folder in the same way.

    The operating system holds the lock and takes it back when the process ends, however it does.
    On file systems without locks nothing is kept out.

    Args:
        folder: Made if it is missing, and removed at the end if nothing was written into it.

    Raises:
        OutputExistsError: Another process has the folder.
        OSError: The folder cannot be written to.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    path = folder / LOCK
    file = _acquire(folder, path)
    try:
        file.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"process {os.getpid()} on {platform.node()}, since {since}".encode())
        file.flush()
        yield
    finally:
        if sys.platform != "win32":
            path.unlink(missing_ok=True)  # before others can have it: see `_acquire`
        file.close()
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                path.unlink(missing_ok=True)  # unless others have opened it
            for place in made:
                place.rmdir()  # if it is empty


def _acquire(folder: Path, path: Path) -> BinaryIO:
    """Open and lock a file, and see that it is still the one that others will open."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+b")
        except FileNotFoundError:  # the folder was removed at the same moment
            continue
        if not _lock(file):
            file.seek(0)
            said = file.read(200).decode(errors="replace") or "another process"
            file.close()
            raise OutputExistsError(
                f"One process at a time may write into {str(folder)!r}; {said}, does. Wait until "
                "it is done, or give another `out`."
            )
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # whoever had the lock has removed the file


def _lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; false where another has it."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
