"""How fast every engine computes a model on this machine, and how exactly."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from rich.console import RenderableType

from segmentare.annotations.geometry import Image
from segmentare.commands.bench_worker import PLAIN, Work
from segmentare.errors import InputError, ModelError
from segmentare.models.description import RUN, Model, read_model
from segmentare.progress import Display
from segmentare.result import Result
from segmentare.runtimes.cache import machine
from segmentare.runtimes.example_images import noise, spread, usable
from segmentare.runtimes.trial import agreements, candidates
from segmentare.training.machine import describe_machine, now
from segmentare.video.sources import find_images

ROUNDS = 8  #: that the time is split into; engines take turns
FILES = 16  #: images from file to file
_IMAGES = 4  # different ones


@dataclass(frozen=True)
class BenchRow:
    """What was measured of one engine in one precision.

    Attributes:
        engine: Its name; `plain torch` is PyTorch without any preparation, to compare with.
        precision: In which it computes.
        p50: Milliseconds for the maps of one image: the median.
        p95: The same, exceeded by one in twenty.
        rate: Images per second, one after the other.
        times: How many times as fast as `plain torch`; `None` where that cannot be run.
        file_to_file: Median of the milliseconds from an image file to the file of its mask.
        overhead: That, over the time for the maps alone.
        start: Seconds until the first image is done, imports included.
        memory: The most memory that the process held, in GB.
        alike: Share of the pixels (or keypoints) that agree with the first engine in float32.
        reason: Why it was not measured; "" otherwise.
        model: Name of the model's folder.
    """

    engine: str
    precision: str
    p50: float | None = None
    p95: float | None = None
    rate: float | None = None
    times: float | None = None
    file_to_file: float | None = None
    overhead: float | None = None
    start: float | None = None
    memory: float | None = None
    alike: float | None = None
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, repr=False)
class Bench(Result):
    """A benchmark of one model.

    Attributes:
        rows: One per engine and precision.
        images: What was measured on.
        size: Height and width of the network's input.
        facts: When, and on which machine.
    """

    rows: list[BenchRow]
    images: str
    size: tuple[int, int]
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)

    @property
    def title(self) -> str:
        """What was measured."""
        return f"Maps of one image, input {self.size[0]} x {self.size[1]}; files: {self.images}"

    @property
    def summary(self) -> Mapping[str, object]:
        """The speed of each engine, the fastest first."""
        rows = sorted(self.rows, key=lambda row: -(row.rate or 0))
        return {
            f"{row.engine} {row.precision}": row.reason or f"{row.rate or 0:.1f} images/s"
            for row in rows
        }

    def tables(self) -> Iterator[RenderableType]:
        """Yield all measurements, and on which machine they were made."""
        from segmentare.commands.engine_tables import bench_tables

        return bench_tables(self)


def measure(
    folders: Sequence[Path],
    *,
    data: Path | None,
    size: tuple[int, int] | None,
    seconds: float,
    display: Display,
) -> Bench:
    """Measure every engine that is installed and computes a model; see `commands.bench`.

    Args:
        folders: The model, and other forms of the same one.
        data: Images to measure on; `None` takes noise.
        size: Height and width of the network's input; `None`: as the model sees the first image.
        seconds: That each engine computes maps for.
        display: Where progress is shown.
    """
    models = [read_model(folder) for folder in folders]
    ways = [(model, *way) for model in models for way in _ways(model)]
    model = models[0]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths, what = _images(model, data, Path(folder))
        processes = []
        for one, name, precision in display.over(ways, "Starting engines", len(ways)):
            names = [str(path) for path in paths]
            given = None if size is None else list(size)
            work = Work(str(one.folder), name, precision, names, given)
            processes.append(stack.enter_context(_Process(work)))
        _measure(processes, seconds, display)
        rows = [process.row() for process in processes]
        image = next(usable(model, paths))
        shares = _shares(models, image)
    frame = model.preprocessing.frame((image.shape[0], image.shape[1]))
    facts = {"when": now(), **describe_machine(), **machine()}
    return Bench(_finished(rows, shares), what, size or frame.tile, facts)


def _ways(model: Model) -> list[tuple[str, str]]:
    """Return the engines and precisions that a model is measured in.

    Raises:
        ModelError: There are none.
    """
    pairs = [(engine.name, precision) for engine, precision in candidates(model)]
    if model.format == RUN and any(name == "torch" for name, _ in pairs):
        pairs.insert(0, (PLAIN, "float32"))
    if not pairs:
        raise ModelError(
            f"No engine that is installed computes {str(model.folder)!r} ({model.format}). "
            "Run: pip install 'segmentare[export]'"
        )
    return pairs


def _shares(models: Sequence[Model], image: Image) -> dict[tuple[str, str, str], float]:
    """Return what part of an image's pixels is as the first engine of the first model has it."""
    shares: dict[tuple[str, str, str], float] = {}
    truth: list[Any] = []
    for model in models:
        found = agreements(model, [image], truth=truth)
        truth = found.truth
        shares |= {(model.folder.name, *way): share for way, share in found.shares.items()}
    return shares


