"""`segmentare export`: a model for another runtime, run there and compared before it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segmentare.commands.options import command
from segmentare.commands.values import Folder

if TYPE_CHECKING:
    from segmentare.runtimes.exporting import Export


@command
def export(
    run: Folder,
    to: Literal["onnx", "openvino", "savedmodel", "litert"],
    out: Folder | None = None,
    *,
    overwrite: bool = False,
    data: Folder | None = None,
    images: int = 24,
    int8: bool = False,
    calibrate: int = 64,
    most_lost: float = 0.01,
    flips: bool = False,
    reader: str | None = None,
    quiet: bool = False,
) -> Export:
    """Write a model for another runtime, run it there, and compare it with the model.

    What answers otherwise than the model is not kept.

    Args:
        run (RUN): Folder of the model.
        to (--to FORMAT): Format; the last two are TensorFlow's.
        out (--out DIR): New folder; left out, RUN-<format> next to RUN.
        overwrite: Replace an earlier export, unless there are other files in it.
        data (DATA): Dataset or images to compare on; left out, noise.
        images (N): Number of images to compare on, at most.
        int8: Quantize to 8-bit integers (openvino and litert).
        calibrate (N): Number of images that int8 is calibrated on, at most.
        most_lost (SCORE): How much of the main score int8 may lose.
        flips: Let the export average the predictions of four mirror images.
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        quiet: Show no progress.

    Returns:
        The new folder, and what the comparison found.

    Raises:
        ModelError: The model is damaged, cannot be written in this format, or what was written
            answers otherwise.
        MissingPackageError: A package that is needed is not installed.
        DatasetError: There are no images to compare on.
        OutputExistsError: The folder is there already.
        InputError: The format cannot be quantized, or the images do not suit the model.

    Examples:
        segmentare export run --to openvino --data photos
        segmentare export run --to openvino --int8 --data photos --out small
        segmentare export run --to onnx --data photos --flips
    """
    from segmentare.progress import Display
    from segmentare.runtimes import exporting

    options = exporting.ExportOptions(
        data=None if data is None else Path(data),
        reader=reader,
        images=images,
        int8=int8,
        calibrate=calibrate,
        most_lost=most_lost,
        flips=flips,
        overwrite=overwrite,
    )
    return exporting.export(run, to, out, options, Display(quiet=quiet))
