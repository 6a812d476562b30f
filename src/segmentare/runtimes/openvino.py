"""OpenVINO, on the processor.

By itself OpenVINO computes in bfloat16 wherever the processor can, without a word; here the
precision is what was asked for, and it is checked that it is.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.models.description import Model, finite
from segmentare.runtimes import MapsFunction, Settings, padded
from segmentare.tasks.base import Maps


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    able = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "" if precision != "bfloat16" or "BF16" in able else "this processor has no bfloat16"


@functools.cache
def _core() -> Any:  # noqa: ANN401  openvino.Core
    import openvino

    core = openvino.Core()
    # A mapped file that somebody writes to would take the whole process down.
    core.set_property({"ENABLE_MMAP": False})
    return core


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps; several threads may call it.

    Raises:
        ModelError: The file is damaged, or OpenVINO does not compute it in the precision.
    """
    rest = "bf16" if settings.precision == "bfloat16" else "f32"  # OpenVINO's names
    wanted = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": rest,
        "INFERENCE_NUM_THREADS": settings.cores,
    }
    try:
        compiled = _core().compile_model(str(model.file), "CPU", wanted)
    except RuntimeError as error:
        import openvino

        raise ModelError(
            f"{str(model.file)!r} must be a network that OpenVINO {openvino.__version__} reads; "
            "it is not. Export the model again, or update openvino."
        ) from error
    used = str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
    if used not in (rest, {"f32": "float32", "bf16": "bfloat16"}[rest]):
        raise ModelError(
            f"OpenVINO must compute in {rest}, but on this machine computes in {used}. "
            "Give another `precision`, or `engine='torch'`."
        )
    ports = {head.name: compiled.output(head.name) for head in model.task.heads}
    own = threading.local()  # a request serves one thread at a time

    def maps_of(images: NDArray[np.float32]) -> Maps:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        found = own.request.infer({0: images}, share_inputs=True)
        return finite({name: np.array(found[port]) for name, port in ports.items()})

    return padded(maps_of, model.exported.multiple if model.exported else 1)
