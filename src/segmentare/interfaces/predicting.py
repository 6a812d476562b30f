"""`segmentare predict`: images and videos in; masks, skeletons and tables of them out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.datasets.images import is_image, read_image
from segmentare.datasets.windows import WholeImage, Windows, open_large
from segmentare.engines.loading import Wanted, open_model
from segmentare.errors import DatasetError, MissingPackageError
from segmentare.geometry import Image
from segmentare.interfaces.display import Bar, Display
from segmentare.interfaces.filming import Filmed, predict_video
from segmentare.interfaces.large_images import LargeImages, model_key, names_of_large, workspace_of
from segmentare.interfaces.outputs import Outputs
from segmentare.interfaces.overwriting import check_inputs
from segmentare.interfaces.pipeline import WriteBehind, read_ahead
from segmentare.interfaces.writing_masks import MaskWriter, Writer, file_name, write_heatmaps
from segmentare.interfaces.writing_poses import PoseWriter
from segmentare.poses import Skeleton
from segmentare.prediction import files
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.refining import look_again
from segmentare.prediction.video import is_video
from segmentare.skeletons import available
from segmentare.tasks import Body, Pose
from segmentare.tasks.base import Task

__all__ = ["Outputs", "Predictions", "find_images", "predict"]

LINES = "predictions.jsonl"


@dataclass(frozen=True)
class Predictions:
    """What a bulk prediction did.

    Attributes:
        rows: One JSON-ready dictionary per image, as in `predictions.jsonl`.
        failed: (file, reason) of the images and videos that could not be read.
        films: What became of the videos.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    films: list[Filmed] = field(default_factory=list)


def predict(  # noqa: PLR0913  one argument per option of the command line
    run: str | Path,
    images: Sequence[str | Path | int],
    out: str | Path,
    outputs: Outputs | None = None,
    *,
    flips: bool | None = None,
    refine: bool = False,
    wanted: Wanted | None = None,
    display: Display | None = None,
) -> Predictions:
    """Predict images and videos, and write what each of them shows into `out`.

    Args:
        run: Model folder.
        images: Image files; folders, whose images are searched with their subfolders; video files
            and numbers of cameras, which come after all images, see `predict_video`.
        out: Folder for the results; made if it is missing.
        outputs: What to write.
        flips: Average over four mirrors of the image: four times the work; `None`: as an export
            says, else not.
        refine: Look at every person with keypoints again, close up.
        wanted: What computes the model; `None`: the fastest engine, by a trial on the images.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        ModelError: The model folder is damaged.
        MissingPackageError: The framework, or any, is not installed.
        DatasetError: There is no image, two of them would get the same name, or the one video
            cannot be read.
        FileExistsError: A result is there already and `outputs.overwrite` is false.
        ValueError: What is wanted does not suit the model or what it looks at, the size of a
            pixel cannot be used, or tables of earlier calls are damaged.
    """
    from segmentare.interfaces.example_images import trial_images

    display = display or Display(quiet=True)
    outputs, out = outputs or Outputs(), Path(out)
    film = replace(
        outputs.film,
        openpose=outputs.openpose,
        skeleton=outputs.skeleton,
        overwrite=outputs.overwrite,
    )
    places, videos = sort_sources(images)
    outputs.check_sources(images=bool(places) or not videos, videos=bool(videos))
    _ = outputs.scale  # complains where it cannot be used
    opened = open_model(
        run, wanted or Wanted(), flips=flips, examples=lambda model: trial_images(model, places)
    )
    predictor = opened.predictor
    outputs.check(predictor.task.name)
    mine: Skeleton | None = getattr(predictor.task, "skeleton", None)
    if mine is not None and outputs.skeleton is not None:
        available(mine, outputs.skeleton)  # complains where there are none
    if refine:
        predictor = look_again(predictor)
    result = Predictions()
    if places or not videos:
        Images(predictor, Path(run), out, outputs, display, opened.why).predict(places, result)
    alone = len(videos) == 1 and not places
    for video in videos:
        try:
            result.films.append(predict_video(predictor, video, out, film, display))
        except DatasetError as error:
            if alone:
                raise
            result.failed.append((str(video), str(error)))
    return result


