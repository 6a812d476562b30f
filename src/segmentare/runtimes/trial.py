"""Which engine is the fastest of those that answer rightly, on this machine and for this model.

Right means: the prediction agrees with that of the first engine in 32-bit floats on at least
`RIGHT` of the pixels (or keypoints) of the images that are tried.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.errors import MissingPackageError, ModelError
from segmentare.models.description import RUN, Model
from segmentare.prediction.predictor import Predictor
from segmentare.runtimes import ENGINES, Engine, MapsFunction, Settings, open_engine
from segmentare.runtimes.agreement import alike
from segmentare.runtimes.cache import converted

RIGHT = 0.999  #: least share of pixels that must be the same
WORTH = 1.1  #: so much faster must be what is less exact, or needs a conversion
SECONDS = 3.0  #: for the timing of all candidates together, beyond one round each
ROUNDS = (3, 25)  #: at least and at most; what disturbs one round seldom disturbs all

Way = tuple[str, str]  #: engine and precision


@dataclass(frozen=True)
class Candidate:
    """What a trial found out about one engine in one precision.

    Attributes:
        engine: Its name.
        precision: In which it computed.
        milliseconds: For the maps of one image, the best of several; `None` where it did not run.
        alike: Share of the pixels that agree; `None` where it did not run.
        reason: Why it did not run, or is not right; "" otherwise.
    """

    engine: str
    precision: str
    milliseconds: float | None = None
    alike: float | None = None
    reason: str = ""

    @property
    def right(self) -> bool:
        """True where it ran and agrees."""
        return self.alike is not None and self.alike >= RIGHT

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


def candidates(model: Model) -> list[tuple[Engine, str]]:
    """Return the installed engines that can compute a model, with each of their precisions."""
    return [
        (engine, precision)
        for engine in ENGINES.values()
        if engine.installed
        for precision in engine.computes(model)
    ]


def open_anyhow(engine: Engine, model: Model, settings: Settings) -> MapsFunction:
    """Open a model with an engine, and convert it before if the engine needs that.

    Raises:
        ModelError: The model is damaged, or the engine cannot compute it.
        MissingPackageError: The conversion needs a package that is not installed.
    """
    able = engine.computes(model)
    if model.format == RUN and engine.runs_as and settings.precision in able:
        model = converted(model, engine.runs_as)
    return open_engine(engine, model, settings)


def hold_trial(model: Model, images: Sequence[Image], device: str = "auto") -> list[Candidate]:
    """Try all engines on some images, and return what was found, in the order of preference.

    Args:
        model: A run, or an export that several engines can open.
        images: At least one.
        device: For PyTorch.
    """
    found = agreements(model, images, device)
    times = _times(found.functions, first_batch(model, images[0]))
    rows = []
    for engine, precision in candidates(model):
        name = (engine.name, precision)
        reason, share = found.reasons.get(name, ""), found.shares.get(name)
        if share is not None and share < RIGHT:
            reason = f"only {100 * share:.2f} % of the pixels are the same"
        rows.append(Candidate(*name, times.get(name), share, reason))
    return rows


@dataclass(frozen=True)
class Agreements:
    """How well engines agree, by engine and precision.

    Attributes:
        functions: Those that ran.
        shares: Of the pixels (or keypoints) that are as the first one has them, in the worst image.
        reasons: Why others did not run.
        truth: What the others are compared with, one prediction per image.
    """

    functions: dict[Way, MapsFunction] = field(default_factory=dict)
    shares: dict[Way, float] = field(default_factory=dict)
    reasons: dict[Way, str] = field(default_factory=dict)
    truth: list[Any] = field(default_factory=list)


def agreements(
    model: Model, images: Sequence[Image], device: str = "auto", truth: Sequence[Any] = ()
) -> Agreements:
    """Let all engines predict some images, and compare them; see `hold_trial`.

    Args:
        model: A run or an export.
        images: At least one.
        device: For PyTorch.
        truth: Predictions of the images to compare with; empty takes those of the first engine.
    """
    result = Agreements(truth=list(truth))
    for engine, precision in candidates(model):
        way = (engine.name, precision)
        try:
            maps_of = open_anyhow(engine, model, Settings(precision, device))
            predictor = Predictor(maps_of, model.task, model.preprocessing)
            found = [predictor.predict(image) for image in images]
        except (ModelError, MissingPackageError) as error:
            result.reasons[way] = str(error)
            continue
        result.truth.extend(() if result.truth else found)
        result.shares[way] = min(alike(a, b) for a, b in zip(result.truth, found, strict=True))
        result.functions[way] = maps_of
    return result


def choose(rows: Sequence[Candidate], precision: str | None = None) -> Candidate | None:
    """Return the fastest right one; a later one must be `WORTH` times as fast as an earlier one.

    Args:
        rows: In the order of preference.
        precision: Only those that compute so.
    """
    best: Candidate | None = None
    for row in rows:
        if not row.right or row.milliseconds is None or precision not in (None, row.precision):
            continue
        if best is None or row.milliseconds * WORTH < (best.milliseconds or 0):
            best = row
    return best


def first_batch(model: Model, image: Image) -> NDArray[np.float32]:
    """Return the normalized input for an image, its first tile where it is tiled."""
    frame = model.preprocessing.frame((image.shape[0], image.shape[1]))
    grid = model.preprocessing.arrange(image, frame)[None, : frame.tile[0], : frame.tile[1]]
    return model.preprocessing.normalize(np.ascontiguousarray(grid))


def _times(functions: dict[Way, MapsFunction], batch: NDArray[np.float32]) -> dict[Way, float]:
    """Return the best time of each function, in milliseconds; they take turns."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in _rounds():
        for name, maps_of in functions.items():
            began = time.perf_counter()
            maps_of(batch)
            best[name] = min(best[name], 1000 * (time.perf_counter() - began))
    return best


def _rounds() -> Iterator[int]:
    end = time.monotonic() + SECONDS
    least, most = ROUNDS
    for count in range(most):
        if count >= least and time.monotonic() > end:
            return
        yield count