def _finished(
    rows: Sequence[BenchRow], shares: dict[tuple[str, str, str], float]
) -> list[BenchRow]:
    base = rows[0].p50 if rows[0].engine == PLAIN else None
    return [
        replace(
            row,
            times=base / row.p50 if base and row.p50 else None,
            alike=1.0
            if row.engine == PLAIN
            else shares.get((row.model, row.engine, row.precision)),
        )
        for row in rows
    ]


class _Process:
    """A worker, and what it has measured so far."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.seconds: list[float] = []
        self.files: list[float] = []
        self.memory: float | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "segmentare.commands.bench_worker"]
        self._process = subprocess.Popen(  # noqa: S603  our own module
            [*command, json.dumps(asdict(self.work))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        answer = self._answer()
        self.reason = str(answer.get("error", ""))
        self.start = answer.get("seconds", [None])[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def ask(self, what: str, count: int = 1) -> list[float]:
        """Let the worker do something so many times; nothing where it could not start."""
        if self.reason or self._process.stdin is None:
            return []
        print(json.dumps({"do": what, "count": count}), file=self._process.stdin, flush=True)
        found: list[float] = self._answer()["seconds"]
        return found

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            self.reason = f"its process ended with exit code {self._process.wait()}"
            return {"error": self.reason, "seconds": []}
        found: dict[str, Any] = json.loads(line)
        return found

    def row(self) -> BenchRow:
        """Return what was measured."""
        name = Path(self.work.folder).name
        row = BenchRow(self.work.engine, self.work.precision, reason=self.reason, model=name)
        if not self.seconds:
            return row
        p50, p95 = (1000 * float(np.percentile(self.seconds, part)) for part in (50, 95))
        whole = 1000 * float(np.median(self.files)) if self.files else None
        return replace(
            row,
            p50=p50,
            p95=p95,
            rate=len(self.seconds) / sum(self.seconds),
            file_to_file=whole,
            overhead=whole / p50 if whole else None,
            start=self.start,
            memory=self.memory,
        )


def _measure(processes: Sequence[_Process], seconds: float, display: Display) -> None:
    """Let the workers take turns, each for about `seconds` in all."""
    counts = {}
    for process in processes:
        once = process.ask("maps", 2)  # also warms up
        counts[process] = max(1, round(seconds / ROUNDS / max(once[-1], 1e-4))) if once else 0
    for _ in display.over(range(ROUNDS), "Measuring", ROUNDS):
        for process in processes:
            process.seconds += process.ask("maps", counts[process])
            time.sleep(0.02)  # threads that still wait for work go to sleep
    for turn in range(2):
        for process in processes:
            measured = process.ask("files", FILES)
            process.files = measured if turn else []
    for process in processes:
        memory = process.ask("memory")
        process.memory = memory[0] if memory else None


def _images(model: Model, data: Path | None, folder: Path) -> tuple[list[Path], str]:
    """Return image files to measure on, and what they are."""
    if data is not None:
        found = spread(list(find_images([data]).values()), _IMAGES)
        paths = [path for path in found if any(True for _ in usable(model, [path]))]
        if not paths:
            raise InputError(f"None of the images in {str(data)!r} suits the model.")
        return paths, f"{len(paths)} images of {data.name}"
    import tifffile

    paths = []
    for number, image in enumerate(noise(model, _IMAGES)):
        paths.append(folder / f"noise_{number}.tif")
        tifffile.imwrite(paths[-1], image)
    return paths, f"{len(paths)} images of noise"
