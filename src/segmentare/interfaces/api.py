"""The Python side of the command line: one function per command, with the same names.

import segmentare

run = segmentare.train("photos", "run", budget="10m")
print(run.evaluation.scores["dice"])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from segmentare.datasets.checkups import Checkup
from segmentare.engines.loading import Wanted
from segmentare.frameworks import AUTO
from segmentare.interfaces import (
    checking,
    converting,
    evaluation,
    predicting,
    reporting,
)
from segmentare.interfaces.chosen_skeletons import Chosen, check_task, choose_skeleton
from segmentare.interfaces.converting import Converted
from segmentare.interfaces.display import Display
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.filming import VideoOutputs
from segmentare.interfaces.options import (
    LARGE,
    ExportSettings,
    Folder,
    PredictOptions,
    SizeText,
    TrainOptions,
)
from segmentare.interfaces.overwriting import check_replaceable
from segmentare.interfaces.parts import Splitting
from segmentare.interfaces.predicting import Outputs, Predictions
from segmentare.interfaces.trained import Options, Trained
from segmentare.poses import Skeleton
from segmentare.wishes import Wishes, choose_spec

if TYPE_CHECKING:
    from segmentare.interfaces.benching import Bench
    from segmentare.interfaces.exporting import Export
    from segmentare.interfaces.exporting_tensorflow import Export as KerasExport


def train(
    data: Folder,
    out: Folder,
    *,
    display: Display | None = None,
    command: str = "",
    **options: Unpack[TrainOptions],
) -> Trained:
    """Train a model within a time budget, score it on images it never saw, write a report.

    Args:
        data: Dataset folder.
        out: The run's folder: `model.json`, `weights.safetensors`, logs, split and `report.html`.
        display: Where progress is shown; `None` shows it on the error stream.
        command: The command line for the report; the Python call where it is empty.
        **options: See `TrainOptions`.

    Raises:
        DatasetError: The data cannot be used as it is.
        BudgetError: The budget is too short for ten steps.
        ModelError: There is no such network, nothing to resume, or weights that do not fit.
        FileExistsError: `out` holds a run already.
    """
    from segmentare.interfaces import training

    display = display or Display()
    run = training.train(data, out, _wishes(options), _options(options), display)
    said = command or f"segmentare.train({str(data)!r}, {str(out)!r}, **{options!r})"
    scored = reporting.score_run(run, said, display)
    return Trained(**vars(run), evaluation=scored, report=run.folder / reporting.REPORT)


def _wishes(options: TrainOptions) -> Wishes:
    spec = choose_spec(
        options.get("network", "unet"),
        options.get("encoder"),
        options.get("width"),
        options.get("depth"),
    )
    size = options.get("size")
    return Wishes(
        budget=parse_duration(options.get("budget", 600.0)),
        steps=options.get("steps"),
        spec=spec,
        width=options.get("width"),
        size=None if size is None else parse_size(size),
        scale=options.get("scale"),
        batch=options.get("batch"),
        learning_rate=options.get("learning_rate"),
        precision=options.get("precision"),
        code=options.get("code"),
        focal=options.get("focal", 0.0),
        balance=options.get("balance"),
        seed=options.get("seed", 0),
    )


def _options(options: TrainOptions) -> Options:
    split = options.get("split")
    splitting = Splitting(
        val=options.get("val", 0.15),
        test=options.get("test", 0.15),
        file=None if split is None else Path(split),
        by=options.get("by"),
        groups=options.get("groups"),
        seed=options.get("seed", 0),
        allow_duplicates=options.get("allow_duplicates", False),
    )
    return Options(
        task=options.get("task", "semantic"),
        reader=options.get("reader"),
        splitting=splitting,
        start=options.get("start", "default"),
        resume=options.get("resume", False),
        overwrite=options.get("overwrite", False),
        skip_broken=options.get("skip_broken", False),
        devices=options.get("devices"),
        skeleton=_skeleton(options.get("skeleton"), options.get("task", "semantic")),
        framework=options.get("framework", AUTO),
    )


def _skeleton(given: Chosen | None, task: str) -> Skeleton | None:
    chosen = None if given is None else choose_skeleton(given)
    check_task(chosen, task)
    return chosen


def check(
    data: Folder,
    *,
    page: Folder | None = None,
    samples: int = 24,
    reader: str | None = None,
    task: str | None = None,
    skeleton: Chosen | None = None,
    display: Display | None = None,
) -> Checkup:
    """Say what a dataset holds and what is wrong with it; see `checking.check`."""
    return checking.check(
        data,
        reader=reader,
        task=task,
        skeleton=skeleton,
        page=page,
        samples=samples,
        display=display or Display(),
    )


def evaluate(  # noqa: PLR0913  one argument per option of the command line
    run: Folder,
    data: Folder,
    *,
    part: str | None = None,
    report: Folder | None = None,
    flips: bool | None = None,
    refine: bool = False,
    engine: str = "auto",
    precision: str | None = None,
    framework: str = "auto",
    reader: str | None = None,
    skeleton: Chosen | None = None,
    display: Display | None = None,
) -> Evaluation:
    """Score a model on annotated images; `report` is a folder for a `report.html`.

    Raises:
        DatasetError: The data cannot be read, or the part is empty.
        ModelError: The model folder is damaged.
        ValueError: The dataset's categories or keypoints are not the model's.
        FileExistsError: `report` holds a page that `evaluate` did not write.
    """
    if report is not None:
        check_replaceable(Path(report) / reporting.REPORT, "evaluate")
    result = evaluation.evaluate(
        run,
        data,
        part=part,
        reader=reader,
        flips=flips,
        refine=refine,
        skeleton=skeleton,
        wanted=Wanted(engine, precision, framework=framework),
        pictures=report is not None,
        display=display or Display(),
    )
    if report is not None:
        reporting.write_evaluation(Path(report), result, Path(run), Path(data))
    return result


def compare(  # noqa: PLR0913  one argument per option of the command line
    run_a: Folder,
    run_b: Folder,
    data: Folder,
    *,
    part: str | None = None,
    score: str | None = None,
    framework: str = "auto",
    reader: str | None = None,
    skeleton: Chosen | None = None,
    display: Display | None = None,
) -> dict[str, Any]:
    """Compare two models on the same images by a paired bootstrap; see `evaluation.compare`."""
    return evaluation.compare(
        run_a,
        run_b,
        data,
        part=part,
        score_name=score,
        framework=framework,
        reader=reader,
        skeleton=skeleton,
        display=display or Display(),
    )


def predict(
    run: Folder,
    images: Folder | int | Sequence[Folder | int],
    out: Folder,
    *,
    display: Display | None = None,
    **options: Unpack[PredictOptions],
) -> Predictions:
    """Write what images and videos show, and what else is asked for; see `predicting.predict`.

    Args:
        run: Model folder.
        images: An image, a folder of images, a video, the number of a camera, or several of them.
        out: Folder for the results.
        display: Where progress is shown; `None` shows it on the error stream.
        **options: See `PredictOptions`.
    """
    background, openpose = options.get("background"), options.get("openpose")
    given = options.get("skeleton")
    film = VideoOutputs(
        first=options.get("first", 0),
        last=options.get("last"),
        step=options.get("step", 1),
        track=options.get("track", True),
        smooth=options.get("smooth", True),
    )
    outputs = Outputs(
        overlay=options.get("overlay", False),
        probability=options.get("probability", False),
        cutout=options.get("cutout", False),
        background=None if background is None else Path(background),
        overwrite=options.get("overwrite", False),
        pixel_size=options.get("pixel_size"),
        unit=options.get("unit", "um"),
        heatmaps=options.get("heatmaps", False),
        openpose=openpose,
        skeleton=None if given is None else choose_skeleton(given),
        large=options.get("large", LARGE),
        film=film,
    )
    sources = [images] if isinstance(images, str | Path | int) else images
    flips, refine = options.get("flips"), options.get("refine", False)
    wanted = Wanted(
        options.get("engine", "auto"),
        options.get("precision"),
        framework=options.get("framework", "auto"),
    )
    display = display or Display()
    if ray := options.get("ray"):
        from segmentare.interfaces.bulk import Job, predict_on_ray

        job = Job(Path(run), Path(out), outputs, flips=flips, refine=refine, wanted=wanted)
        return predict_on_ray(job, sources, ray, display)
    return predicting.predict(
        run, sources, out, outputs, flips=flips, refine=refine, wanted=wanted, display=display
    )


def convert(
    data: Folder,
    out: Folder,
    to: str,
    *,
    reader: str | None = None,
    skeleton: Chosen | None = None,
    display: Display | None = None,
) -> Converted:
    """Write a dataset in another format; see `converting.convert`."""
    shown = display or Display()
    return converting.convert(data, out, to, reader=reader, skeleton=skeleton, display=shown)


def export(
    run: Folder,
    to: str,
    out: Folder | None = None,
    *,
    display: Display | None = None,
    **options: Unpack[ExportSettings],
) -> Export | KerasExport:
    """Write a model for another runtime and compare it with the model; see `exporting.export`.

    Args:
        run: What a training left.
        to: "onnx", "openvino" or "torch"; of TensorFlow "savedmodel" or "litert".
        out: A new folder; `None`: beside the run.
        display: Where progress is shown; `None` shows it on the error stream.
        **options: See `ExportSettings`.
    """
    from segmentare.interfaces import exporting, exporting_tensorflow

    given: Any = dict(options)
    if given.get("data") is not None:
        given["data"] = Path(given["data"])
    chosen = exporting.ExportOptions(**given)
    if to in exporting_tensorflow.TITLES:
        return exporting_tensorflow.export(run, to, out, chosen, display or Display())
    return exporting.export(run, to, out, chosen, display or Display())


def bench(
    run: Folder,
    *,
    also: Sequence[Folder] = (),
    data: Folder | None = None,
    size: SizeText | None = None,
    seconds: float = 4.0,
    display: Display | None = None,
) -> Bench:
    """Measure every engine that computes a model here; see `benching.bench`."""
    from segmentare.interfaces import benching

    return benching.bench(
        run,
        also=also,
        data=None if data is None else Path(data),
        size=None if size is None else parse_size(size),
        seconds=seconds,
        display=display or Display(),
    )


def demo(
    out: Folder = "demo",
    data: Folder | None = None,
    *,
    task: str = "semantic",
    budget: float | str | None = None,
    seed: int = 0,
    display: Display | None = None,
) -> Evaluation | None:
    """Draw images (or take yours), train, score, predict, write a report."""
    from segmentare.interfaces import demo as demonstration

    return demonstration.demo(
        out,
        data,
        task=task,
        budget=None if budget is None else parse_duration(budget),
        seed=seed,
        display=display or Display(),
    )


def parse_duration(text: float | str) -> float:
    """Return seconds: from a number, or from `90`, `90s`, `10m`, `2h`, `1h30m`.

    Raises:
        ValueError: It is no such text, or not above zero.
    """
    if isinstance(text, str):
        number = r"(\d+(?:\.\d+)?)"
        match = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s?)?", text.strip())
        values = [float(group or 0) for group in match.groups()] if match else [0.0]
        seconds = sum(value * unit for value, unit in zip(values, (3600, 60, 1), strict=False))
    else:
        seconds = float(text)
    if not seconds > 0:
        raise ValueError(f"A time must be such as 90s, 10m or 2h; got {text!r}.")
    return seconds


def parse_size(text: SizeText) -> tuple[int, int]:
    """Return (height, width): from 256, "256", "192x256" or (192, 256).

    Raises:
        ValueError: It is no such text, or a side is below 32 pixels.
    """
    parts = (
        [str(part) for part in text] if isinstance(text, tuple) else str(text).lower().split("x")
    )
    if len(parts) > 2 or not all(part.isdecimal() and int(part) >= 32 for part in parts):
        raise ValueError(
            "A size must be pixels such as 256 or 192x256 (height x width), 32 or more; "
            f"got {text!r}."
        )
    return int(parts[0]), int(parts[-1])
