"""A model folder's network as a SavedModel or LiteRT file; a SavedModel as a function to maps."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from segmentare.annotations.geometry import Image
from segmentare.errors import ModelError
from segmentare.keras.inference import MapsFunction, Restored
from segmentare.keras.layers import Tensor
from segmentare.keras.serving import CONTENT, Served
from segmentare.models.checkpoint import Arrays
from segmentare.models.description import finite
from segmentare.models.frameworks import hushed
from segmentare.prediction.predictor import Predictor, Reading
from segmentare.tasks.base import Head, Maps


def write_savedmodel(found: Restored, folder: Path) -> tuple[str, ...]:
    """Write a SavedModel into a folder; see `serving.Served` for its two signatures.

    Returns:
        The files, the one with the graph first, as paths within the folder.
    """
    served = Served(found.network, found.task, found.preprocessing)
    tf.saved_model.save(served, str(folder), served.signatures())
    written = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in written)
    return tuple(sorted(names, key=lambda name: name != "saved_model.pb"))


def litert_content(found: Restored, *, int8: bool = False) -> bytes:
    """Return a LiteRT file with the one signature `maps`.

    It takes normalized float32 images (N, H, W, C) of any number and size, and returns activated
    maps (N, H / stride, W / stride, channels) by the names of their heads.

    Args:
        found: The model.
        int8: Keep the weights as 8-bit integers; activations are quantized while it runs, each by
            its own range ("dynamic range"), so nothing has to be calibrated.

    Raises:
        ModelError: The network has no counterpart in LiteRT.
    """
    served = Served(found.network, found.task, found.preprocessing)
    size = (None, None, None, found.preprocessing.channels)
    signature = [tf.TensorSpec(size, tf.float32, "images")]
    traced = tf.function(served.maps, signature).get_concrete_function()
    with hushed():  # else weights stay variables, which nobody fills: all maps would be NaN
        frozen = convert_variables_to_constants_v2(traced)
    names = sorted(head.name for head in found.task.heads)  # as TensorFlow flattens them

    def maps(images: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, tf.nest.flatten(frozen(images)), strict=True))

    module = tf.Module()
    module.maps = tf.function(maps, signature)
    with tempfile.TemporaryDirectory() as temporary, hushed():
        tf.saved_model.save(module, temporary, {"maps": module.maps.get_concrete_function()})
        converter = tf.lite.TFLiteConverter.from_saved_model(temporary, signature_keys=["maps"])
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            content: bytes = converter.convert()
        except (RuntimeError, ValueError) as error:
            cause = (str(error).strip().splitlines() or ["unknown"])[0].rstrip(".")
            raise ModelError(
                f"This network cannot be made into a LiteRT file: {cause}. "
                "Use `to='savedmodel'` instead."
            ) from error
    return content


def open_savedmodel(folder: Path, heads: tuple[Head, ...]) -> MapsFunction:
    """Return the function from normalized images (N, H, W, C) to maps of a SavedModel.

    Raises:
        ModelError: It is damaged, or not one of ours.
    """
    loaded = _load_savedmodel(folder)
    run = loaded.signatures["maps"]

    def maps_of(images: NDArray[np.float32]) -> Maps:
        return _channels_first(run(images=tf.constant(images)), heads)

    maps_of.__dict__["loaded"] = loaded  # the signatures do not keep its variables alive
    return maps_of


def open_serving(folder: Path) -> Any:  # noqa: ANN401  a function
    """Return the function from pixels (N, H, W, C) to arrays by name that a server would call.

    Raises:
        ModelError: It is damaged, or not one of ours.
    """
    loaded = _load_savedmodel(folder)
    run = loaded.signatures["serving_default"]

    def serve(images: NDArray[Any]) -> Arrays:
        return {name: value.numpy() for name, value in run(images=tf.constant(images)).items()}

    serve.__dict__["loaded"] = loaded
    return serve


def _load_savedmodel(folder: Path) -> Any:  # noqa: ANN401  TensorFlow's
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ModelError(
            f"{str(folder)!r} must hold a SavedModel; it is damaged. Copy the folder again, or "
            "export the model again."
        ) from error
    if not {"serving_default", "maps"} <= set(loaded.signatures):
        raise ModelError(
            f"The SavedModel in {str(folder)!r} must have the signatures serving_default and maps; "
            f"it has {sorted(loaded.signatures)}. Export the model again."
        )
    return loaded


def _channels_first(outputs: dict[str, Any], heads: tuple[Head, ...]) -> Maps:
    found = {head.name: np.asarray(outputs[head.name]) for head in heads}
    return finite({n: np.ascontiguousarray(v.transpose(0, 3, 1, 2)) for n, v in found.items()})


class Server:
    """What calls `serving_default` of a SavedModel, as a server would, and decodes what it says.

    Args:
        predictor: Of the same model; only what decodes is used of it.
        folder: Of the SavedModel.
        stride: Of the network.
    """

    def __init__(self, predictor: Predictor[Any], folder: Path, stride: int) -> None:
        self.task = predictor.task
        self.computed = "tensorflow serving_default"
        self._predictor, self._stride = predictor, stride
        self._serve = open_serving(folder)

    def read(self, image: Image) -> Reading:
        """Return the maps of an image (H, W, C) of any size."""
        preprocessing = self._predictor.preprocessing
        preprocessing.check(image)
        found = self._serve(image[None])
        frame = preprocessing.frame((image.shape[0], image.shape[1]))
        rows, columns = found.pop(CONTENT, frame.content)
        frame = replace(frame, content=(int(rows), int(columns)))
        maps = {name: np.moveaxis(values[0], -1, 0) for name, values in found.items()}
        return Reading(maps, self._stride if self.task.coarse else 1, frame)

    def decode(self, reading: Reading) -> Any:  # noqa: ANN401  any annotation
        """Return what a reading shows."""
        return self._predictor.decode(reading)
