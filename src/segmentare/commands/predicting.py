"""Images in; masks, skeletons and tables of them out: what `segmentare predict` writes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.poses import Skeleton
from segmentare.annotations.skeletons import available
from segmentare.errors import DatasetError, MissingPackageError, OutputExistsError
from segmentare.images.reading import read_image
from segmentare.images.windows import WholeImage, Windows, open_large
from segmentare.large.images import LargeImages, model_key, names_of_large, workspace_of
from segmentare.overwriting import check_inputs
from segmentare.prediction.pipeline import WriteBehind, read_ahead
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.refining import look_again
from segmentare.progress import Bar, Display
from segmentare.result import Result
from segmentare.results.lines import Lines
from segmentare.results.masks import MaskWriter, Writer, file_name, write_heatmaps
from segmentare.results.outputs import Outputs
from segmentare.results.poses import PoseWriter
from segmentare.runtimes.example_images import trial_images
from segmentare.runtimes.loading import Opened, Wanted, open_model
from segmentare.tasks import BodyTask, PoseTask
from segmentare.tasks.base import Task
from segmentare.video.prediction import Filmed

_LISTED = 3  # images and videos that a summary names


@dataclass(frozen=True, repr=False)
class Predictions(Result):
    """What a bulk prediction did.

    Attributes:
        rows: One JSON-ready dictionary per image, as in `predictions.jsonl`.
        failed: (file, reason) of the images and videos that could not be read.
        films: What became of the videos.
        out: Folder of the results.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    films: list[Filmed] = field(default_factory=list)
    out: Path = Path()

    @property
    def title(self) -> str:
        """How much was predicted, and where it is."""
        done = [(len(self.rows), "image")] if self.rows or not self.films else []
        done += [(len(self.films), "video")] if self.films else []
        text = " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in done)
        return f"{text} in {self.out}, {len(self.failed)} skipped"

    @property
    def summary(self) -> Mapping[str, object]:
        """A few of the results."""
        images = {str(row["image"]): _seen(row) for row in self.rows[:_LISTED]}
        videos = {film.name: f"{film.frames} frames" for film in self.films[:_LISTED]}
        return {**images, **videos, **{f"skipped {file}": why for file, why in self.failed[:2]}}

    @property
    def exit_code(self) -> int:
        """1 where an image or a video could not be read."""
        return 1 if self.failed else 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {
            "out": str(self.out),
            "images": self.rows,
            "videos": [film.to_dict() for film in self.films],
            "skipped": [{"file": file, "reason": reason} for file, reason in self.failed],
        }

    def to_json(self) -> str:
        """Return a line of JSON per image and per video."""
        rows = (*self.rows, *(film.to_dict() for film in self.films))
        return "\n".join(json.dumps(row) for row in rows)

    def tables(self) -> Iterator[str]:
        """Yield what was skipped and how much was done."""
        yield from (f"Skipped: {file}: {reason}" for file, reason in self.failed)
        yield f"{self.title}."


def _seen(row: Mapping[str, Any]) -> str:
    """Say in a few words what an image shows."""
    found = row.get("categories") or {}
    shown = [f"{name} {one['share']:.1%}" for name, one in found.items() if one.get("share")]
    shown += [f"{row[name]} {name}" for name in ("objects", "people") if name in row]
    return ", ".join(shown) or "nothing"


@dataclass(frozen=True)
class Job:
    """A model, and what it writes where.

    Attributes:
        run: Model folder; every machine must see it, the images and `out` under the same path.
        out: Folder of the results.
        outputs: What to write.
        flips: Average over four mirrors of the image; `None`: as an export says, else not.
        refine: Look at every person with keypoints again, close up.
        wanted: What computes the model.
    """

    run: Path
    out: Path
    outputs: Outputs
    flips: bool | None = None
    refine: bool = False
    wanted: Wanted = field(default_factory=Wanted)

    def open(self, images: Collection[Path] = ()) -> Opened:
        """Return the model, ready to predict; images, if any are given, are for a trial.

        Raises:
            ModelError: The model folder is damaged.
            MissingPackageError: The framework, or any, is not installed.
            ValueError: What is to be written does not suit the model.
        """
        opened = open_model(
            self.run, self.wanted, flips=self.flips, examples=lambda m: trial_images(m, images)
        )
        task = opened.predictor.task
        self.outputs.check(task.name)
        mine: Skeleton | None = getattr(task, "skeleton", None)
        if mine is not None and self.outputs.skeleton is not None:
            available(mine, self.outputs.skeleton)  # complains where there are none
        if not self.refine:
            return opened
        return replace(opened, predictor=look_again(opened.predictor))


