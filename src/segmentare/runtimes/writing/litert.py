"""Export to LiteRT, once TensorFlow Lite: phones, boards, and processors without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from segmentare.atomic import write_bytes
from segmentare.models.description import Model
from segmentare.runtimes.writing import Written

FILE = "network.tflite"


def write(model: Model, folder: Path, *, int8: bool = False) -> Written:
    """Write the network of a run as one LiteRT file with the signature `maps`.

    Its input `images` is normalized float32 of shape (N, H, W, C), of any size; its outputs are
    named as the heads are, and are (N, H / stride, W / stride, channels).

    Args:
        model: What a training left.
        folder: Is there.
        int8: Weights as 8-bit integers, activations quantized while it runs, each by its own range.

    Raises:
        ModelError: The model is damaged, or its network has no counterpart in LiteRT.
        MissingPackageError: TensorFlow is not installed.
    """
    from segmentare.keras.exports import litert_content
    from segmentare.keras.inference import restore

    write_bytes(folder / FILE, litert_content(restore(model.folder), int8=int8))
    return Written((FILE,), 1)
