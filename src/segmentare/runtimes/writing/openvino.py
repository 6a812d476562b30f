"""Export to OpenVINO's own format."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from segmentare.models.description import Model
from segmentare.runtimes.writing import INPUT, Written

FILE, DATA = "network.xml", "network.bin"


def write(model: Model, folder: Path) -> Written:
    """Write the network of a run as OpenVINO's `.xml` and `.bin`, all weights in float32.

    Raises:
        ModelError: The model is damaged, or its network has no counterpart in OpenVINO.
    """
    import openvino

    from segmentare.runtimes.writing.graph import trace, unwritable

    program, multiple = trace(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = openvino.convert_model(program)
    except (RuntimeError, ValueError, TypeError) as error:
        raise unwritable("an OpenVINO network", error) from error
    name_ports(made, [head.name for head in model.task.heads])
    save(made, folder)
    return Written((FILE, DATA), multiple)


def name_ports(network: Any, outputs: list[str]) -> None:  # noqa: ANN401  openvino.Model
    """Call the input and the outputs of a network as everything else does."""
    network.inputs[0].get_tensor().set_names({INPUT})
    for port, name in zip(network.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})


def save(network: Any, folder: Path) -> None:  # noqa: ANN401  openvino.Model
    """Write both files; by default OpenVINO would round the weights to float16 without a word."""
    import openvino

    openvino.save_model(network, folder / FILE, compress_to_fp16=False)
