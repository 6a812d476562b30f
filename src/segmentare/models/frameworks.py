"""Which framework computes: the one that was asked for, or whichever is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator

from segmentare.errors import InputError, MissingPackageError

AUTO = "auto"

#: Title of each framework by its name, which is also that of its package and of our extra; where
#: both are installed, the first is taken.
FRAMEWORKS: dict[str, str] = {"torch": "PyTorch", "tensorflow": "TensorFlow"}


def installed(framework: str) -> bool:
    """Tell whether a framework can be imported, without doing it."""
    return importlib.util.find_spec(framework) is not None


def choose_framework(wanted: str = AUTO) -> str:
    """Return the name of the framework that shall compute.

    Args:
        wanted: A name from `FRAMEWORKS`, or `auto`: the first that is installed.

    Raises:
        InputError: There is none of that name.
        MissingPackageError: It is not installed, or none is.
    """
    if wanted == AUTO:
        for name in FRAMEWORKS:
            if installed(name):
                return name
        raise MissingPackageError(
            "This needs PyTorch or TensorFlow, and neither is installed. "
            "Run: pip install 'segmentare[torch]' or pip install 'segmentare[tensorflow]'"
        )
    if wanted not in FRAMEWORKS:
        known = ", ".join((AUTO, *FRAMEWORKS))
        raise InputError(f"The framework must be one of {known}; got {wanted!r}.")
    if not installed(wanted):
        raise MissingPackageError(
            f"This needs {FRAMEWORKS[wanted]}, which is not installed. "
            f"Run: pip install 'segmentare[{wanted}]'"
        )
    return wanted


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep off the error stream what a framework's C++ part writes there, which heeds no setting.

    Where what is done fails it is shown after all.
    """
    try:
        before = os.dup(2)
    except OSError:  # the error stream is closed, as in a service
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(before, said.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)
