"""`segmentare predict` on videos and cameras: every frame predicted, followed, drawn and listed."""

from __future__ import annotations

import contextlib
import glob
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import resample
from segmentare.annotations.poses import Keypoints, Poses
from segmentare.annotations.segmentation import Segmentation
from segmentare.atomic import replacing, write_bytes
from segmentare.datasets.as_skeleton import in_skeleton
from segmentare.datasets.readers import openpose
from segmentare.errors import InputError, OutputExistsError
from segmentare.overwriting import check_inputs
from segmentare.prediction.pipeline import WriteBehind, iterate_ahead
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display
from segmentare.results.outputs import VideoOutputs
from segmentare.video.drawing import Film
from segmentare.video.frames import describe, draw
from segmentare.video.reading import Frame, Source, Video
from segmentare.video.smoothing import OneEuro, Smoothing, smooth
from segmentare.video.tracking import Tracks, follow_objects, follow_poses
from segmentare.video.writing import best_ending, playing_remark


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
        OutputExistsError: A result would replace the video itself, or it is there already and
            `outputs.overwrite` is false.
        InputError: The frames make no range, or OpenPose's layout does not fit the keypoints.
    """
    outputs, display, out = outputs or VideoOutputs(), display or Display(quiet=True), Path(out)
    skeleton = getattr(predictor.task, "skeleton", None)
    if outputs.openpose is not None and skeleton is None:
        raise InputError(
            f"OpenPose's files hold keypoints, which the task '{predictor.task.name}' does not "
            "find. Leave them out."
        )
    with Video(source) as video:
        places = _places(out, video.name, outputs)
        check_inputs(places.values(), [] if video.is_camera else [Path(str(source))])
        out.mkdir(parents=True, exist_ok=True)
        _clear(places.get("openpose"), video.name)
        cast, total = _Cast(outputs), video.wanted(outputs.first, outputs.last, outputs.step)
        start, done = time.monotonic(), 0
        with (
            display.bar(f"Predicting {video.name}", total or 0) as bar,
            _lines(places["lines"]) as lines,
            Film(places.get("rendered"), video, outputs.step, overwrite=outputs.overwrite) as film,
            WriteBehind[None]() as behind,
            contextlib.closing(iterate_ahead(_frames(video, outputs))) as frames,
            contextlib.suppress(*[KeyboardInterrupt] * video.is_camera),
        ):
            results = _Results(predictor, video.name, outputs, places, cast, lines, film)
            for frame in frames:
                behind.submit(partial(results.write, frame, predictor.predict(frame.image)))
                done += 1
                rate = done / max(time.monotonic() - start, 1e-9)
                bar.show(done, total or done, f"{rate:.1f} frames/s")
    rate = done / max(time.monotonic() - start, 1e-9)
    display.say(f"{video.name}: {done} frames, {rate:.1f} frames per second.")
    remarks = [*video.remarks]
    if outputs.rendered and (said := playing_remark(places["rendered"].name)):
        remarks.append(said)
    for remark in remarks:
        display.warn(remark)
    return Filmed(video.name, done, rate, cast.ids, list(places.values()), remarks)


def _frames(video: Video, outputs: VideoOutputs) -> Iterator[Frame]:
    """Yield the wanted frames, all in the size of the first."""
    size = None
    for frame in video.frames(outputs.first, outputs.last, outputs.step):
        size = size or frame.size
        yield replace(frame, image=np.asarray(resample(frame.image, size)))


@dataclass(frozen=True)
class _Results:
    """Follows, draws and writes what frames show; the network works on the next ones meanwhile."""

    predictor: Predictor[Any]
    video: str
    outputs: VideoOutputs
    places: dict[str, Path]
    cast: _Cast
    lines: TextIO
    film: Film

    def write(self, frame: Frame, seen: Any) -> None:  # noqa: ANN401 - any annotation
        """Write a frame; they must come in their order."""
        categories, outputs = self.predictor.task.categories, self.outputs
        found = self.cast.follow(seen, frame.seconds)
        self.lines.write(json.dumps(describe(found, categories, self.video, frame)) + "\n")
        _write_openpose(self.places.get("openpose"), self.video, frame.number, found, outputs)
        if outputs.rendered:
            picture = draw(frame.image, found, categories, outputs.least)
            self.film.add(picture, frame.seconds)


class _Cast:
    """Who is in the video, up to now."""

    def __init__(self, outputs: VideoOutputs) -> None:
        self._outputs = outputs
        self._people: Tracks[Keypoints] = Tracks()
        self._objects: Tracks[NDArray[np.bool_]] = Tracks()
        self._smoothing = Smoothing(OneEuro())

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


def _places(out: Path, name: str, outputs: VideoOutputs) -> dict[str, Path]:
    """Return where each result goes.

    Raises:
        OutputExistsError: One is there and must not be replaced.
    """
    places = {"lines": out / f"{name}.jsonl"}
    if outputs.rendered:
        places["rendered"] = out / f"{name}{best_ending()}"
    if outputs.openpose is not None:
        places["openpose"] = out / f"{name}_json"
    there = [path.name for path in places.values() if path.exists()]
    if there and not outputs.overwrite:
        raise OutputExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another `out`, or `overwrite=True`."
        )
    return places


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[TextIO]:
    """Open a text file that is moved into place at the end, or removed after an exception."""
    with replacing(path) as place, place.open("w", encoding="utf-8") as opened:
        yield opened


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
    write_bytes(path, text.encode(), overwrite=outputs.overwrite)
