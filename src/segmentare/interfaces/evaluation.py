"""`segmentare evaluate` and `compare`: a model against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentare.annotations import Sample
from segmentare.datasets.base import Dataset, Record
from segmentare.engines.loading import Wanted, open_model
from segmentare.errors import DatasetError
from segmentare.interfaces.chosen_skeletons import Chosen, check_task, choose_skeleton
from segmentare.interfaces.common_ground import (
    check_categories,
    check_skeletons,
    fitted,
    pixels_of,
)
from segmentare.interfaces.display import Display
from segmentare.interfaces.runs import Seen, read_seen, read_split_parts
from segmentare.metrics.calibration import Calibration
from segmentare.metrics.comparison import compare as compare_rows
from segmentare.poses import Poses
from segmentare.prediction import files
from segmentare.prediction.drawing import compare_outlines, thumbnail
from segmentare.prediction.drawing_poses import compare_poses
from segmentare.prediction.object_drawing import compare_objects
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.refining import look_again

_PICTURE_SIDE = 560  # pixels of the longer side of a picture in a report
_OBJECTS_SIDE = 800  # the same where there are many small objects to be seen
_PAIR_SIDE = 1000  # the same of truth and prediction side by side


@dataclass(frozen=True)
class Evaluation:
    """What a model scored on some images.

    Attributes:
        task: Name of the task.
        headline: Name of the main score.
        images: How many images were scored.
        part: Part of the split, or "" for all images of a folder.
        scores: What `Metric.compute()` returned.
        per_image: One row per image.
        calibration: How far the probability can be trusted, or `None`.
        seen: Which of these images the model was trained on or chosen by.
        failed: (name, reason) of the images that could not be read.
        pictures: JPEG bytes per image name: truth and prediction outlined.
        outcomes: Per image name how many segments of its picture are `matched`, `missed` and
            `invented`; empty for a task that does not tell objects apart.
    """

    task: str
    headline: str
    images: int
    part: str
    scores: dict[str, Any]
    per_image: list[dict[str, Any]]
    calibration: dict[str, Any] | None
    seen: Seen
    failed: list[tuple[str, str]] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON-ready data."""
        return {
            "task": self.task,
            "images": self.images,
            "part": self.part or None,
            "seen": self.seen.to_dict(),
            "failed": [{"name": name, "reason": reason} for name, reason in self.failed],
            "scores": self.scores,
            "calibration": self.calibration,
            "per_image": self.per_image,
        }


def evaluate(  # noqa: PLR0913  one argument per option of the command line
    run: str | Path,
    data: str | Path,
    *,
    part: str | None = None,
    reader: str | None = None,
    flips: bool | None = None,
    refine: bool = False,
    skeleton: Chosen | None = None,
    wanted: Wanted | None = None,
    pictures: bool = True,
    display: Display | None = None,
) -> Evaluation:
    """Score a model on a dataset, every image at its own size.

    Keypoints of another skeleton are converted to the model's; those that only the model has are
    not scored.

    Args:
        run: Model folder.
        data: Dataset folder.
        part: `train`, `val` or `test`: that part of the run's own split; `None`: all images.
        reader: Name of the reader, where the layout is not recognized rightly.
        flips: Average over four mirrors of each image; `None`: as an export says, else not.
        refine: Look at every person with keypoints again, close up.
        skeleton: Name or TOML file of what the keypoints are where the data does not name them;
            `None`: those of the model.
        wanted: What computes the model; `None`: the fastest engine, by a trial on the images.
        pictures: Keep a picture of each image for a report.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        DatasetError: The data cannot be read, or the part is empty.
        ModelError: The model folder is damaged.
        MissingPackageError: The framework, or any, is not installed.
        ValueError: The dataset's categories or keypoints are not the model's, or the model finds
            nobody to look at again.
    """
    from segmentare.datasets import open_dataset
    from segmentare.interfaces.example_images import trial_images

    opened = open_model(
        run, wanted or Wanted(), flips=flips, examples=lambda m: trial_images(m, [Path(data)])
    )
    predictor = opened.predictor
    if refine:
        predictor = look_again(predictor)
    mine = getattr(predictor.task, "skeleton", None)
    chosen = mine if skeleton is None else choose_skeleton(skeleton)
    if skeleton is not None:
        check_task(chosen, predictor.task.name)
    dataset = open_dataset(Path(data), reader, predictor.task.name, chosen)
    check_categories(predictor, dataset)
    remark = check_skeletons(predictor, dataset)
    if remark and display is not None:
        display.warn(remark)
    records = list(dataset.records)
    if part is not None:
        names = read_split_parts(Path(run))[part]
        records = [record for record in records if record.name in names]
        if not records:
            raise DatasetError(
                f"The part {part!r} of the run's split must have images in {str(data)!r}; it has "
                f"{len(names)} names, and none is there. Give the data that the run was trained on."
            )
    if not records:
        problem = next((p.what for p in dataset.problems if p.stops), "No image is annotated.")
        raise DatasetError(f"{str(data)!r} must hold annotated images. {problem}")
    seen = read_seen(Path(run))
    if display is not None:
        display.say(opened.why)
    return score(
        predictor,
        dataset,
        records,
        seen=seen,
        part=part or "",
        pictures=pictures,
        display=display,
    )


