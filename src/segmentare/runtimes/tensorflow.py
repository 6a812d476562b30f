"""TensorFlow, for its SavedModels; a run is computed in Keras, see `loading`."""

from __future__ import annotations

from segmentare.models.description import Model
from segmentare.runtimes import MapsFunction, Settings


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    del precision
    return ""


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps.

    Raises:
        ModelError: It is damaged, or not one of ours.
    """
    from segmentare.keras.exports import open_savedmodel

    del settings
    return open_savedmodel(model.folder, model.task.heads)
