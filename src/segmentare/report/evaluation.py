"""A model against the truth: every image predicted, scored and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import Sample
from segmentare.datasets.base import Dataset, Record
from segmentare.drawing.objects import compare_objects
from segmentare.drawing.overlays import compare_outlines, thumbnail
from segmentare.drawing.poses import compare_poses
from segmentare.errors import DatasetError
from segmentare.metrics.calibration import Calibration
from segmentare.prediction.compatibility import fitted, pixels_of
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display
from segmentare.report.formatting import number, score_order, score_text
from segmentare.result import Result
from segmentare.results import files
from segmentare.training.runs import Seen

if TYPE_CHECKING:
    from rich.console import RenderableType

_PICTURE_SIDE = 560  # pixels of the longer side of a picture in a report
_OBJECTS_SIDE = 800  # the same where there are many small objects to be seen
_PAIR_SIDE = 1000  # the same of truth and prediction side by side
_SCORES = 5  # that a summary has room for


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
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
        report: The HTML report, or `None`.
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
    report: Path | None = None

    @property
    def title(self) -> str:
        """What was scored."""
        what = f"the {self.part} part" if self.part else "the folder"
        return f"Evaluation of {self.images} images of {what} ({self.task})"

    @property
    def summary(self) -> Mapping[str, object]:
        """The main score first, then as many others as there is room for."""
        named = {score_text(name).title: score_summary(value) for name, value in self._ordered()}
        some = dict([(name, text) for name, text in named.items() if text][:_SCORES])
        return {
            **some,
            "note": self.seen.sentence(),
            "skipped": len(self.failed),
            "report": self.report,
        }

    def _ordered(self) -> list[tuple[str, Any]]:
        return sorted(
            self.scores.items(), key=lambda pair: (pair[0] != self.headline, score_order(pair[0]))
        )

    @property
    def exit_code(self) -> int:
        """1 where an image could not be scored."""
        return 1 if self.failed else 0

    def tables(self) -> Iterator[RenderableType]:
        """Yield all scores, and where the report is."""
        from segmentare.report.tables import score_tables

        yield from score_tables(self)
        if self.report is not None:
            yield f"Report: {self.report}"

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
    from segmentare.images.fingerprints import fingerprint

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


def score_summary(value: Any) -> str:  # noqa: ANN401  any JSON value
    """Return a score in a few words: its mean with its interval, or the pooled one."""
    if isinstance(value, float):
        return number(value)
    if not isinstance(value, Mapping) or not {"mean", "pooled"} & set(value):
        return ""
    interval = value.get("ci95")
    text = number(value.get("mean", value.get("pooled")))
    return (
        f"{text} (95 % interval {number(interval[0])} to {number(interval[1])})"
        if interval
        else text
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
