"""`segmentare compare`: which of two models is better on the same images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.commands.evaluate import evaluate
from segmentare.commands.options import command
from segmentare.commands.values import Folder, FrameworkName, PartName
from segmentare.result import Result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from segmentare.annotations.poses import Skeleton


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Two models on the same images, by a paired bootstrap.

    Attributes:
        run_a: The first model.
        run_b: The second model.
        score: Score per image that they were compared by.
        images: Number of images.
        a: Mean score of the first model.
        b: Mean score of the second model.
        difference: `b` minus `a`.
        ci95: 95 % interval of the difference, or `None` for a single image.
        p_better: Share of the bootstrap samples in which the second model wins, or `None`.
        better: Number of images on which the second model is better.
        worse: Number of images on which it is worse.
        equal: Number of images on which both are equally good.
        seen: For each model, how many of the images it was trained on or chosen by.
    """

    run_a: Path
    run_b: Path
    score: str
    images: int
    a: float
    b: float
    difference: float
    ci95: tuple[float, float] | None
    p_better: float | None
    better: int
    worse: int
    equal: int
    seen: Mapping[str, int]

    @property
    def title(self) -> str:
        """What was compared."""
        return f"Comparison of {self.run_a} (A) and {self.run_b} (B) on {self.images} images"

    @property
    def summary(self) -> Mapping[str, object]:
        """Means, difference and its certainty."""
        interval = (
            f" (95 % interval {self.ci95[0]:+.4f} to {self.ci95[1]:+.4f})" if self.ci95 else ""
        )
        return {
            "score": self.score,
            "A": f"{self.a:.4f}",
            "B": f"{self.b:.4f}",
            "B - A": f"{self.difference:+.4f}{interval}",
            "B is": f"better on {self.better}, worse on {self.worse}, equal on {self.equal} images",
            "B wins in": "" if self.p_better is None else f"{self.p_better:.1%} of samples",
            "note": " ".join(self._warnings()),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {**vars(self), "run_a": str(self.run_a), "run_b": str(self.run_b)}

    def tables(self) -> Iterator[RenderableType]:
        """Yield who wins, by how much, and how sure that is."""
        from rich.table import Table
        from rich.text import Text

        from segmentare.report.tables import decimal, interval_text

        table = Table(title=f"{self.score} on {self.images} images", title_justify="left")
        for column in ("", "mean"):
            table.add_column(column)
        table.add_row(f"A  {self.run_a}", decimal(self.a))
        table.add_row(f"B  {self.run_b}", decimal(self.b))
        table.add_row("B - A", f"{self.difference:+.4f}  [{interval_text(vars(self))}]")
        yield table
        yield (
            f"B is better on {self.better}, worse on {self.worse}, equal on {self.equal} images."
        )
        if self.p_better is not None:
            yield f"Share of paired bootstrap samples in which B wins: {self.p_better:.3f}."
        for warning in self._warnings():
            yield Text(f"Warning: {warning}", "bold red")

    def _warnings(self) -> list[str]:
        return [
            f"{name.upper()} was trained on or chosen by {count} of these images."
            for name, count in self.seen.items()
            if count
        ]


@command
def compare(
    run_a: Folder,
    run_b: Folder,
    data: Folder,
    *,
    part: PartName | None = None,
    score: str | None = None,
    framework: FrameworkName = "auto",
    reader: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    quiet: bool = False,
) -> Comparison:
    """Say which of two models is better on the same images, and how sure that is.

    Args:
        run_a (RUN_A): Folder of the first model.
        run_b (RUN_B): Folder of the second model.
        data (DATA): Folder of the dataset.
        part: Part of the split of the first model; left out, all images are used.
        score: Score per image; left out, the main one of the first model.
        framework: PyTorch or TensorFlow; with auto whichever is installed.
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        skeleton (NAME_OR_FILE): Skeleton of keypoints that the data does not name: see
            `segmentare skeletons`, or a TOML file.
        quiet: Show no progress.

    Returns:
        Both means, their difference with its interval, and how often the second model is better.

    Raises:
        DatasetError: The data cannot be read, or the part is empty.
        ModelError: A model folder is damaged.
        InputError: The dataset's categories or keypoints are not those of the models.

    Examples:
        segmentare compare run1 run2 others
        segmentare compare run1 run2 photos --part test --score iou

        >>> found = segmentare.compare(run.folder, run.folder, photos, part="test", quiet=True)
        >>> found.difference
        0.0
    """
    from segmentare.metrics.comparison import compare as compare_rows
    from segmentare.report.evaluation import image_score

    same: Any = {"reader": reader, "skeleton": skeleton, "framework": framework, "quiet": quiet}
    first = evaluate(run_a, data, part=part, **same)
    names = {row["name"] for row in first.per_image}
    second = evaluate(run_b, data, **same)
    rows = [row for row in second.per_image if row["name"] in names]
    chosen = score or image_score(first.headline, first.per_image)
    seen_b = [name for name in second.seen.names() if name in names]
    return Comparison(
        run_a=Path(run_a),
        run_b=Path(run_b),
        **compare_rows(first.per_image, rows, chosen),
        seen={"a": len(first.seen.names()), "b": len(seen_b)},
    )
