"""A few steps against the stopwatch: which precision is fast here, and still right."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter

from segmentare.training import machine

TRIALS = ((1, 64), (2, 128), (8, 128))  #: images and their side in trials of speed, growing
FEW = 2  #: images of a small step; BatchNorm needs more than one value per channel


def computes_bfloat16() -> bool:
    """Tell whether the processor computes in bfloat16.

    Without AVX512_BF16, AMX or its like bfloat16 is emulated and many times slower.
    """
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & machine.processor_flags())


def cores() -> str:
    """Return the number of cores that this process may use, for people."""
    return f"{machine.cores()} cores"


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


def pixels_a_second(
    once: Callable[[int, int], object], seconds: float, now: Callable[[], float] = perf_counter
) -> float:
    """Return how many pixels a second a network trains on, at its best.

    It begins with one small image, and goes on to larger trials as long as the time allows it: a
    small one tells less of the speed, but on any machine it is soon over.

    Args:
        once: Goes forward and backward with so many images of this side, and waits for the end.
        seconds: How long it may take; the smallest trial, twice, is always done.
        now: The clock, in seconds.
    """
    began, speed = now(), 0.0
    for count, side in TRIALS:
        pixels, best = count * side * side, math.inf
        if speed and now() - began + pixels / speed > seconds:
            break
        for number in range(3):
            start = now()
            once(count, side)
            best = min(best, now() - start)
            if number and now() - began > seconds:
                break
        speed = pixels / max(best, 1e-9)
    return speed


def seconds_a_step(
    once: Callable[[int, int], float],
    batch: int,
    seconds: float,
    now: Callable[[], float] = perf_counter,
    few: int = FEW,
) -> tuple[float, float]:
    """Return how long a step takes (the fastest after a warm-up), and the first loss.

    Two steps with few images come first; where whole batches would take too long, the time of
    those is scaled up.

    Args:
        once: Takes step number N with so many images, waits for its end, and returns the loss.
        batch: Images in a whole batch.
        seconds: How long it may take; two steps are always taken.
        now: The clock, in seconds.
        few: Images of the small steps.
    """
    began, losses = now(), []

    def take(number: int, images: int) -> float:
        start = now()
        losses.append(once(number, images))
        return now() - start

    if few < batch:
        take(0, few)
        best = take(1, few) * batch / few
        if now() - began + 2 * best > seconds:
            return best, losses[0]
    whole = [take(0, batch), take(1, batch)]
    if now() - began < seconds:
        whole.append(take(2, batch))
    return min(whole[1:]), losses[0]
