"""A few steps against the stopwatch: which precision is fast here, and still right."""

from __future__ import annotations

import copy
import math
import os
import time
from pathlib import Path

import torch
from torch import nn

from segmentare.architecture import NetworkSpec
from segmentare.batches import Batches
from segmentare.networks.layers import channels_last
from segmentare.networks.network import Network, build_network
from segmentare.plan import Plan
from segmentare.tasks.base import Head
from segmentare.training.loop import to_tensor
from segmentare.training.losses import total_loss

_BATCH, _SIDE = 8, 128  # a batch that any machine can hold


def precisions() -> list[str]:
    """Return what is worth timing: bfloat16 only where the processor computes in it.

    Without AVX512_BF16, AMX or its like bfloat16 is emulated and many times slower.
    """
    if torch.cuda.is_available():
        return ["float32", "bfloat16"] if torch.cuda.is_bf16_supported() else ["float32"]
    flags = _processor_flags()
    fast = {"avx512_bf16", "amx_bf16", "bf16"} & flags
    return ["float32", "bfloat16"] if fast else ["float32"]


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return set(lines[0].split(":", 1)[1].split()) if lines else set()


def speed(spec: NetworkSpec, heads: tuple[Head, ...]) -> float:
    """Return how many pixels a second this machine trains a network on, in its best precision.

    Takes about a second on two cores; random images do, for the time does not depend on them.

    Args:
        spec: The network.
        heads: Its heads.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = channels_last(build_network(spec, heads)).to(device).train()
    images = torch.randn(_BATCH, _SIDE, _SIDE, spec.channels, device=device).permute(0, 3, 1, 2)
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled="bfloat16" in precisions()):
            outputs = network(images)
        total = torch.stack([maps.float().mean() for maps in outputs.values()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        total.item()
        best = min(best, time.perf_counter() - began)
    return _BATCH * _SIDE * _SIDE / best


def is_right(loss: float, tried: dict[str, tuple[float, float]]) -> bool:
    """Tell whether a precision computes what float32 computes, up to its own rounding."""
    truth = tried.get("float32", (0.0, loss))[1]
    return abs(loss - truth) <= 0.05 * abs(truth) or not math.isfinite(truth)


def try_steps(name: str, plan: Plan, batches: Batches, network: Network) -> tuple[float, float]:
    """Return the seconds of one step (the faster of two after a warm-up) and the first loss."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trial: nn.Module = copy.deepcopy(network).to(device).train()
    optimizer = torch.optim.AdamW(trial.parameters(), lr=1e-4)
    heads = batches.task.heads
    times, losses = [], []
    for step in range(3):
        began = time.perf_counter()
        arrays, encoded = batches[step]
        images = to_tensor(arrays, channels_last=True).to(device)
        targets = {key: torch.from_numpy(target).to(device) for key, target in encoded.items()}
        with torch.autocast(device, torch.bfloat16, enabled=name == "bfloat16"):
            outputs = trial(images)
        loss = total_loss(outputs, targets, heads, plan.loss)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
        times.append(time.perf_counter() - began)
    return min(times[1:]), losses[0]


def say_times(timed: dict[str, float], precision: str, batch: int) -> str:
    """Return the line of the plan on precision and speed."""
    others = [
        f"{name} takes {seconds / timed[precision]:.1f} times as long"
        for name, seconds in timed.items()
        if name != precision and timed[precision]
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{cores} cores"
    speed = f", {batch / timed[precision]:.0f} images/s" if timed[precision] else ""
    return f"Precision: {precision} on {where}{speed}{'; ' if others else ''}{'; '.join(others)}."
