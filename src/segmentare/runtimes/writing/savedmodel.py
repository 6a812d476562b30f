"""A SavedModel, for TensorFlow and its servers."""

from __future__ import annotations

from pathlib import Path

from segmentare.models.description import Model
from segmentare.runtimes.writing import Written


def write(model: Model, folder: Path) -> Written:
    """Write the network, and a signature that serves pixels; see `keras.serving.Served`.

    Raises:
        ModelError: The network does not exist in Keras.
    """
    from segmentare.keras.exports import write_savedmodel
    from segmentare.keras.inference import restore

    return Written(write_savedmodel(restore(model.folder), folder), 1)
