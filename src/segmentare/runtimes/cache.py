"""What is remembered of a model on this machine: its conversions, and which engine was fastest.

It lies in the user's cache folder, so that models can be read-only and stay as they were made:
`$SEGMENTARE_CACHE`, else `~/.cache/segmentare` (or where the system keeps such things). It may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from segmentare.atomic import write_json
from segmentare.errors import ModelError
from segmentare.models.description import Model, read_model
from segmentare.runtimes import ENGINES
from segmentare.runtimes.writing import export
from segmentare.training.machine import processor, threads

KEPT = 20  #: models of which something is remembered; the one not used for the longest goes

_TRIAL = "engines.json"  # trial.json has older names of precisions


def cache_folder() -> Path:
    """Return where things are remembered; it need not exist."""
    given = os.environ.get("SEGMENTARE_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "segmentare" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "segmentare"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "segmentare"


def place_of(model: Model) -> Path:
    """Return the folder for what is remembered of a model, which is made if it is missing."""
    place = cache_folder() / model.key()
    place.mkdir(parents=True, exist_ok=True)
    os.utime(place)
    _forget_others(place)
    return place


def converted(model: Model, to: str) -> Model:
    """Return a run in another format, from the cache or made now.

    Raises:
        ModelError: The network cannot be written in this format.
        MissingPackageError: A package that the format needs is not installed.
    """
    place = place_of(model) / to
    if place.is_dir():
        with contextlib.suppress(ModelError):  # damaged, so it is made again
            found = read_model(place)
            found.verify()
            return found
        shutil.rmtree(place)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        made = Path(temporary) / to
        export(model, to, made)
        with contextlib.suppress(OSError):  # another process was faster
            made.replace(place)
    return read_model(place)


def remembered_trial(model: Model) -> dict[str, Any] | None:
    """Return what `remember_trial` was given, unless machine or versions are others by now."""
    path = place_of(model) / _TRIAL
    try:
        trial: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return trial if trial.get("machine") == machine() else None


def remember_trial(model: Model, trial: dict[str, Any]) -> None:
    """Keep the outcome of a trial for this machine."""
    write_json(place_of(model) / _TRIAL, {"machine": machine(), **trial})


def machine() -> dict[str, Any]:
    """Return what the speed of an engine depends on."""
    versions = {}
    packages = {engine.package: None for engine in ENGINES.values()}
    packages |= {engine.within: None for engine in ENGINES.values() if engine.within}
    for package in ("segmentare", *packages):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {"processor": processor(), "cores": threads(), "versions": versions}


def _forget_others(place: Path) -> None:
    """Remove the models that were not used for the longest time, but not this one."""
    others = sorted(
        (path for path in place.parent.iterdir() if path.is_dir() and path != place),
        key=lambda path: path.stat().st_mtime,
    )
    for other in others[: max(0, len(others) - KEPT + 1)]:
        shutil.rmtree(other, ignore_errors=True)
