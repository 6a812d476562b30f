"""Two models on the same images, whatever the order of the rows."""

import json

import pytest

from segmentare.metrics.comparison import compare


def rows(**scores):
    return [{"name": name, "dice": value, "hd95": 10 * value} for name, value in scores.items()]


def test_rows_are_paired_by_name():
    result = compare(rows(a=0.5, b=0.75, c=0.25), rows(c=0.25, a=1.0, b=0.5))
    assert result["a"] == pytest.approx(0.5)
    assert result["b"] == pytest.approx(1.75 / 3)
    assert result["difference"] == pytest.approx(0.25 / 3)
    assert (result["better"], result["worse"], result["equal"]) == (1, 1, 1)
    assert result["images"] == 3
    assert result["score"] == "dice"
    assert result["ci95"][0] < 0 < result["ci95"][1]
    json.dumps(result, allow_nan=False)


def test_a_larger_distance_is_worse():
    better, worse = rows(a=0.1, b=0.2, c=0.3), rows(a=0.5, b=0.7, c=0.6)
    result = compare(better, worse, "hd95")
    assert result["difference"] > 0
    assert result["p_better"] == 0
    assert (result["better"], result["worse"]) == (0, 3)
    assert compare(better, worse, "dice")["p_better"] == 1


@pytest.mark.parametrize(
    ("first", "second", "score", "message"),
    [
        (rows(a=1, b=1), rows(a=1), "dice", "1 are in one list only, such as 'b'"),
        (rows(a=1), rows(a=1, z=1), "dice", "such as 'z'"),
        (rows(a=1) * 2, rows(a=1), "dice", "'a' occurs twice in the first list"),
        (rows(a=1), rows(a=1), "pq", "the score 'pq' as a number; .* has dice, hd95"),
        ([], [], "dice", "at least one"),
    ],
)
def test_rows_that_cannot_be_paired(first, second, score, message):
    with pytest.raises(ValueError, match=message):
        compare(first, second, score)
