"""Pictures as a video file, by OpenCV, in a form that browsers play where it can write one."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size, resample
from segmentare.errors import InputError, OutputExistsError
from segmentare.video.reading import USUAL_FPS, quiet

#: Codecs by ending, the best first. OpenCV's wheels hold no H.264, so the second way is the usual
#: one; VP9 plays as well, but takes six times as long to write.
_CODECS = {".mp4": ("avc1", "mp4v"), ".webm": ("VP80",)}
_PLAYED = {"avc1", "VP80"}  # by browsers, without a plugin


class VideoFile:
    """A video that is being written: whole in its place, or not at all.

    Use it in a `with` statement. Leaving it moves the file into place; an exception, or no frame
    at all, leaves nothing behind.
    """

    def __init__(self, path: Path, fps: float | None = None, *, overwrite: bool = False) -> None:
        """Get ready; the first frame decides the size.

        Args:
            path: Ends in `.mp4` or `.webm`; `best_ending` says which of them browsers play.
            fps: Frames per second; `None`: 25.
            overwrite: Replace a file that exists.

        Raises:
            OutputExistsError: The file exists and `overwrite` is not set.
            InputError: The path has another ending.
        """
        ending = path.suffix.lower()
        if ending not in _CODECS:
            raise InputError(f"Videos are written as '.mp4' or '.webm'; got '{path.name}'.")
        if not overwrite and path.exists():
            raise OutputExistsError(
                f"'{path}' exists already. Remove it, choose another folder, or allow overwriting."
            )
        self._path, self._fps = path, _writable(fps or USUAL_FPS)
        self._codec = next((code for code in _CODECS[ending] if _writes(code)), _CODECS[ending][-1])
        self._temporary = path.with_name(f".{uuid.uuid4().hex}{ending}")  # it says the format
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
            self._writer = _open(self._temporary, self._codec, self._fps, self._size)
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


def best_ending() -> str:
    """Return the ending of videos that browsers play, `.mp4` where none can be written."""
    ways = ((ending, code) for ending, codes in _CODECS.items() for code in codes)
    return next((ending for ending, code in ways if code in _PLAYED and _writes(code)), ".mp4")


def playing_remark(name: str) -> str:
    """Say that a written video does not play in browsers; "" where it does.

    Args:
        name: Of the file.
    """
    codes = _CODECS[Path(name).suffix.lower()]
    if next((code for code in codes if _writes(code)), "") in _PLAYED:
        return ""
    return (
        f"'{name}' does not play in browsers: the installed OpenCV writes neither H.264 nor VP8. "
        f"VLC plays it; so do browsers after: ffmpeg -i '{name}' -c:v libx264 OUTPUT.mp4"
    )


@functools.cache
def _writes(code: str) -> bool:
    """Tell by trying whether OpenCV can write a codec."""
    ending = next(ending for ending, codes in _CODECS.items() if code in codes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"try{ending}"
        writer = _open(path, code, USUAL_FPS, (64, 64))
        opened = writer.isOpened()
        if opened:
            writer.write(np.zeros((64, 64, 3), np.uint8))
        writer.release()
        return opened and path.is_file() and path.stat().st_size > 0


def _open(path: Path, code: str, fps: float, size: Size) -> cv2.VideoWriter:
    letters = cv2.VideoWriter.fourcc(*code)
    with quiet(), _no_error_stream():
        return cv2.VideoWriter(str(path), letters, fps, (size[1], size[0]))


@contextlib.contextmanager
def _no_error_stream() -> Iterator[None]:
    """Drop what OpenCV prints past its own log: that VP8 in WebM has no tag, which it needs not."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no error stream
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _writable(fps: float) -> float:
    """Return a rate that the codec can store: a fraction of numbers below 65536."""
    return round(min(fps, 240.0), 3 if fps < 60 else 2)
