"""ONNX Runtime, on the processor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.models.description import Model, finite
from segmentare.runtimes import MapsFunction, Settings, padded
from segmentare.tasks.base import Maps

_QUIET = 3  # of ONNX Runtime's levels: errors only


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    del precision
    return ""


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps.

    Raises:
        ModelError: The file is damaged, or of a version that this ONNX Runtime does not read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.cores
    options.log_severity_level = _QUIET
    try:
        session: Any = onnxruntime.InferenceSession(
            str(model.file), options, providers=["CPUExecutionProvider"]
        )
    except _errors() as error:
        raise ModelError(
            f"{str(model.file)!r} must be a network that ONNX Runtime {onnxruntime.__version__} "
            "reads; it is not. Export the model again, or update onnxruntime."
        ) from error
    names = [head.name for head in model.task.heads]
    source = session.get_inputs()[0].name

    def maps_of(images: NDArray[np.float32]) -> Maps:
        found = session.run(names, {source: images})
        return finite(dict(zip(names, found, strict=True)))

    return padded(maps_of, model.exported.multiple if model.exported else 1)


def _errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of ONNX Runtime, which have no common base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return (RuntimeError, *(getattr(state, name) for name in names if hasattr(state, name)))
