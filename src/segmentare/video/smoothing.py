"""Calm keypoints: the 1-euro filter, which is slow where nothing moves and quick where it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Poses
from segmentare.errors import InputError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """The state of the filter of one object.

    Attributes:
        values: Filtered x and y, (K, 2).
        speeds: Filtered change of the values per second, (K, 2).
        when: When each keypoint was last seen, in seconds, (K,); -inf for never.
    """

    values: Values
    speeds: Values
    when: Values


@dataclass(frozen=True)
class OneEuro:
    """A low-pass filter whose cutoff rises with the speed: no jitter at rest, no lag in motion.

    Speeds are in heights of the object per second, so that settings do not depend on the size of
    image or person.

    Attributes:
        cutoff: Of an object at rest, in hertz: lower is calmer.
        beta: How much the cutoff rises with the speed, in hertz per (object's size per second):
            higher lags less.
        speed_cutoff: Of the speed itself, in hertz.
        memory: After so many seconds unseen a keypoint starts anew.

    Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012,
    https://doi.org/10.1145/2207676.2208639
    """

    cutoff: float = 1.0
    beta: float = 4.0
    speed_cutoff: float = 1.0
    memory: float = 0.5

    def step(
        self,
        signal: Signal | None,
        values: Values,
        seen: NDArray[np.bool_],
        at: tuple[float, float],
    ) -> Signal:
        """Return the state after one more frame; `values` of what was not seen do not count.

        Args:
            signal: The state before; `None` at the beginning.
            values: x and y of the keypoints, (K, 2).
            seen: Which keypoints the frame shows, (K,).
            at: When, in seconds; and the object's size in pixels.
        """
        now, size = at
        if signal is None:
            never = np.full(len(values), -np.inf)
            signal = Signal(np.array(values, np.float64), np.zeros(values.shape), never)
        passed = now - signal.when
        fresh = seen & ((passed > self.memory) | (passed <= 0))
        known = seen & ~fresh
        wait = np.where(known, passed, 1.0)[:, None]
        speed = (values - signal.values) / wait
        speeds = signal.speeds + _share(self.speed_cutoff, wait) * (speed - signal.speeds)
        cutoff = self.cutoff + self.beta * np.abs(speeds) / max(size, 1.0)
        calm = signal.values + _share(cutoff, wait) * (values - signal.values)
        return Signal(
            np.where(known[:, None], calm, np.where(fresh[:, None], values, signal.values)),
            np.where(known[:, None], speeds, np.where(fresh[:, None], 0.0, signal.speeds)),
            np.where(seen, now, signal.when),
        )


@dataclass(frozen=True)
class Smoothing:
    """The filters of all objects of a video. Go on with what `smooth` returns.

    Attributes:
        filter: The settings.
        signals: State by id.
    """

    filter: OneEuro = OneEuro()
    signals: Mapping[int, Signal] = field(default_factory=dict)


def smooth(smoothing: Smoothing, poses: Poses, seconds: float) -> tuple[Smoothing, Poses]:
    """Return the filters after one more frame, and its poses smoothed.

    Args:
        smoothing: The filters before.
        poses: With ids.
        seconds: When the frame was taken; times rise.

    Raises:
        InputError: The poses have no ids.
    """
    if poses.ids is None:
        raise InputError("Smoothing needs poses with ids, to know who is who: follow them first.")
    keypoints, signals = poses.keypoints.copy(), dict(smoothing.signals)
    for index, number in enumerate(poses.ids):
        seen = keypoints[index, :, 2] > 0
        size = float(np.sqrt(max(float(poses.areas[index]) / 0.53, 1.0)))
        signal = smoothing.filter.step(
            signals.get(number), keypoints[index, :, :2].astype(np.float64), seen, (seconds, size)
        )
        keypoints[index, seen, :2] = signal.values[seen]
        signals[number] = signal
    limit = seconds - 10 * smoothing.filter.memory
    kept = {n: signal for n, signal in signals.items() if float(signal.when.max()) >= limit}
    return replace(smoothing, signals=kept), replace(poses, keypoints=keypoints)


def _share(cutoff: Values | float, wait: Values) -> Values:
    """Return how much of the new value a low-pass filter takes."""
    share: Values = 1 / (1 + 1 / (2 * np.pi * cutoff * wait))
    return share
