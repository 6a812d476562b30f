"""Starting weights: those that ship with the package, or any model of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segmentare.architecture import NetworkSpec
from segmentare.checkpoint import Arrays, load_model
from segmentare.errors import ModelError
from segmentare.shipped import fit, read_card, read_start


def started(fresh: Arrays, spec: NetworkSpec, start: str) -> tuple[Arrays, str, str]:
    """Put starting weights into encoder and decoder where names and shapes fit.

    Args:
        fresh: All arrays of the new network; those of its heads are kept.
        spec: What it was built from.
        start: `default`: the shipped weights if they are of this kind of network, else none. Or a
            model folder.

    Returns:
        The arrays, the name of what was used ("" for nothing), and a line that says so.

    Raises:
        ModelError: A model folder was named and nothing of it fits.
    """
    if start == "default":
        card = read_card()
        if not _same_kind(NetworkSpec.from_dict(card["network"]), spec):
            return fresh, "", "Start: random weights; none of this network ship with the package."
        arrays, used = _joined(fresh, read_start())
        seen = sum(card["images"].values())
        line = f"Start: {used} arrays learned from {seen} other pictures (see the card)."
        return arrays, start, line
    arrays, used = _joined(fresh, load_model(Path(start))[1])
    if not used:
        raise ModelError(
            f"Starting weights must be of the same network; nothing in {start!r} fits. "
            "Give the --network, --encoder and --width it was trained with."
        )
    return arrays, start, f"Start: {used} arrays of the model {Path(start).name!r}."


def _same_kind(one: NetworkSpec, other: NetworkSpec) -> bool:
    kind = ("network", "encoder", "width", "depth", "blocks", "decoder_channels")
    return all(getattr(one, name) == getattr(other, name) for name in kind)


def _joined(fresh: Arrays, given: Arrays) -> tuple[Arrays, int]:
    """Return the fresh arrays with the given ones that fit, and how many these are."""
    joined, used = dict(fresh), 0
    for name, target in fresh.items():
        if name not in given or name.startswith("heads."):
            continue
        array = given[name].astype(np.float32)
        if array.shape != target.shape and not name.startswith("encoder."):
            continue  # only a first convolution may be fitted to other channels
        fitted = fit(array, target.shape)
        if fitted is not None:
            joined[name] = fitted.astype(target.dtype)
            used += fitted.ndim > 0  # counters of BatchNorm fit every width
    return joined, used
