"""An exported model against the one it was made from: the same maps, the same predictions?"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from segmentare.annotations.geometry import Image
from segmentare.annotations.segmentation import Sample
from segmentare.models.description import Model
from segmentare.prediction.predictor import Predictor, Reading
from segmentare.runtimes import MapsFunction
from segmentare.runtimes.agreement import differing, extent, largest_difference

MAPS = 1e-3  #: most that a value of a map in float32 may differ
PIXELS = 1e-5  #: share of the pixels (or keypoints) that may differ in float32
SERVED = 1e-4  #: the same of what resamples pixels itself, and rounds some to the other side
LOSS = 0.01  #: most that the main score may fall by int8
CHANGED = 0.01  #: share of the pixels that int8 may change where nothing can be scored

_ROUNDS = 7


class Reader(Protocol):
    """What reads images as a `Predictor` does, which is one."""

    @property
    def computed(self) -> str:
        """What computes it, and in which numbers."""

    def read(self, image: Image) -> Reading:
        """Return the maps of an image."""

    def decode(self, reading: Reading) -> Any:  # noqa: ANN401  any annotation
        """Return what a reading shows."""


@dataclass
class Parity:
    """What a comparison found.

    Attributes:
        computed: What was compared, such as "openvino float32".
        images: On how many images.
        largest: Per head the largest difference of any value of its maps.
        pixels: How many pixels (or keypoints) were compared.
        differ: How many of them are different.
        score: Name of the main score; `None` where nothing could be scored.
        before: That score of the model itself.
        after: That score of the export.
        milliseconds: For the maps of one image: of the model as it is trained (`torch float32`, or
            `tensorflow float32`), and of the export.
    """

    computed: str
    images: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    pixels: int = 0
    differ: int = 0
    score: str | None = None
    before: float | None = None
    after: float | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the pixels that differ."""
        return self.differ / max(self.pixels, 1)

    @property
    def lost(self) -> float | None:
        """How much the score has fallen; negative where it rose."""
        if self.before is None or self.after is None:
            return None
        return self.before - self.after

    @property
    def speedup(self) -> float:
        """How many times as fast as its model it is."""
        slow, fast = next(iter(self.milliseconds.values()), 0), self.milliseconds.get(self.computed)
        return slow / fast if slow and fast else 1.0

    def complaint(self, most_lost: float = LOSS) -> str:
        """Return what is wrong with the export, "" where nothing is.

        Args:
            most_lost: How much of the main score int8 may cost.
        """
        if self.computed.endswith("int8"):
            if self.lost is not None and self.lost > most_lost:
                return f"the score {self.score} falls by {self.lost:.4f}, more than {most_lost:g}"
            if self.lost is None and self.share > CHANGED:
                return f"{100 * self.share:.2f} % of the pixels differ, more than {100 * CHANGED} %"
            return ""
        served = self.computed.endswith("serving_default")
        far = {name: value for name, value in self.largest.items() if value > MAPS}
        if far and not served:
            name, value = max(far.items(), key=lambda item: item[1])
            return f"the maps of head {name!r} differ by up to {value:.3g}, more than {MAPS:g}"
        most = SERVED if served else PIXELS
        if self.share > most:
            return f"{self.differ} of {self.pixels} pixels differ, more than {100 * most:g} %"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        extra = {"share_that_differs": self.share, "lost": self.lost, "speedup": self.speedup}
        return {**asdict(self), **extra}


def compare(model: Predictor[Any], exported: Reader, samples: Iterable[Sample[Any]]) -> Parity:
    """Compare two predictors of the same task, image by image at their own sizes.

    Args:
        model: What must be matched.
        exported: What is compared with it; its `computed` names it.
        samples: Images; those with an annotation are scored too.
    """
    parity = Parity(exported.computed)
    metrics = [model.task.metric(fast=True) for _ in range(2)]
    scored = 0
    for sample in samples:
        readings = [predictor.read(sample.image) for predictor in (model, exported)]
        for name, value in largest_difference(readings[0].maps, readings[1].maps).items():
            parity.largest[name] = max(value, parity.largest.get(name, 0.0))
        one, other = model.decode(readings[0]), exported.decode(readings[1])
        parity.images += 1
        parity.pixels += extent(one)
        parity.differ += differing(one, other)
        if sample.annotation is None:
            continue
        scored += 1
        for metric, found in zip(metrics, (one, other), strict=True):
            metric.update(found, sample.annotation, sample.name)
    if scored:
        parity.score = model.task.headline
        before, after = (metric.summary().get(parity.score) for metric in metrics)
        parity.before, parity.after = before, after
    return parity


def measure(functions: dict[str, MapsFunction], batch: Any) -> dict[str, float]:  # noqa: ANN401  an array
    """Return the best time of each function for a batch, in milliseconds; they take turns."""
    best = dict.fromkeys(functions, float("inf"))
    for turn in range(_ROUNDS):
        for name, maps_of in functions.items():
            began = time.perf_counter()
            maps_of(batch)
            if turn:  # the first one prepares itself for the size
                best[name] = min(best[name], 1000 * (time.perf_counter() - began))
    return best


def plain(model: Model, framework: str = "torch") -> MapsFunction:
    """Return a run's network as it is computed without preparation: the measure of speed."""
    if framework == "tensorflow":
        from segmentare.keras import inference

        found = inference.restore(model.folder, folded=False)
        return inference.maps_function(found.network, model.task.heads)
    from segmentare.networks.decoders import textbook
    from segmentare.networks.inference import maps_function, restore

    return maps_function(textbook(restore(model)), model.task.heads)
