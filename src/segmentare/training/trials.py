"""A few steps against the stopwatch: which precision is fast here, and still right."""

from __future__ import annotations

import math
import os
from pathlib import Path

TRIALS = (8, 128)  #: images and their side in a trial of speed; any machine can hold them


def computes_bfloat16() -> bool:
    """Tell whether the processor computes in bfloat16.

    Without AVX512_BF16, AMX or its like bfloat16 is emulated and many times slower.
    """
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _processor_flags())


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return set(lines[0].split(":", 1)[1].split()) if lines else set()


def cores() -> str:
    """Return the number of cores that this process may use, for people."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{count} cores"


def is_right(loss: float, tried: dict[str, tuple[float, float]]) -> bool:
    """Tell whether a precision computes what float32 computes, up to its own rounding."""
    truth = tried.get("float32", (0.0, loss))[1]
    return abs(loss - truth) <= 0.05 * abs(truth) or not math.isfinite(truth)


def say_times(timed: dict[str, float], precision: str, batch: int, device: str) -> str:
    """Return the line of the plan on precision and speed."""
    others = [
        f"{name} takes {seconds / timed[precision]:.1f} times as long"
        for name, seconds in timed.items()
        if name != precision and timed[precision]
    ]
    speed = f", {batch / timed[precision]:.0f} images/s" if timed[precision] else ""
    said = "; ".join(others)
    return f"Precision: {precision} on {device}{speed}{'; ' if others else ''}{said}."
