"""LiteRT, on the processor: by its own small package, or by what TensorFlow has of it."""

from __future__ import annotations

import importlib.util
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.models.description import Model, finite
from segmentare.models.frameworks import hushed
from segmentare.opening import read_bytes
from segmentare.runtimes import MapsFunction, Settings
from segmentare.tasks.base import Maps

SIGNATURE = "maps"  #: the one function of the file


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    del precision
    return ""


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps; several threads may call it, one waits for another.

    Raises:
        ModelError: The file is none of LiteRT, or of a version that this one does not read.
    """
    try:
        with hushed():
            run = _interpreter(model.file, settings.cores).get_signature_runner(SIGNATURE)
            run(images=np.zeros((1, 32, 32, model.preprocessing.channels), np.float32))
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"{str(model.file)!r} must be a network that the installed LiteRT reads; it is not. "
            "Export the model again, or update ai-edge-litert or tensorflow."
        ) from error
    lock = threading.Lock()

    def maps_of(images: NDArray[np.float32]) -> Maps:
        with lock:
            found = run(images=images)
        last = {head.name: found[head.name] for head in model.task.heads}
        return finite({n: np.ascontiguousarray(v.transpose(0, 3, 1, 2)) for n, v in last.items()})

    return maps_of


def _interpreter(file: Path, threads: int) -> Any:  # noqa: ANN401  of either package
    content = read_bytes(file)  # a mapped file that somebody writes to would take the process down
    if importlib.util.find_spec("ai_edge_litert") is not None:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=content, num_threads=threads)
    from segmentare import keras  # settles how TensorFlow is imported

    del keras
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the class is to move to the small package one day
        return tf.lite.Interpreter(model_content=content, num_threads=threads)