def sort_sources(sources: Sequence[str | Path | int]) -> tuple[list[Path], list[Path]]:
    """Return the images and folders, and the videos and cameras, among what was given.

    Raises:
        DatasetError: Two videos would get the same name.
    """
    given = [Path(str(source)) for source in sources]
    videos = [path for path in given if is_video(path) and not path.is_dir()]
    videos = [path for path in videos if path.suffix or not path.exists()]
    stems: dict[str, Path] = {}
    for path in videos:
        if path.stem in stems:
            raise DatasetError(
                f"'{stems[path.stem]}' and '{path}' would both become '{path.stem}.jsonl'. Predict "
                "them into different folders."
            )
        stems[path.stem] = path
    return [path for path in given if path not in videos], videos


@dataclass(frozen=True)
class Images:
    """Predicts images: the next is read, and the last one written, while the network runs."""

    predictor: Predictor[Any]
    run: Path
    out: Path
    outputs: Outputs
    display: Display
    why: str

    def predict(self, places: Sequence[Path], result: Predictions) -> None:
        """Predict the images at some places; what was done, also up to a Ctrl-C, goes there."""
        found, task = find_images(places), self.predictor.task
        refuse_existing(self.out, found, self.outputs, self.predictor)
        self.display.say(self.why)
        writer = writer_for(self.out, task, self.outputs)
        self.out.mkdir(parents=True, exist_ok=True)
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
                    behind.submit(write)
        finally:  # also after Ctrl-C, for what is written until then
            write_lines(self.out / LINES, result.rows)
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
        shown = self.predictor.predict(source)
        maps = self.predictor.read(source).maps if self.outputs.heatmaps else None

        def write() -> dict[str, Any]:
            row = writer.write(stem, path, source, shown)
            if maps is not None:
                overwrite, target = self.outputs.overwrite, self.out / stem
                write_heatmaps(target, source, maps, self.predictor.task, overwrite=overwrite)
            return row

        return write


def writer_for(out: Path, task: Task[Any], outputs: Outputs) -> Writer:
    """Return what writes the results of a task."""
    if isinstance(task, Pose | Body):
        return PoseWriter(out, task, outputs)
    return MaskWriter(out, task, outputs)


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a JSON line per image; those of earlier calls stay, unless they were replaced."""
    again = {_result_of(row) for row in rows}
    earlier = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in earlier if _result_of(json.loads(line)) not in again]
    lines = [*kept, *(json.dumps(row) for row in rows)]
    files.write_bytes(path, "".join(f"{line}\n" for line in lines).encode(), overwrite=True)


def _result_of(row: dict[str, Any]) -> str | None:
    """Return the file that only one image of the folder can have."""
    name: str | None = row.get("keypoints") or row.get("mask")
    return name


def find_images(places: Sequence[Path]) -> dict[str, Path]:
    """Return the image files among `places`, by the stem that their results will have.

    Folders are searched with their subfolders. A folder `masks` beside a folder `images` is passed
    over: it holds the truth of a dataset.

    Raises:
        DatasetError: A place does not exist, there is no image, or stems collide.
    """
    found: dict[str, Path] = {}
    for given in places:
        if given.is_dir():
            there = (path for path in given.rglob("*") if not _is_mask(path, given))
            files_here = sorted(path for path in there if is_image(path))
            pairs = [(str(path.relative_to(given).with_suffix("")), path) for path in files_here]
        elif given.is_file():
            pairs = [(given.stem, given)]
        else:
            raise DatasetError(f"{str(given)!r} must be an image or a folder; it does not exist.")
        for stem, path in pairs:
            if stem in found:
                raise DatasetError(
                    f"{str(found[stem])!r} and {str(path)!r} would both become '{stem}.png'. "
                    "Predict them into different folders."
                )
            found[stem] = path
    if not found:
        folders = [given for given in places if given.is_dir()]
        videos = [path for folder in folders for path in folder.rglob("*") if is_video(path)]
        hint = f" Name its videos themselves, such as {str(videos[0])!r}." if videos else ""
        raise DatasetError(
            f"There must be at least one image; found none in {', '.join(map(str, places))}.{hint}"
        )
    return found


def _is_mask(path: Path, root: Path) -> bool:
    """Tell whether a file below `root` lies in a folder of masks beside one of images."""
    above = path.parents[: len(path.relative_to(root).parents) - 1]
    return any(f.name == "masks" and f.with_name("images").is_dir() for f in above)


def refuse_existing(
    out: Path, found: dict[str, Path], outputs: Outputs, predictor: Predictor[Any]
) -> None:
    """Stop before an image, or the results of an earlier call, would be replaced.

    Raises:
        FileExistsError: A result would replace an image or the background, or it is there and
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
        raise FileExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another --out, or --overwrite."
        )
