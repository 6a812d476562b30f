"""8-bit integers instead of 32-bit floats, by NNCF: smaller and faster, and a little less exact.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, https://arxiv.org/abs/1712.05877; as post-training
quantization in https://github.com/openvinotoolkit/nncf
"""

from __future__ import annotations

import importlib.util
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.models.description import Model
from segmentare.prediction.predictor import Predictor
from segmentare.runtimes.writing import openvino as exporter
from segmentare.runtimes.writing import seal
from segmentare.tasks.base import Maps

FORMAT = "openvino"  #: the only format that is quantized here


def check_quantizing(to: str) -> None:
    """Stop unless a format can be quantized here.

    Raises:
        InputError: It cannot be quantized.
        MissingPackageError: NNCF is not installed.
    """
    if to != FORMAT:
        raise InputError(
            f"Only the formats {FORMAT} and litert can be quantized to int8; got {to}."
        )
    if importlib.util.find_spec("nncf") is None:
        raise MissingPackageError(
            "To quantize to int8, nncf must be installed. Run: pip install 'segmentare[export]'"
        )


def quantize(model: Model, images: Sequence[Image]) -> Model:
    """Replace the numbers of an OpenVINO export by 8-bit integers, in its own folder.

    Args:
        model: An export to OpenVINO in 32-bit floats.
        images: The range of all activations is measured on these; some dozens of the kind that the
            model will see, none of those that it is scored on.

    Raises:
        ModelError: It is no such export.
        MissingPackageError: NNCF is not installed.
    """
    if model.exported is None or model.exported.precision != "float32":
        raise ModelError(
            f"Only an export in float32 can be quantized; {str(model.folder)!r} is none."
        )
    check_quantizing(model.format)
    import nncf
    import openvino

    logging.getLogger("nncf").setLevel(logging.ERROR)
    network = openvino.Core().read_model(model.file)
    batches = [batch for image in images for batch in _inputs(model, image)]
    made: Any = nncf.quantize(
        network,
        nncf.Dataset(batches),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(batches),
        # Processors without VNNI add up products in 16 bits, so weights take 7 bits of their 8.
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
    exporter.name_ports(made, [head.name for head in model.task.heads])
    with tempfile.TemporaryDirectory(dir=model.folder) as temporary:
        exporter.save(made, Path(temporary))  # the old files are still mapped into memory
        for name in model.exported.files:
            (Path(temporary) / name).replace(model.folder / name)
    exported = replace(model.exported, precision="int8")
    return seal(model, model.folder, exported, tuple(model.exported.files))


def _inputs(model: Model, image: Image) -> Iterator[NDArray[np.float32]]:
    """Yield what the network is given of an image, one tile at a time."""
    seen: list[NDArray[np.float32]] = []

    def record(batch: NDArray[np.float32]) -> Maps:
        seen.append(batch)
        rows, columns = batch.shape[1:3]
        heads = model.task.heads
        return {h.name: np.zeros((len(batch), h.channels, rows, columns), "f4") for h in heads}

    Predictor(record, model.task, model.preprocessing).maps(image)
    for batch in seen:
        for tile in batch:
            yield tile[None]
