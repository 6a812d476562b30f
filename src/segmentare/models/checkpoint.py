"""A model on disk: `model.json` and `weights.safetensors` in one folder; nothing is pickled.

`model.json` holds what a person may want to read and what any framework needs to rebuild the
model: the task with its thresholds, the categories, the network, the preprocessing, the scores,
and where it all came from. The weights are arrays by name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.atomic import write_bytes, write_json
from segmentare.errors import ModelError
from segmentare.json_values import shown
from segmentare.opening import read_bytes, read_text

FORMAT = 1  #: raised whenever an older version could misread a newer folder
MODEL = "model.json"
WEIGHTS = "weights.safetensors"

Arrays = dict[str, NDArray[Any]]


def save_model(folder: Path, description: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a model; each file appears whole or not at all.

    Args:
        folder: Made if it is missing. Files of other names stay.
        description: JSON-ready; `format` is added.
        arrays: Weights by name.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_bytes(folder / WEIGHTS, save(contiguous))
    save_description(folder, description)


def save_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` alone, for the weights that are there; `format` is added."""
    write_json(folder / MODEL, {"format": FORMAT, **description})


def load_model(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """Read what `save_model` wrote.

    Returns:
        The description and the arrays.

    Raises:
        ModelError: The folder is missing, damaged, no model, or of a newer format.
    """
    description = load_description(folder)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = weights_file(folder)
    try:
        return description, load(read_bytes(path))
    except (SafetensorError, ValueError, LookupError, TypeError, ImportError) as error:
        raise ModelError(
            f"{str(path)!r} must be a safetensors file; it is damaged ({error}). "
            "Copy the model folder again, or train anew."
        ) from error


def check_shapes(needed: Mapping[str, tuple[int, ...]], arrays: Arrays) -> None:
    """Stop unless weights are those of a network.

    Args:
        needed: Shape of every array of the network, by name.
        arrays: What the weights file holds.

    Raises:
        ModelError: An array is missing, has another shape, is not of numbers, or is one too many.
    """
    missing, foreign = sorted(needed.keys() - arrays), sorted(arrays.keys() - needed)
    wrong = [name for name in needed if name in arrays and arrays[name].shape != needed[name]]
    strange = [name for name, array in arrays.items() if array.dtype.kind not in "fiu"]
    if missing:
        problem = f"{missing[0]!r} is missing from them (one of {len(missing)})."
    elif foreign:
        problem = f"{foreign[0]!r} is not part of it (one of {len(foreign)})."
    elif wrong:
        shape = arrays[wrong[0]].shape
        problem = f"{wrong[0]!r} has the shape {shape} instead of {needed[wrong[0]]}."
    elif strange:
        problem = f"{strange[0]!r} holds {arrays[strange[0]].dtype} instead of numbers."
    else:
        return
    raise ModelError(
        f"The weights must fit the network of {MODEL}; {problem} "
        "The two files come from different models: copy the folder again."
    )


def weights_file(folder: Path) -> Path:
    """Return the file of a model folder's weights.

    Raises:
        ModelError: It is missing.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelError(
            f"A model folder must hold {WEIGHTS}; {str(folder)!r} does not. "
            "The training may have been stopped before its first validation."
        )
    return path


def load_description(folder: Path) -> dict[str, Any]:
    """Read `model.json` alone.

    Raises:
        ModelError: It is missing, damaged, no model, or of a newer format.
    """
    path = Path(folder) / MODEL
    if not path.is_file():
        raise ModelError(
            f"A model folder must hold {MODEL}; {str(folder)!r} "
            f"{'does not' if Path(folder).is_dir() else 'is no folder'}. "
            "Give the folder that `segmentare train` made."
        )
    try:
        description = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{str(path)!r} must be JSON; it is damaged ({error}).") from error
    if not isinstance(description, dict) or "task" not in description:
        raise ModelError(f"{str(path)!r} is JSON, but does not describe a segmentare model.")
    found = description.get("format")
    if found != FORMAT or isinstance(found, bool):
        raise ModelError(
            f"{str(path)!r} has the format {shown(found)}; this version reads format {FORMAT}. "
            "Install the version of segmentare that wrote it, or a newer one."
        )
    return description
