"""Which of two models is better, judged on the same images."""

from collections.abc import Iterable, Mapping
from typing import Any

from segmentare.errors import InputError
from segmentare.metrics.intervals import paired_bootstrap

SMALLER_IS_BETTER = frozenset({"hd95", "assd"})  #: distances; every other score is better larger


def compare(
    rows_a: Iterable[Mapping[str, Any]], rows_b: Iterable[Mapping[str, Any]], score: str = "dice"
) -> dict[str, Any]:
    """Compare two lists of `Metric.per_image` rows, whose order does not matter.

    Args:
        rows_a: Rows of the first model; `name` tells the image.
        rows_b: Rows of the second model, of the same images.
        score: Key of the score in both.

    Returns:
        JSON-ready: `score`; `a` and `b`, the means; `difference` (b minus a), its `ci95` and
        `p_better` (that b is better) as of `paired_bootstrap`; `images`, and how many of them
        were `better`, `worse` and `equal` in b.

    Raises:
        InputError: The images differ, a name occurs twice, there is no image, or a row lacks the
            score.
    """
    a, b = _by_name(rows_a, score, "first"), _by_name(rows_b, score, "second")
    lonely = sorted(a.keys() ^ b.keys())
    if lonely:
        raise InputError(
            f"Both models must be scored on the same images; {len(lonely)} are in one list only, "
            f"such as {lonely[0]!r}. Evaluate both on the same part of the data."
        )
    first, second = list(a.values()), [b[name] for name in a]
    sign = -1 if score in SMALLER_IS_BETTER else 1
    gains = [sign * (two - one) for one, two in zip(first, second, strict=True)]
    result = paired_bootstrap(first, second, larger_is_better=sign > 0)
    return {
        "score": score,
        "a": sum(first) / len(first),
        "b": sum(second) / len(second),
        **result,
        "better": sum(gain > 0 for gain in gains),
        "worse": sum(gain < 0 for gain in gains),
        "equal": sum(gain == 0 for gain in gains),
    }


def _by_name(rows: Iterable[Mapping[str, Any]], score: str, which: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        name = str(row["name"])
        if name in found:
            raise InputError(
                f"Names of images must be unique to be paired; {name!r} occurs twice in the "
                f"{which} list."
            )
        numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
        if score not in numbers:
            raise InputError(
                f"Each row must hold the score {score!r} as a number; the row of {name!r} in the "
                f"{which} list has {', '.join(sorted(numbers))}."
            )
        found[name] = float(numbers[score])
    return found
