"""What a training must remember to go on after it was killed, without pickling anything."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import save as encode_arrays
from safetensors.torch import load as decode_tensors
from torch import Tensor, nn

from segmentare.checkpoint import write_bytes
from segmentare.errors import ModelError

STATE = "training_state.safetensors"


class Ema:
    """An exponential moving average of a network's weights and of its running statistics.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J.
    Control Optim. 1992; with a warm-up of the decay as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = [t for t in network.state_dict().values() if t.is_floating_point()]
        self._names = [n for n, t in network.state_dict().items() if t.is_floating_point()]
        self._average = [t.detach().clone() for t in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average toward the live weights after step number `step` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, self._live, 1 - decay)  # one fused pass

    def tensors(self) -> dict[str, Tensor]:
        """Return the averaged tensors by the network's names."""
        return dict(zip(self._names, self._average, strict=True))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the averaged tensors of an earlier run."""
        for name, tensor in zip(self._names, self._average, strict=True):
            tensor.copy_(tensors[name])


def save_state(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: Ema,
    facts: Mapping[str, Any],
) -> None:
    """Write everything that the next step depends on into one file of `folder`, atomically.

    Args:
        folder: The run's folder.
        network: Its live weights.
        optimizer: AdamW (per parameter `exp_avg`, `exp_avg_sq` and `step`).
        ema: The averaged weights.
        facts: JSON-ready data such as the step's number and the best score so far.
    """
    arrays: dict[str, Tensor] = {}
    arrays.update({f"network.{name}": t for name, t in network.state_dict().items()})
    arrays.update({f"ema.{name}": t for name, t in ema.tensors().items()})
    for number, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            arrays[f"optimizer.{number}.{key}"] = torch.as_tensor(value)
    data = encode_arrays(
        {n: np.asarray(t.detach().cpu().numpy(), order="C") for n, t in arrays.items()},
        metadata={"facts": json.dumps(facts)},
    )
    write_bytes(folder / STATE, data)


def load_state(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema
) -> dict[str, Any]:
    """Put back what `save_state` wrote and return its facts.

    Raises:
        ModelError: When the file is missing, damaged, or of another network.
    """
    path = folder / STATE
    if not path.is_file():
        raise ModelError(
            f"To resume, {str(folder)!r} must hold {STATE}; it does not. "
            "The run has ended, or never reached its first save: train anew."
        )
    data = path.read_bytes()
    try:
        tensors = decode_tensors(data)
        length = int.from_bytes(data[:8], "little")
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["facts"])
        network.load_state_dict(_under("network.", tensors))
        ema.load(_under("ema.", tensors))
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{STATE} in {str(folder)!r} does not fit this run ({error}). Train anew."
        ) from error
    _load_optimizer(optimizer, _under("optimizer.", tensors))
    return dict(facts)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
