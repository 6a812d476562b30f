"""Do intervals hold the truth as often as they say; against scipy; the same each time."""

import numpy as np
import pytest
from scipy import stats

from segmentare.metrics.intervals import bootstrap_interval, mean_with_interval, paired_bootstrap


def dice_like(generator, count):
    """Left-skewed, as Dice scores are: mean 0.9."""
    return generator.beta(9, 1, count)


def test_intervals_cover():
    generator = np.random.default_rng(7)
    inside = 0
    for _ in range(400):
        low, high = bootstrap_interval(dice_like(generator, 40), resamples=1000)
        inside += low <= 0.9 <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_lower_level_covers_less():
    generator = np.random.default_rng(8)
    inside = 0
    for _ in range(400):
        low, high = bootstrap_interval(dice_like(generator, 40), level=0.5, resamples=500)
        inside += low <= 0.9 <= high
    assert 0.43 <= inside / 400 <= 0.57


@pytest.mark.parametrize("count", [8, 25])
def test_oracle_scipy(count):
    values = dice_like(np.random.default_rng(3), count) ** 4
    oracle = stats.bootstrap(
        (values,), np.mean, n_resamples=60_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    low, high = bootstrap_interval(values, resamples=60_000)
    # scipy draws the same resamples from the same seed
    assert (low, high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)


def test_few_values():
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([0.7]) is None
    assert bootstrap_interval([0.7, 0.7, 0.7]) == [0.7, 0.7]
    low, high = bootstrap_interval([0.0, 1.0])
    assert 0 <= low < 0.5 < high <= 1
    assert mean_with_interval([]) == {"mean": None, "ci95": None}
    assert mean_with_interval([0.25]) == {"mean": 0.25, "ci95": None}


def test_one_failure_among_many_successes():
    low, high = bootstrap_interval([1.0] * 99 + [0.0])
    assert 0.9 <= low < 0.99 < high <= 1


def test_seeded():
    values = dice_like(np.random.default_rng(1), 30)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values)


def test_large_sets_are_drawn_in_parts():
    values = np.arange(5001, dtype=float)
    low, high = bootstrap_interval(values, resamples=900)
    error = values.std() / 5001**0.5
    assert low == pytest.approx(2500 - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(2500 + 1.96 * error, abs=0.3 * error)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_must_be_finite(bad):
    with pytest.raises(ValueError, match=f"finite numbers; found {bad}"):
        bootstrap_interval([0.5, bad])


def test_pairing_removes_what_both_share():
    """Images differ much, the models by 0.01 on each: unpaired intervals could not tell."""
    generator = np.random.default_rng(2)
    first = dice_like(generator, 50)
    second = first + 0.01 + generator.normal(0, 0.005, 50)
    result = paired_bootstrap(first, second)
    assert result["difference"] == pytest.approx(0.01, abs=0.002)
    assert 0.005 < result["ci95"][0] < result["ci95"][1] < 0.015
    assert result["p_better"] == 1.0
    assert result["images"] == 50


def test_swapping_the_models_swaps_the_answer():
    generator = np.random.default_rng(5)
    first, second = generator.random(20), generator.random(20)
    there, back = paired_bootstrap(first, second), paired_bootstrap(second, first)
    assert back["difference"] == -there["difference"]
    assert back["p_better"] == pytest.approx(1 - there["p_better"])
    assert back["ci95"] == pytest.approx([-there["ci95"][1], -there["ci95"][0]])
    smaller = paired_bootstrap(first, second, larger_is_better=False)
    assert smaller["p_better"] == pytest.approx(1 - there["p_better"])
    assert smaller["difference"] == there["difference"]


def test_equal_models():
    result = paired_bootstrap([0.5, 0.9, 0.1], [0.5, 0.9, 0.1])
    assert result == {"difference": 0.0, "ci95": [0.0, 0.0], "p_better": 0.5, "images": 3}
    assert paired_bootstrap([0.5], [0.75]) == {
        "difference": 0.25, "ci95": None, "p_better": None, "images": 1,
    }  # fmt: skip


@pytest.mark.parametrize("lists", [([], []), ([1.0], [1.0, 2.0])])
def test_lists_must_match(lists):
    with pytest.raises(ValueError, match="same images twice"):
        paired_bootstrap(*lists)
