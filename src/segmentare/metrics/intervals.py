"""How far a mean over a few images can be trusted: bootstrap intervals, all seeded."""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segmentare.errors import InputError

RESAMPLES = 2000
_CHUNK = 2_000_000  # numbers drawn at once, so that memory stays bounded for large sets


def bootstrap_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> list[float] | None:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval of a mean.

    BCa follows the skew of scores such as Dice, where a few failures form a long tail. With fewer
    than about ten values every bootstrap interval is too narrow.

    Args:
        values: One finite number per image.
        level: Share of such intervals that should hold the true mean.
        resamples: Number of resamples.
        seed: Seed of the draw; the same values and seed give the same interval.

    Returns:
        [low, high]; `None` for fewer than two values, which say nothing about their spread.

    Raises:
        InputError: A value is not finite.

    Source: Efron, "Better Bootstrap Confidence Intervals", JASA 1987.
    """
    data = _finite(values)
    if data.size < 2:
        return None
    return _bca(data, _resampled_means(data, resamples, seed), level)


def mean_with_interval(values: ArrayLike) -> dict[str, Any]:
    """Return `{"mean", "ci95"}` of one number per image; both `None` where there is none."""
    data = _finite(values)
    mean = float(data.mean()) if data.size else None
    return {"mean": mean, "ci95": bootstrap_interval(data)}


def pooled_interval(
    counts: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[float] | None:
    """Return the percentile bootstrap interval of a score of counts summed over the images.

    Args:
        counts: One array per image, shape (N, ...).
        score: Returns one number per sum, (R, ...) -> (R,).
        level: Share of such intervals that should hold the true score.
        resamples: Number of resamples of the images.
        seed: Seed of the draw.

    Returns:
        [low, high]; `None` for fewer than two images.
    """
    images = len(counts)
    if images < 2:
        return None
    flat = counts.reshape(images, -1)
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(images, flat.shape[1]))
    scores = []
    for start in range(0, resamples, step):
        drawn = generator.multinomial(
            images, np.full(images, 1 / images), min(step, resamples - start)
        )
        scores.append(score((drawn @ flat).reshape(-1, *counts.shape[1:])))
    low, high = np.quantile(np.concatenate(scores), [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)]


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    larger_is_better: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two lists of scores on the same images, in the same order.

    Args:
        first: Score of each image by the first model.
        second: Score of the same image by the second model.
        larger_is_better: False for distances.
        resamples: Number of resamples of the images.
        seed: Seed of the draw.

    Returns:
        `difference`: mean of the second minus mean of the first. `ci95`: BCa interval of it,
        `None` for one image. `p_better`: share of the resamples in which the second model is the
        better one, ties counting half; `None` for one image. `images`: their number.

    Raises:
        InputError: The lists differ in length, are empty, or hold a value that is not finite.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 16.
    """
    one, two = _finite(first), _finite(second)
    if one.size != two.size or one.size == 0:
        raise InputError(
            f"A paired comparison needs the same images twice, at least one; got {one.size} and "
            f"{two.size} scores."
        )
    change = two - one
    result: dict[str, Any] = {
        "difference": float(change.mean()),
        "ci95": None,
        "p_better": None,
        "images": int(change.size),
    }
    if change.size > 1:
        means = _resampled_means(change, resamples, seed)
        gain = np.sign(means) if larger_is_better else -np.sign(means)
        result["ci95"] = _bca(change, means, 0.95)
        result["p_better"] = float(np.mean((gain + 1) / 2))
    return result


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    data = np.asarray(values, np.float64).ravel()
    if not np.isfinite(data).all():
        raise InputError(f"Scores must be finite numbers; found {data[~np.isfinite(data)][0]}.")
    return data


def _resampled_means(data: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // data.size)
    return np.concatenate(
        [
            data[generator.integers(0, data.size, (min(step, resamples - start), data.size))].mean(
                1
            )
            for start in range(0, resamples, step)
        ]
    )


def _bca(data: NDArray[np.float64], means: NDArray[np.float64], level: float) -> list[float]:
    normal = NormalDist()
    mean = data.mean()
    spread = data - mean
    power = float((spread**2).sum())
    if data.min() == data.max():
        return [float(data[0]), float(data[0])]
    below = float(np.mean(means < mean) + np.mean(means == mean) / 2)
    edge = 0.5 / means.size
    bias = normal.inv_cdf(min(max(below, edge), 1 - edge))
    # For a mean the jackknife estimate of the acceleration has this closed form.
    acceleration = float((spread**3).sum()) / (6 * power**1.5)

    def share(quantile: float) -> float:
        shifted = bias + normal.inv_cdf(quantile)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    tail = (1 - level) / 2
    low, high = np.quantile(means, [share(tail), share(1 - tail)])
    return [float(low), float(high)]
