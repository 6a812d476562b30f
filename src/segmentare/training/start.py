"""Starting weights: those that ship with the package, or any model of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from segmentare.architecture import NetworkSpec
from segmentare.checkpoint import Arrays, load_model
from segmentare.errors import ModelError
from segmentare.networks.backbone import backbone_weights
from segmentare.networks.network import Network
from segmentare.networks.weights import fit, load_encoder_weights
from segmentare.shipped import read_card, read_start


def load_start(network: Network, spec: NetworkSpec, start: str) -> tuple[str, str]:
    """Copy starting weights into encoder and decoder where names and shapes fit.

    Args:
        network: Changed in place; its heads keep their fresh weights.
        spec: What it was built from.
        start: `default`: the shipped weights if they are of this kind of network, else none. Or a
            model folder.

    Returns:
        The name of what was used ("" for nothing) and a line that says so.

    Raises:
        ModelError: A model folder was named and nothing of it fits.
        MissingPackageError: A Hugging Face encoder is wanted and transformers is not installed.
    """
    if start == "default" and spec.encoder == "hf":
        source = str((spec.backbone or {})["source"])
        used = load_encoder_weights(network, backbone_weights(source))
        return source, f"Start: {used} arrays of the pretrained encoder {Path(source).name!r}."
    if start == "default":
        card = read_card()
        if not _same_kind(NetworkSpec.from_dict(card["network"]), spec):
            return "", "Start: random weights; none of this network ship with the package."
        used = _copy(network, read_start())
        pictures = sum(card["images"].values())
        return start, f"Start: {used} arrays learned from {pictures} other pictures (see the card)."
    _, arrays = load_model(Path(start))
    used = _copy(network, arrays)
    if not used:
        raise ModelError(
            f"Starting weights must be of the same network; nothing in {start!r} fits. "
            "Give the --network, --encoder and --width it was trained with."
        )
    return start, f"Start: {used} arrays of the model {Path(start).name!r}."


def _same_kind(one: NetworkSpec, other: NetworkSpec) -> bool:
    kind = ("network", "encoder", "width", "depth", "blocks", "decoder_channels")
    return all(getattr(one, name) == getattr(other, name) for name in kind)


def _copy(network: Network, arrays: Arrays) -> int:
    used = 0
    with torch.no_grad():
        for name, target in network.state_dict().items():
            if name not in arrays or name.startswith("heads."):
                continue
            array, shape = arrays[name].astype(np.float32), tuple(target.shape)
            if array.shape != shape and not name.startswith("encoder."):
                continue  # only a first convolution may be fitted to other channels
            fitted = fit(array, shape)
            if fitted is not None:
                target.copy_(torch.from_numpy(fitted))
                used += fitted.ndim > 0  # counters of BatchNorm fit every width
    return used
