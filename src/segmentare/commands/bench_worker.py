"""One engine in a process of its own, so that its memory can be told: `segmentare bench` asks it.

It reads jobs, one JSON line each, from its input and answers each with a JSON line: `maps` with the
seconds of each of so many images' maps, `files` with those from a file to the file of its mask,
`memory` with the most memory it has held. Engines so take turns, and what disturbs the machine
disturbs all of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.commands.predicting import writer_for
from segmentare.images.reading import read_image
from segmentare.models.description import read_model
from segmentare.prediction.predictor import Predictor
from segmentare.results.outputs import Outputs
from segmentare.runtimes import ENGINES, MapsFunction, Settings
from segmentare.runtimes.parity import plain
from segmentare.runtimes.trial import first_batch, open_anyhow
from segmentare.training.machine import peak_memory_gb

PLAIN = "plain torch"  #: the network as PyTorch computes it without any preparation


@dataclass(frozen=True)
class Work:
    """What a worker shall measure.

    Attributes:
        folder: Of the model.
        engine: A name from `ENGINES`, or `PLAIN`.
        precision: In which it computes.
        images: Image files.
        size: Height and width of the network's input; `None`: as the model sees the first image.
    """

    folder: str
    engine: str
    precision: str
    images: list[str]
    size: list[int] | None = None


class Worker:
    """Measures one engine."""

    def __init__(self, work: Work) -> None:
        self.model = read_model(work.folder)
        self.images = [Path(name) for name in work.images]
        self.maps_of = self._open(work)
        self.batch = first_batch(self.model, read_image(self.images[0]))
        if work.size is not None:
            shape = (1, *work.size, self.model.preprocessing.channels)
            self.batch = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        self.predictor = Predictor(self.maps_of, self.model.task, self.model.preprocessing)

    def _open(self, work: Work) -> MapsFunction:
        if work.engine == PLAIN:
            return plain(self.model)
        return open_anyhow(ENGINES[work.engine], self.model, Settings(work.precision))

    def maps(self, count: int) -> list[float]:
        """Return the seconds that the maps of one image take, `count` times."""
        return [_seconds(lambda: self.maps_of(self.batch)) for _ in range(count)]

    def files(self, count: int) -> list[float]:
        """Return the seconds from an image file to the file of its mask, for `count` files."""
        with tempfile.TemporaryDirectory() as folder:
            writer = writer_for(Path(folder), self.model.task, Outputs())
            writer.start([path.name for path in self.images])

            def once(number: int) -> None:
                path = self.images[number % len(self.images)]
                image = read_image(path)
                writer.write(f"{number}_{path.stem}", path, image, self.predictor.predict(image))

            return [_seconds(partial(once, number)) for number in range(count)]

    def memory(self, count: int) -> list[float]:
        """Return the most memory held so far, in GB."""
        del count
        return [peak_memory_gb() or 0.0]


def _seconds(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Answer jobs until the input ends."""
    began = time.perf_counter()
    try:
        worker = Worker(Work(**json.loads(sys.argv[1])))
        worker.maps(1)
    except (ValueError, ImportError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"seconds": [time.perf_counter() - began]}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        seconds = getattr(worker, job["do"])(job["count"])
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
