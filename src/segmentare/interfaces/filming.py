"""`segmentare predict` on videos and cameras: every frame predicted, followed, drawn and listed."""

from __future__ import annotations

import contextlib
import glob
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import Segmentation
from segmentare.datasets import openpose
from segmentare.datasets.as_skeleton import in_skeleton
from segmentare.geometry import resample
from segmentare.interfaces.display import Display
from segmentare.poses import Keypoints, Poses, Skeleton
from segmentare.prediction import files
from segmentare.prediction.drawing_poses import LEAST
from segmentare.prediction.per_frame import describe, draw
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.smoothing import OneEuro, Smoothing, smooth
from segmentare.prediction.tracking import Tracks, follow_objects, follow_poses
from segmentare.prediction.video import Source, Video
from segmentare.prediction.video_file import VideoFile, best_ending, playing_remark

_MEASURED = 10  # frames of a camera after which its true rate is known


@dataclass(frozen=True)
class VideoOutputs:
    """Which frames are predicted, and what is made of them.

    Attributes:
        first: Number of the first frame, from 0.
        last: Number of the last frame that may be used; `None`: to the end.
        step: Distance between frames.
        track: Give people and objects ids that stay from frame to frame.
        smooth: Calm the keypoints over time; only with `track`.
        rendered: Write `<stem>.webm`, what was found drawn over the frames, or `<stem>.mp4` where
            OpenCV can write H.264: see `video_file.best_ending`.
        openpose: Write OpenPose's JSON with so many keypoints, 25 or 18, one file per frame, into
            the folder `<stem>_json`; `None`: none.
        least: Keypoints below this score are not drawn.
        skeleton: Keypoints that are written and drawn instead of the model's.
        overwrite: Replace files of an earlier run.
        filter: Settings of `smooth`.
        tracks: Settings of `track`.
    """

    first: int = 0
    last: int | None = None
    step: int = 1
    track: bool = True
    smooth: bool = True
    rendered: bool = True
    openpose: int | None = None
    least: float = LEAST
    skeleton: Skeleton | None = None
    overwrite: bool = False
    filter: OneEuro = field(default_factory=OneEuro)
    tracks: Tracks[Any] = field(default_factory=Tracks)


@dataclass(frozen=True)
class Filmed:
    """What the prediction of a video did.

    Attributes:
        name: What its files begin with.
        frames: How many frames were predicted.
        rate: Frames per second that were predicted, drawn and written.
        ids: How many people or objects were told apart over the whole video; 0 without tracking.
        files: What was written.
        remarks: What was odd, a sentence each.
    """

    name: str
    frames: int
    rate: float
    ids: int
    files: list[Path]
    remarks: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "video": self.name,
            "frames": self.frames,
            "frames_per_second": round(self.rate, 2),
            "ids": self.ids,
            "files": [str(path) for path in self.files],
            "remarks": self.remarks,
        }


