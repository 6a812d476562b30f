"""What has to be settled before TensorFlow and Keras are imported for the first time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from segmentare.models.frameworks import hushed

_LEVEL, _SILENT = "TF_CPP_MIN_LOG_LEVEL", "3"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep the lines that TensorFlow greets every import with off the error stream.

    They speak of processors and of graphics cards that are not there, are written by its C++ part
    and heed no setting before the import is over. Where the import fails they are shown after all,
    and also to whoever has set TF_CPP_MIN_LOG_LEVEL to less than 3.
    """
    # Keras asks for its backend when it is first imported.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # What we have set ourselves stands in the environment of every process that we start.
    if os.environ.setdefault(_LEVEL, _SILENT) != _SILENT:
        yield
        return
    with hushed():
        yield
