"""`segmentare bench`: how fast every engine computes a model on this machine, and how exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segmentare.commands.options import command
from segmentare.commands.values import Folder, Pixels, parse_size

if TYPE_CHECKING:
    from segmentare.commands.benching import Bench


@command
def bench(
    run: Folder,
    *,
    also: Sequence[Folder] = (),
    data: Folder | None = None,
    size: Pixels | None = None,
    seconds: float = 4.0,
    quiet: bool = False,
) -> Bench:
    """Measure every engine that computes a model here: time, memory, agreement.

    Args:
        run (RUN): Folder of the model, of a training or an export.
        also (EXPORT): Other forms of the same model, such as its export in 8-bit integers.
        data (DATA): Images to measure on; left out, noise.
        size: Size of the network's input, such as 256 or 192x256 (height x width); left out, as the
            model sees the first image. It concerns the maps alone, not the time from file to file.
        seconds (SECONDS): Time that each engine computes maps for.
        quiet: Show no progress.

    Returns:
        A row per engine and precision.

    Raises:
        ModelError: The model is damaged, or nothing here computes it.
        DatasetError: There are no such images.
        InputError: None of the images suits the model.

    Examples:
        segmentare bench run
        segmentare bench run --also small_int8 --data photos --size 256
    """
    from segmentare.commands.benching import measure
    from segmentare.progress import Display

    return measure(
        [Path(folder) for folder in (run, *also)],
        data=None if data is None else Path(data),
        size=None if size is None else parse_size(size),
        seconds=seconds,
        display=Display(quiet=quiet),
    )