def score(
    predictor: Predictor[Any],
    dataset: Dataset,
    records: Sequence[Record],
    *,
    seen: Seen,
    part: str = "",
    pictures: bool = True,
    display: Display | None = None,
) -> Evaluation:
    """Score a predictor on some records of a dataset; arguments as in `evaluate`."""
    from segmentare.datasets.fingerprints import fingerprint

    display = display or Display(quiet=True)
    place = {record.name: index for index, record in enumerate(dataset.records)}
    metric = predictor.task.metric({record.name: record.labels for record in records})
    calibration = Calibration(predictor.task.categories)
    shots: dict[str, bytes] = {}
    outcomes: dict[str, dict[str, int]] = {}
    failed: list[tuple[str, str]] = []
    for record in display.over(records, "Scoring", len(records)):
        try:
            sample = fitted(dataset[place[record.name]], predictor)
            predicted = predictor.predict(sample.image)
        except (DatasetError, ValueError) as error:
            failed.append((record.name, str(error)))
            continue
        seen.look(record.name, fingerprint(sample.image))
        metric.update(predicted, sample.annotation, record.name)
        pixels, known = pixels_of(predicted), pixels_of(sample.annotation)
        if pixels is not None and known is not None and pixels.probability is not None:
            calibration.update(pixels, known)
        if pictures:
            shots[record.name], counts = _picture(sample, predicted, predictor)
            outcomes |= {record.name: counts} if counts else {}
    seen.settle()
    if len(failed) == len(records):
        raise DatasetError(f"None of {len(records)} images could be scored. {failed[0][1]}")
    rows = metric.per_image()
    return Evaluation(
        task=predictor.task.name,
        headline=predictor.task.headline,
        images=len(rows),
        part=part,
        scores=metric.compute(),
        per_image=rows,
        calibration=calibration.compute(),
        seen=seen,
        failed=failed,
        pictures=shots,
        outcomes=outcomes,
    )


def image_score(headline: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return the score by which single images are judged: the main one, else OKS AP, else Dice.

    The mean IoU over categories, for one, exists for a whole set only.

    Args:
        headline: Name of the main score.
        rows: One row per image.
    """
    names = (headline, "oks_ap")
    return next((name for name in names if all(name in row for row in rows)), "dice")


def compare(  # noqa: PLR0913  one argument per option of the command line
    run_a: str | Path,
    run_b: str | Path,
    data: str | Path,
    *,
    part: str | None = None,
    score_name: str | None = None,
    reader: str | None = None,
    skeleton: Chosen | None = None,
    framework: str = "auto",
    display: Display | None = None,
) -> dict[str, Any]:
    """Compare two models on the same images by a paired bootstrap.

    Args:
        run_a: Model folder.
        run_b: Model folder.
        data: Dataset folder.
        part: Part of the split of `run_a`, or `None` for all images.
        score_name: Which score per image; `None`: see `image_score`, for `run_a`.
        reader: Name of the reader.
        skeleton: As in `evaluate`.
        framework: What computes both.
        display: Where progress is shown.

    Returns:
        What `metrics.comparison.compare` returns, and `seen`: for each model how many of the
        images it was trained on or chosen by.
    """
    same: Any = {
        "reader": reader,
        "skeleton": skeleton,
        "wanted": Wanted(framework=framework),
        "pictures": False,
        "display": display,
    }
    first = evaluate(run_a, data, part=part, **same)
    names = {row["name"] for row in first.per_image}
    second = evaluate(run_b, data, **same)
    rows = [row for row in second.per_image if row["name"] in names]
    seen_b = [name for name in second.seen.names() if name in names]
    chosen = score_name or image_score(first.headline, first.per_image)
    result = compare_rows(first.per_image, rows, chosen)
    return {**result, "seen": {"a": len(first.seen.names()), "b": len(seen_b)}}


def _picture(
    sample: Sample[Any],
    predicted: Any,  # noqa: ANN401  any annotation
    predictor: Predictor[Any],
) -> tuple[bytes, dict[str, int]]:
    """Return a JPEG of truth and prediction, and `Evaluation.outcomes` of the image."""
    categories = predictor.task.categories
    if isinstance(predicted, Poses):
        drawn = compare_poses(sample.image, sample.annotation, predicted)
        return files.encode_jpeg(thumbnail(drawn, _PAIR_SIDE), quality=85), {}
    if getattr(predicted, "instance", None) is None:
        drawn = compare_outlines(sample.image, sample.annotation, predicted, categories)
        return files.encode_jpeg(thumbnail(drawn, _PICTURE_SIDE), quality=85), {}
    compared = compare_objects(
        sample.image,
        sample.annotation,
        predicted,
        categories,
        surfaces=predictor.task.name == "panoptic",
        side=2 * _OBJECTS_SIDE,
    )
    small = thumbnail(compared.picture, _OBJECTS_SIDE)
    return files.encode_jpeg(small, quality=85), compared.counts
