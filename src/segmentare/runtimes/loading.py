"""A model folder becomes a predictor, computed by the engine that was asked for or the fastest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segmentare.annotations.geometry import Image
from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.models import frameworks
from segmentare.models.description import RUN, Model, read_model
from segmentare.models.frameworks import AUTO, choose_framework
from segmentare.prediction.predictor import Predictor
from segmentare.runtimes import ENGINES, PRECISIONS, Engine, MapsFunction, Settings, find_engine
from segmentare.runtimes.cache import remember_trial, remembered_trial
from segmentare.runtimes.trial import Candidate, candidates, choose, hold_trial, open_anyhow

Examples = Callable[[Model], Sequence[Image]]

USUAL = "SEGMENTARE_ENGINE"  #: variable of the environment with the engine where none is asked for


@dataclass(frozen=True)
class Wanted:
    """What shall compute a model.

    Attributes:
        engine: A name from `ENGINES`, or `auto`: that of the variable `SEGMENTARE_ENGINE` if it
            computes such a model, else the fastest that is installed and right.
        precision: `float32`, `bfloat16` or `int8`; `None`: with `auto` the fastest that is right,
            else `float32`, or `int8` for what was exported so.
        device: Of PyTorch or TensorFlow.
        framework: `torch` for that engine, `tensorflow` for Keras, `auto` for any engine, and Keras
            where none is installed.
    """

    engine: str = "auto"
    precision: str | None = None
    device: str = "auto"
    framework: str = AUTO


@dataclass(frozen=True)
class Opened:
    """A model that is ready, and why it is computed the way it is.

    Attributes:
        predictor: Ready to use.
        engine: Name of what computes it.
        precision: In which it computes.
        why: One sentence.
        rows: What a trial found, if there was one.
    """

    predictor: Predictor[Any]
    engine: str
    precision: str
    why: str
    rows: tuple[Candidate, ...] = ()


def open_model(
    folder: str | Path,
    wanted: Wanted,
    *,
    flips: bool | None = None,
    examples: Examples | None = None,
) -> Opened:
    """Open a model as is wanted, and say why so.

    Args:
        folder: Of a training or an export.
        wanted: What shall compute it.
        flips: Average over four mirrors of the image; `None`: as the export says, else not.
        examples: Returns images for a trial of the engines, if one is needed; without it nothing
            is tried.

    Raises:
        ModelError: The folder is missing, damaged, foreign or of a newer version, or the engine
            cannot compute it.
        MissingPackageError: A package that is needed is not installed.
        InputError: There is no such engine.
    """
    model = read_model(folder)
    if flips is None:
        flips = model.exported is not None and model.exported.flips
    wanted = _agreed(model, wanted)
    if _is_for_tensorflow(model, wanted):
        return _in_tensorflow(model, wanted, flips=flips)
    name = _usual(model) if wanted.engine == "auto" else wanted.engine
    if name != "auto":
        engine = find_engine(name)
        precision = wanted.precision or (engine.computes(model) or ("float32",))[0]
        why = "as asked for" if name == wanted.engine else f"as {USUAL} says"
        return _opened(model, engine, Settings(precision, wanted.device), why, flips=flips)
    able = _able(model, wanted.precision)
    rows, why = _tried(model, able, wanted, examples)
    found = choose(rows, wanted.precision)
    if found is not None:
        settings = Settings(found.precision, wanted.device)
        return _opened(model, ENGINES[found.engine], settings, why, tuple(rows), flips=flips)
    engine, precision = able[0]
    return _opened(model, engine, Settings(precision, wanted.device), why, tuple(rows), flips=flips)


def _usual(model: Model) -> str:
    """Return the engine that the user takes for all models of such a format, or `auto`."""
    name = os.environ.get(USUAL, "auto")
    return "auto" if name != "auto" and not find_engine(name).computes(model) else name


def _agreed(model: Model, wanted: Wanted) -> Wanted:
    """Return what is wanted with the engine that its framework means.

    Raises:
        InputError: The framework is unknown, or the engine is another one.
    """
    if wanted.framework == AUTO:
        return wanted
    choose_framework(wanted.framework)
    if wanted.engine not in ("auto", wanted.framework):
        raise InputError(
            f"An engine computes a model, or a framework does; got `engine` {wanted.engine} and "
            f"`framework` {wanted.framework}. Give one of them."
        )
    engine = "torch" if wanted.framework == "torch" else "auto"
    if wanted.framework == "tensorflow" and model.format not in (RUN, "litert"):
        engine = "tensorflow"
    return replace(wanted, engine=engine)


def _is_for_tensorflow(model: Model, wanted: Wanted) -> bool:
    if model.format != RUN:  # exports have engines of their own
        return False
    if wanted.framework == "tensorflow":
        return True
    nothing = wanted == Wanted(device=wanted.device) and not candidates(model)
    return nothing and frameworks.installed("tensorflow")


def _in_tensorflow(model: Model, wanted: Wanted, *, flips: bool) -> Opened:
    choose_framework("tensorflow")
    from segmentare.keras.inference import load as load_in_keras

    predictor = load_in_keras(model.folder, flips=flips, device=wanted.device)
    precision = "float32"
    why = "as asked for" if wanted.framework == "tensorflow" else "nothing else computes it here"
    return Opened(predictor, "tensorflow", precision, f"Engine: TensorFlow {precision}: {why}.")


def _able(model: Model, precision: str | None) -> list[tuple[Engine, str]]:
    """Return what could compute the model.

    Raises:
        MissingPackageError: Nothing that is installed can.
        ModelError: Nothing at all can, in the precision.
    """
    able = [pair for pair in candidates(model) if precision in (None, pair[1])]
    if able:
        return able
    if model.exported is None and precision is None:
        choose_framework()  # says that a model of a training needs one
    likely = set(PRECISIONS) if precision is None else {precision}
    possible = [engine for engine in ENGINES.values() if likely & set(engine.computes(model))]
    if not possible:
        known = sorted({name for engine in ENGINES.values() for name in engine.computes(model)})
        raise ModelError(
            f"No engine computes this model ({model.format}) in {precision}. "
            f"Give `precision` {' or '.join(known)}"
            + (", or make an int8 model with `segmentare export --int8`." * (precision == "int8"))
        )
    ways = " or ".join(f"pip install 'segmentare[{engine.extra}]'" for engine in possible)
    raise MissingPackageError(
        f"A model of the format {model.format!r} needs {' or '.join(e.package for e in possible)}, "
        f"which is not installed. Run: {ways}"
    )


def _tried(
    model: Model, able: Sequence[tuple[Engine, str]], wanted: Wanted, examples: Examples | None
) -> tuple[list[Candidate], str]:
    """Return the rows of a trial, remembered or held now, and a sentence; no rows without one."""
    if len(able) == 1:
        return [], "nothing else that is installed computes it"
    known = remembered_trial(model)
    if known is not None:
        rows = [Candidate(**row) for row in known["rows"]]
        return rows, f"{_compared(rows, wanted.precision)}; remembered from an earlier trial"
    images = [] if examples is None else list(examples(model))
    if not images:
        return [], "no engines were tried yet; `segmentare predict` tries them"
    rows = hold_trial(model, images, wanted.device)
    remember_trial(model, {"rows": [row.to_dict() for row in rows], "images": len(images)})
    return rows, f"{_compared(rows, wanted.precision)}; tried now and remembered"


def _compared(rows: Sequence[Candidate], precision: str | None) -> str:
    """Say how the choice compares with the first candidate, in its exact numbers."""
    ran = [row for row in rows if row.milliseconds is not None]
    found = choose(rows, precision)
    if not ran or found is None:
        return "nothing else computes it rightly"
    first = ran[0]
    if found == first:
        return f"none of the {len(ran)} that were tried is faster and right"
    faster = (first.milliseconds or 0) / (found.milliseconds or 1)
    return (
        f"{faster:.1f} times as fast as {first.engine} {first.precision}, with "
        f"{100 * (found.alike or 0):.3f} % of the pixels the same"
    )


def _opened(
    model: Model,
    engine: Engine,
    settings: Settings,
    why: str,
    rows: tuple[Candidate, ...] = (),
    *,
    flips: bool,
) -> Opened:
    maps_of: MapsFunction = open_anyhow(engine, model, settings)
    said = f"{engine.name} {settings.precision}"
    predictor = Predictor(maps_of, model.task, model.preprocessing, flips, computed=said)
    return Opened(predictor, engine.name, settings.precision, f"Engine: {said}: {why}.", rows)
