"""Export to a program of PyTorch, which runs without the code of the network."""

from __future__ import annotations

from pathlib import Path

import torch

from segmentare.models.description import Model
from segmentare.runtimes.writing import Written
from segmentare.runtimes.writing.graph import trace

FILE = "network.pt2"


def write(model: Model, folder: Path) -> Written:
    """Write the network of a run as a `torch.export` archive.

    Raises:
        ModelError: The model is damaged, or its network cannot be traced.
    """
    program, multiple = trace(model, indices=True)
    torch.export.save(program, folder / FILE)
    return Written((FILE,), multiple)
