"""Export to ONNX."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from segmentare.atomic import write_bytes
from segmentare.models.description import Model
from segmentare.runtimes.writing import INPUT, Written
from segmentare.runtimes.writing.graph import trace, unwritable

FILE = "network.onnx"
OPSET = (
    18  #: the lowest that the exporter writes without a conversion, so the most runtimes read it
)


def write(model: Model, folder: Path) -> Written:
    """Write the network of a run as one ONNX file.

    Its input `images` is float32 of shape (N, H, W, C), normalized as the file's own metadata
    say; its outputs are named as the heads are.

    Raises:
        ModelError: The model is damaged, or its network has no counterpart in ONNX.
    """
    program, multiple = trace(model)
    try:
        with _quietly():
            made: Any = torch.onnx.export(
                program,
                dynamo=True,
                input_names=[INPUT],
                output_names=[head.name for head in model.task.heads],
                opset_version=OPSET,
            )
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        raise unwritable("an ONNX file", error) from error
    proto = made.model_proto
    for name, value in _metadata(model, multiple).items():
        proto.metadata_props.add(key=name, value=value)
    write_bytes(folder / FILE, proto.SerializeToString())
    return Written((FILE,), multiple)


@contextlib.contextmanager
def _quietly() -> Any:  # noqa: ANN401  a context
    """Keep the exporter's notes on its own progress from the user."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _metadata(model: Model, multiple: int) -> dict[str, str]:
    """Return what somebody needs who has the file alone."""
    preprocessing = model.preprocessing
    return {
        "input": "(pixels - mean) / std, float32, (N, H, W, C); H and W are multiples of "
        f"{multiple}",
        "mean": json.dumps(preprocessing.mean),
        "std": json.dumps(preprocessing.std),
        "outputs": json.dumps({head.name: head.kind for head in model.task.heads}),
        "categories": json.dumps([category.name for category in model.task.categories]),
        "made by": "segmentare; model.json beside this file holds sizes, tiling and thresholds",
    }
