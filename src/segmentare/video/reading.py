"""Videos and cameras as images one by one, by OpenCV."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.errors import DatasetError, InputError
from segmentare.opening import IRREGULAR

Source = str | Path | int  #: a video file, or the number of a camera, which may be text

VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mjpeg"}

USUAL_FPS = 25.0  #: where a video does not say

_levels_lock = threading.Lock()
_levels: list[int] = []  # of OpenCV's log, as those who are in `quiet` found them


@dataclass(frozen=True)
class Frame:
    """One image of a video.

    Attributes:
        number: Its place in the video, from 0.
        seconds: When it is shown; of a camera, since the first frame.
        image: uint8 RGB of shape (H, W, 3).
    """

    number: int
    seconds: float
    image: NDArray[np.uint8]

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.image.shape[0], self.image.shape[1]


class Video:
    """An open video file or camera; close it, or use it in a `with` statement.

    Attributes:
        source: Path, or number of a camera.
        name: What files that come from it are called: the file's stem, or `camera0`.
        fps: Frames per second; `None` where the source does not say.
        size: Height and width; `None` where the source does not say.
        count: Number of frames, as the file says; `None` where it does not, and for cameras.
        remarks: What was odd about the frames read so far, a sentence each.
    """

    def __init__(self, source: Source) -> None:
        """Open it.

        Raises:
            DatasetError: There is no such file or camera, or OpenCV cannot open it.
        """
        self.source = _source(source)
        self.name = _stem(self.source)
        if isinstance(self.source, Path) and (self.source.is_fifo() or self.source.is_socket()):
            raise DatasetError(f"'{self.source}' must be a video; {IRREGULAR}.")
        with quiet():
            self._capture = cv2.VideoCapture(
                self.source if isinstance(self.source, int) else str(self.source)
            )
        if not self._capture.isOpened():
            raise DatasetError(_why_not_open(self.source))
        self.fps = _positive(self._capture.get(cv2.CAP_PROP_FPS), most=1000)
        height = _positive(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT), most=1 << 16)
        width = _positive(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH), most=1 << 16)
        self.size: Size | None = (int(height), int(width)) if height and width else None
        count = _positive(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), most=1e9)
        self.count = None if self.is_camera or count is None else int(count)
        self.remarks: list[str] = []

    @property
    def is_camera(self) -> bool:
        """Whether it never ends by itself."""
        return isinstance(self.source, int)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of file or camera."""
        self._capture.release()

    def wanted(self, first: int = 0, last: int | None = None, step: int = 1) -> int | None:
        """Return how many frames `frames` will yield, as far as the file says the truth."""
        if self.count is None and last is None:
            return None
        ends = [end for end in (self.count, None if last is None else last + 1) if end is not None]
        return len(range(first, min(ends), step))

    def frames(self, first: int = 0, last: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Yield every `step`-th frame from `first` to `last`; once, for a video is not rewound.

        A video that ends before it should, and frames of another size, are said in `remarks`.

        Args:
            first: Number of the first frame, from 0.
            last: Number of the last frame that may be yielded; `None`: to the end.
            step: Distance between frames.

        Raises:
            InputError: The numbers make no range.
            DatasetError: There is no frame at all, none can be decoded, or none so late.
        """
        if first < 0 or step < 1 or (last is not None and last < first):
            raise InputError(
                f"Frames must go from 0 or more up to the last one in steps of 1 or more; got "
                f"first {first}, last {last} and step {step}."
            )
        number, yielded, start = 0, 0, time.monotonic()
        while last is None or number <= last:
            with quiet():
                if not self._capture.grab():
                    break
                chosen = number >= first and (number - first) % step == 0
                read, image = self._capture.retrieve() if chosen else (True, None)
            if not read:
                break
            if image is not None:
                elapsed = time.monotonic() - start if self.is_camera else self._time(number)
                yield Frame(number, elapsed, self._looked_at(image, number))
                yielded += 1
            number += 1
        self._end(number, yielded, (first, last))

    def _time(self, number: int) -> float:
        return number / (self.fps or USUAL_FPS)

    def _looked_at(self, image: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """Return the frame in RGB; say it where its size is new."""
        size = image.shape[0], image.shape[1]
        if self.size is not None and size != self.size:
            self.remarks.append(
                f"'{self._shown}' changes its size at frame {number}, from {self.size[1]} x "
                f"{self.size[0]} to {size[1]} x {size[0]} pixels; what is drawn is stretched."
            )
        self.size = size
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    def _end(self, read: int, yielded: int, wanted: tuple[int, int | None]) -> None:
        """Look back after the last frame.

        Raises:
            DatasetError: Nothing was yielded.
        """
        first, last = wanted
        if read == 0:
            codec = _codec(self._capture)
            raise DatasetError(
                f"'{self._shown}' must hold frames that OpenCV can decode; it gave none"
                + (f" (codec '{codec}', {self.count} frames announced). " if codec else ". ")
                + "Convert it, for example with: ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4"
            )
        if yielded == 0:
            raise DatasetError(
                f"'{self._shown}' has {read} frames, numbers 0 to {read - 1}; there is no frame "
                f"{first} to begin with."
            )
        end = self.count if last is None else min(last + 1, self.count or last + 1)
        if end is not None and read < end:
            self.remarks.append(
                f"'{self._shown}' ends early: frame {end - 1} should be there, but the last one "
                f"that could be read is {read - 1}."
            )

    @property
    def _shown(self) -> str:
        return f"camera {self.source}" if isinstance(self.source, int) else self.source.name


def frames(
    source: Source, first: int = 0, last: int | None = None, step: int = 1
) -> Iterator[Frame]:
    """Yield frames of a video or camera; arguments and errors as in `Video.frames`."""
    with Video(source) as video:
        yield from video.frames(first, last, step)


def is_video(path: str | Path) -> bool:
    """Tell by its name whether a path is a video, or the number of a camera."""
    return str(path).isdigit() or Path(path).suffix.lower() in VIDEOS


def _source(source: Source) -> Path | int:
    if isinstance(source, int):
        return source
    return int(str(source)) if str(source).isdigit() and not Path(source).exists() else Path(source)


def _stem(source: Path | int) -> str:
    return f"camera{source}" if isinstance(source, int) else source.stem


def _why_not_open(source: Path | int) -> str:
    if isinstance(source, int):
        return (
            f"There must be a camera {source}; OpenCV finds none. Connect it, close programs that "
            "use it, or give another number."
        )
    if not source.is_file():
        return f"'{source}' must be a video; it does not exist."
    if source.stat().st_size == 0:
        return f"'{source.name}' must be a video; it is empty (0 bytes)."
    return (
        f"'{source.name}' must be a video that OpenCV can open; it is none, it is damaged, or its "
        "end was never written. Convert it, for example with: ffmpeg -i INPUT -c:v libx264 "
        "OUTPUT.mp4"
    )


def _codec(capture: cv2.VideoCapture) -> str:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 255) for shift in (0, 8, 16, 24)) if code > 0 else ""
    return letters if letters.isprintable() else ""


def _positive(value: float, most: float) -> float | None:
    """Return a number that a file says, if it can be believed."""
    return float(value) if math.isfinite(value) and 0 < value <= most else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from writing to the error stream what `DatasetError` says better.

    Several threads may be in it; the last one that leaves puts back what the first one found.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # OpenCV reads it once, when it starts
    with _levels_lock:
        _levels.append(cv2.utils.logging.getLogLevel())
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        with _levels_lock:
            level = _levels.pop()
            if not _levels:
                cv2.utils.logging.setLogLevel(level)