def predict_video(
    predictor: Predictor[Any],
    source: Source,
    out: str | Path,
    outputs: VideoOutputs | None = None,
    display: Display | None = None,
) -> Filmed:
    """Predict the frames of a video file or a camera; a camera goes on until Ctrl+C.

    `<stem>.jsonl` has one line per frame: `frame`, `seconds`, and what is in it (see
    `per_frame.describe`).
    It and the rendered video are whole or absent.

    Args:
        predictor: Of any task.
        source: A video file, or the number of a camera.
        out: Folder for the results; made if it is missing.
        outputs: What to do.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        DatasetError: The video or camera cannot be read.
        FileExistsError: A result is there already and `outputs.overwrite` is false.
        ValueError: The frames make no range, or OpenPose's layout does not fit the keypoints.
    """
    outputs, display, out = outputs or VideoOutputs(), display or Display(quiet=True), Path(out)
    skeleton = getattr(predictor.task, "skeleton", None)
    if outputs.openpose is not None and skeleton is None:
        raise ValueError(
            f"OpenPose's files hold keypoints, which the task '{predictor.task.name}' does not "
            "find. Leave them out."
        )
    with Video(source) as video:
        places = _places(out, video.name, outputs)
        out.mkdir(parents=True, exist_ok=True)
        _clear(places.get("openpose"), video.name)
        cast, total = _Cast(outputs), video.wanted(outputs.first, outputs.last, outputs.step)
        start, count, size = time.monotonic(), 0, None
        with (
            display.bar(f"Predicting {video.name}", total or 0) as bar,
            _lines(places["lines"]) as lines,
            _Film(places.get("rendered"), video, outputs) as film,
            contextlib.suppress(*[KeyboardInterrupt] * video.is_camera),
        ):
            for frame in video.frames(outputs.first, outputs.last, outputs.step):
                size = size or frame.size
                shown = replace(frame, image=np.asarray(resample(frame.image, size)))
                found = cast.follow(predictor.predict(shown.image), frame.seconds)
                row = describe(found, predictor.task.categories, video.name, shown)
                lines.write(json.dumps(row) + "\n")
                _write_openpose(places.get("openpose"), video.name, frame.number, found, outputs)
                if outputs.rendered:
                    picture = draw(shown.image, found, predictor.task.categories, outputs.least)
                    film.add(picture, frame.seconds)
                count += 1
                rate = count / max(time.monotonic() - start, 1e-9)
                bar.show(count, total or count, f"{rate:.1f} frames/s")
    rate = count / max(time.monotonic() - start, 1e-9)
    display.say(f"{video.name}: {count} frames, {rate:.1f} frames per second.")
    remarks = [*video.remarks]
    if outputs.rendered and (said := playing_remark(places["rendered"].name)):
        remarks.append(said)
    for remark in remarks:
        display.warn(remark)
    return Filmed(video.name, count, rate, cast.ids, list(places.values()), remarks)


class _Cast:
    """Who is in the video, up to now."""

    def __init__(self, outputs: VideoOutputs) -> None:
        self._outputs = outputs
        self._people: Tracks[Keypoints] = outputs.tracks
        self._objects: Tracks[NDArray[np.bool_]] = outputs.tracks
        self._smoothing = Smoothing(outputs.filter)

    @property
    def ids(self) -> int:
        """How many were told apart."""
        return self._people.given + self._objects.given

    def follow(self, found: Any, seconds: float) -> Any:  # noqa: ANN401 - any annotation
        """Return what a frame shows with ids, and smoothed, as far as it has any."""
        if isinstance(found, Poses) and self._outputs.skeleton is not None:
            found = in_skeleton(found, self._outputs.skeleton)
        if not self._outputs.track:
            return found
        if isinstance(found, Poses):
            self._people, found = follow_poses(self._people, found)
            if self._outputs.smooth:
                self._smoothing, found = smooth(self._smoothing, found, seconds)
        elif isinstance(found, Segmentation) and found.instance is not None:
            self._objects, found = follow_objects(self._objects, found)
        return found


class _Film:
    """The rendered video; that of a camera waits until its rate is known."""

    def __init__(self, path: Path | None, video: Video, outputs: VideoOutputs) -> None:
        self._path, self._overwrite = path, outputs.overwrite
        self._camera, self._fps = video.is_camera, (video.fps or 0) / outputs.step or None
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


def _places(out: Path, name: str, outputs: VideoOutputs) -> dict[str, Path]:
    """Return where each result goes.

    Raises:
        FileExistsError: One is there and must not be replaced.
    """
    places = {"lines": out / f"{name}.jsonl"}
    if outputs.rendered:
        places["rendered"] = out / f"{name}{best_ending()}"
    if outputs.openpose is not None:
        places["openpose"] = out / f"{name}_json"
    there = [path.name for path in places.values() if path.exists()]
    if there and not outputs.overwrite:
        raise FileExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another --out, or --overwrite."
        )
    return places


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[TextIO]:
    """Open a text file that is moved into place at the end, or removed after an exception."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as opened:
            yield opened
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _clear(folder: Path | None, name: str) -> None:
    """Remove the frames of an earlier run, of which there may have been more."""
    if folder is not None:
        for path in folder.glob(f"{glob.escape(name)}_{'[0-9]' * 12}{openpose.SUFFIX}"):
            path.unlink()


def _write_openpose(
    folder: Path | None, name: str, number: int, found: Poses, outputs: VideoOutputs
) -> None:
    if folder is None:
        return
    text = openpose.to_json(found, outputs.openpose)
    folder.mkdir(exist_ok=True)
    path = folder / openpose.file_name(name, number)
    files.write_bytes(path, text.encode(), overwrite=outputs.overwrite)
