"""Starting weights: arrays by name into the encoder of a network, where they fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from segmentare.errors import ModelError
from segmentare.models.shipped import fit
from segmentare.networks.network import Network


def load_encoder_weights(network: Network, arrays: Mapping[str, NDArray[np.generic]]) -> int:
    """Copy arrays into the encoder where name and shape fit, and leave the rest as it is.

    A first convolution made for another number of image channels is adapted: its mean over the
    channels, times old / new, is repeated, so that a gray image excites it as before.

    Args:
        network: Changed in place.
        arrays: By name, either of the encoder alone or of a whole network (`encoder.` in front).

    Returns:
        How many arrays were used, counters of BatchNorm aside.

    Raises:
        ModelError: If none fits.
    """
    prefix = "encoder."
    named = {name.removeprefix(prefix): array for name, array in arrays.items()}
    used = 0
    with torch.no_grad():
        for name, target in network.encoder.state_dict().items():
            if name not in named:
                continue
            fitted = fit(named[name], tuple(target.shape))
            if fitted is not None:
                target.copy_(torch.from_numpy(fitted))
                # Counters of BatchNorm fit every width, so they say nothing.
                used += fitted.ndim > 0
    if not used:
        raise ModelError(
            f"At least one of the arrays must fit the encoder by name and shape, but none of "
            f"{len(arrays)} does; the first are {sorted(arrays)[:3]}. "
            "Take weights of the same encoder and width."
        )
    return used
