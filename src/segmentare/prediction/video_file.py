"""Pictures as a video file, by OpenCV."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.geometry import Size, resample
from segmentare.prediction.video import USUAL_FPS, quiet

_CODEC = "mp4v"  # H.264 would play in browsers, but OpenCV's wheels cannot write it


class VideoFile:
    """A video that is being written: whole in its place, or not at all.

    Use it in a `with` statement. Leaving it moves the file into place; an exception, or no frame
    at all, leaves nothing behind.
    """

    def __init__(self, path: Path, fps: float | None = None, *, overwrite: bool = False) -> None:
        """Get ready; the first frame decides the size.

        Args:
            path: Ends in `.mp4`.
            fps: Frames per second; `None`: 25.
            overwrite: Replace a file that exists.

        Raises:
            FileExistsError: The file exists and `overwrite` is not set.
            ValueError: The path has another ending.
        """
        if path.suffix.lower() != ".mp4":
            raise ValueError(f"Videos are written as '.mp4'; got '{path.name}'.")
        if not overwrite and path.exists():
            raise FileExistsError(
                f"'{path}' exists already. Remove it, choose another folder, or allow overwriting."
            )
        self._path, self._fps = path, _writable(fps or USUAL_FPS)
        self._temporary = path.with_name(f".{uuid.uuid4().hex}.mp4")  # its ending says the format
        self._writer: cv2.VideoWriter | None = None
        self._size: Size = (0, 0)

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture (H, W, 3), uint8 RGB; stretched if its size is not that of the first.

        Raises:
            OSError: The file cannot be written.
        """
        if self._writer is None:
            # the codec stores colors for 2 x 2 pixels, so an odd row or column is cut off
            self._size = max(2, picture.shape[0] // 2 * 2), max(2, picture.shape[1] // 2 * 2)
            with quiet():
                self._writer = cv2.VideoWriter(
                    str(self._temporary),
                    cv2.VideoWriter.fourcc(*_CODEC),
                    self._fps,
                    (self._size[1], self._size[0]),
                )
            if not self._writer.isOpened():
                raise OSError(f"'{self._path}' cannot be written: is the folder there, and open?")
        height, width = self._size
        if picture.shape[0] // 2 * 2 != height or picture.shape[1] // 2 * 2 != width:
            picture = np.asarray(resample(picture, self._size))
        self._writer.write(cv2.cvtColor(picture[:height, :width], cv2.COLOR_RGB2BGR))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writer is not None:
                self._writer.release()
                if kind is None:
                    self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)


def _writable(fps: float) -> float:
    """Return a rate that the codec can store: a fraction of numbers below 65536."""
    return round(min(fps, 240.0), 3 if fps < 60 else 2)