@dataclass(frozen=True)
class Images:
    """Predicts images: the next is read, and the last one written, while the network runs."""

    predictor: Predictor[Any]
    run: Path
    out: Path
    outputs: Outputs
    display: Display
    why: str

    def predict(self, found: dict[str, Path], result: Predictions) -> None:
        """Predict images by their stems; what was done, also up to a Ctrl-C, goes into `result`."""
        task = self.predictor.task
        refuse_existing(self.out, found, self.outputs, self.predictor)
        self.display.say(self.why)
        writer, lines = writer_for(self.out, task, self.outputs), Lines(self.out)
        self.out.mkdir(parents=True, exist_ok=True)
        lines.start()
        writer.start([file_name(stem, path) for stem, path in found.items()])
        try:
            with (
                self.display.bar("Predicting", len(found)) as bar,
                WriteBehind(result.rows.append) as behind,
            ):
                for (stem, path), source in read_ahead(found.items(), self.open):
                    bar.advance()
                    try:
                        write = self.look(source.result(), stem, path, writer, bar)
                    except (DatasetError, MissingPackageError, ValueError) as error:
                        result.failed.append((str(path), str(error)))
                        continue
                    behind.submit(partial(_line, write, lines))
        finally:  # also after Ctrl-C, for what is written until then
            lines.finish(result.rows)
            writer.finish()

    def open(self, source: tuple[str, Path]) -> Image | Windows:
        """Decode an image, or open it where it is large."""
        limit = 1e6 * self.outputs.large
        windows = open_large(source[1], limit)
        if windows is not None:
            return windows
        image = read_image(source[1])
        return WholeImage(image, source[1].name) if image[..., 0].size > limit else image

    def look(
        self, source: Image | Windows, stem: str, path: Path, writer: Writer, bar: Bar
    ) -> Callable[[], dict[str, Any]]:
        """Predict an image and return how to write it, which gives its line."""
        if not isinstance(source, np.ndarray):
            with contextlib.closing(source):
                key = f"{model_key(self.run)} {self.predictor.computed}"
                images = LargeImages(self.predictor, key, self.out, self.outputs, self.display)
                row = images.predict(stem, path, source, bar.note)
            return lambda: row
        if not self.outputs.heatmaps:
            shown = self.predictor.predict(source)
            return lambda: writer.write(stem, path, source, shown)
        reading = self.predictor.read(source)
        shown = self.predictor.predict(source, reading)

        def write() -> dict[str, Any]:
            row = writer.write(stem, path, source, shown)
            overwrite, target, task = self.outputs.overwrite, self.out / stem, self.predictor.task
            write_heatmaps(target, source, reading.maps, task, overwrite=overwrite)
            return row

        return write


def _line(write: Callable[[], dict[str, Any]], lines: Lines) -> dict[str, Any]:
    """Write the results of an image, then its line."""
    row = write()
    lines.add(row)
    return row


def writer_for(out: Path, task: Task[Any], outputs: Outputs) -> Writer:
    """Return what writes the results of a task."""
    if isinstance(task, PoseTask | BodyTask):
        return PoseWriter(out, task, outputs)
    return MaskWriter(out, task, outputs)


def refuse_existing(
    out: Path, found: dict[str, Path], outputs: Outputs, predictor: Predictor[Any]
) -> None:
    """Stop before an image, or the results of an earlier call, would be replaced.

    Raises:
        OutputExistsError: A result would replace an image or the background, or it is there and
            `outputs.overwrite` is false.
    """
    task, heads = predictor.task.name, [head.name for head in predictor.task.heads]
    large = {stem: names_of_large(stem, task, outputs) for stem in found}
    names = [name for stem in found for name in (*outputs.names(stem, task, heads), *large[stem])]
    there = [name for name in dict.fromkeys(names) if (out / name).exists()]
    inputs = [*found.values(), *([outputs.background] if outputs.background else [])]
    check_inputs([out / name for name in there], inputs)
    # what a killed job left of a large image is written again
    left = {n for s in found if workspace_of(out / s).is_dir() for n in large[s][1:]}
    if not outputs.overwrite and (there := [name for name in there if name not in left]):
        raise OutputExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another `out`, or `overwrite=True`."
        )
