"""What was found in a video, drawn over its frames and written as a video."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segmentare.video.reading import Video
from segmentare.video.writing import VideoFile

_MEASURED = 10  # frames of a camera after which its true rate is known


class Film:
    """The rendered video; that of a camera waits until its rate is known."""

    def __init__(self, path: Path | None, video: Video, step: int, *, overwrite: bool) -> None:
        """Plan it.

        Args:
            path: Of the file; `None`: nothing is written.
            video: Where the frames come from.
            step: Distance between frames.
            overwrite: Replace a file of an earlier run.
        """
        self._path, self._overwrite = path, overwrite
        self._camera, self._fps = video.is_camera, (video.fps or 0) / step or None
        self._waiting: list[tuple[NDArray[np.uint8], float]] = []
        self._file: VideoFile | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def add(self, picture: NDArray[np.uint8], seconds: float) -> None:
        """Append a picture."""
        self._waiting.append((picture, seconds))
        if self._file is not None or not self._camera or len(self._waiting) == _MEASURED:
            self._flush()

    def _flush(self) -> None:
        if self._path is None or not self._waiting:
            return
        if self._file is None:
            passed = self._waiting[-1][1] - self._waiting[0][1]
            if self._camera and passed > 0:
                self._fps = (len(self._waiting) - 1) / passed
            self._file = self._stack.enter_context(
                VideoFile(self._path, self._fps, overwrite=self._overwrite)
            )
        for picture, _ in self._waiting:
            self._file.add(picture)
        self._waiting.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._stack.__exit__(kind, error, trace)
