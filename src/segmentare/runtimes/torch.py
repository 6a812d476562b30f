"""PyTorch: runs as they are, and programs of `torch.export`."""

from __future__ import annotations

import inspect
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from segmentare.errors import ModelError
from segmentare.models.description import Model
from segmentare.networks.inference import (
    best_device,
    cast_convolutions,
    fuse,
    maps_function,
    restore,
)
from segmentare.runtimes import MapsFunction, Settings, padded


def hindrance(precision: str) -> str:
    """Say why this machine cannot compute in a precision."""
    slow = best_device() == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001  has no public name
    return "this processor has no bfloat16" if precision == "bfloat16" and slow else ""


def open_network(model: Model, settings: Settings) -> MapsFunction:
    """Return the function from images to maps.

    Raises:
        ModelError: The model is damaged.
    """
    device = best_device() if settings.device == "auto" else settings.device
    heads = model.task.heads
    bfloat16 = settings.precision == "bfloat16"
    if model.exported is None:
        network = fuse(restore(model), merged=device == "cpu").to(device)
        if bfloat16:
            cast_convolutions(network)
        return maps_function(network, heads, bfloat16=bfloat16, device=device)
    program = _Program(_read(model.file), [head.name for head in heads]).to(device)
    done = tuple(replace(head, kind="vectors") for head in heads)  # these get no activation
    maps_of = maps_function(program, done, bfloat16=bfloat16, device=device)
    return padded(maps_of, model.exported.multiple)


class _Program(nn.Module):
    """A program of `torch.export` behind the interface of `Network`; its maps are activated."""

    def __init__(self, program: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.program, self.names = program, names

    def forward(self, x: Tensor) -> Mapping[str, Tensor]:
        """Map images (N, C, H, W) to the activated maps of every head."""
        return dict(zip(self.names, self.program(x.permute(0, 2, 3, 1)), strict=True))


def _read(path: Path) -> nn.Module:
    try:
        program = torch.export.load(path)
        # Guards of newer versions are guesses from the one example size; `padded` sees to sizes.
        unguarded = "check_guards" in inspect.signature(program.module).parameters
        return program.module(check_guards=False) if unguarded else program.module()
    except (RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{str(path)!r} must be a program that this version of PyTorch ({torch.__version__}) "
            "reads; it is not. Export the model again."
        ) from error
