"""The tables of a run: numbers of images, columns, and what a second run leaves of the first."""

import csv
import json

import numpy as np
import pytest

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.results.object_tables import ObjectTables, Scale, stem

CELLS = (Category("soil", (0, 0, 0), background=True), Category("cell", (255, 0, 0), thing=True))


def cells(count, size=(20, 30)):
    instance = np.zeros(size, np.int32)
    for number in range(count):
        instance[2:12, 4 * number : 4 * number + 3] = number + 1
    scores = np.linspace(0.9, 0.5, max(count, 1)).astype(np.float32)[:count]
    return Segmentation((instance > 0).astype(np.uint8), instance, scores=scores)


def run(out, counts, scale=None, image=None):
    """Predict images of the given names with so many cells each."""
    tables = ObjectTables(out, CELLS, "instance", scale)
    tables.start(list(counts))
    for name, count in counts.items():
        tables.add(
            name, np.full((20, 30, 3), 7, np.uint8) if image is None else image, cells(count)
        )
    tables.write()


def rows(out):
    with (out / "objects.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(out):
    listed = json.loads((out / "coco_images.json").read_text())["images"]
    return {entry["file_name"]: entry["id"] for entry in listed}


def per_image(out):
    names = {number: name for name, number in numbers(out).items()}
    found = json.loads((out / "coco_results.json").read_text())
    return {name: sum(names[e["image_id"]] == name for e in found) for name in names.values()}


def test_a_row_by_hand(tmp_path):
    run(tmp_path, {"sub/a.png": 2}, Scale(0.5, "mm"))
    first, second = rows(tmp_path)
    assert first == {
        "image": "sub/a.png", "id": "1", "category": "cell", "score": "0.9", "area_px": "30",
        "centroid_x": "1.0", "centroid_y": "6.5", "x0": "0", "y0": "2", "x1": "3", "y1": "12",
        "perimeter_px": "23.53882", "eccentricity": "0.958745",
        "area_mm2": "7.5", "perimeter_mm": "11.76941", "centroid_x_mm": "0.5",
        "centroid_y_mm": "3.25", "mean_red": "7.0", "mean_green": "7.0", "mean_blue": "7.0",
    }  # fmt: skip
    assert (second["id"], second["score"], second["x0"]) == ("2", "0.5", "4")


def test_channels_of_other_images(tmp_path):
    run(tmp_path, {"a.tif": 1}, image=np.arange(20 * 30 * 2).reshape(20, 30, 2).astype(np.uint16))
    row = rows(tmp_path)[0]
    assert "mean_red" not in row
    assert float(row["mean_channel_2"]) == float(row["mean_channel_1"]) + 1
    assert "area_um2" not in row


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["000000000139.jpg", "000000000285.jpg"], [139, 285]),
        (["COCO_val2014_000000000042.jpg", "COCO_val2014_000000000073.jpg"], [42, 73]),
        (["a/img_7.png", "b/img_8.png"], [7, 8]),
        (["a/img_7.png", "b/img_7.png"], [1, 2]),
        (["img_7.png", "other.png"], [1, 2]),
        (["3b0709483b1e86449.png"], [1]),
        (["12345678901234567890.png"], [1]),
    ],
)
def test_numbers_of_images(tmp_path, names, expected):
    run(tmp_path, dict.fromkeys(names, 1))
    assert list(numbers(tmp_path).values()) == expected


def test_a_second_run_keeps_and_replaces(tmp_path):
    run(tmp_path, {"a.png": 2, "b.png": 0, "c.png": 1})
    assert numbers(tmp_path) == {"a.png": 1, "b.png": 2, "c.png": 3}
    run(tmp_path, {"a.jpg": 3, "d_2.png": 1}, Scale(2.0))
    assert numbers(tmp_path) == {"b.png": 2, "c.png": 3, "a.jpg": 1, "d_2.png": 4}
    assert per_image(tmp_path) == {"b.png": 0, "c.png": 1, "a.jpg": 3, "d_2.png": 1}
    table = rows(tmp_path)
    assert [row["image"] for row in table] == ["c.png", "a.jpg", "a.jpg", "a.jpg", "d_2.png"]
    assert [row["area_um2"] for row in table] == ["", "120.0", "120.0", "120.0", "120.0"]
    run(tmp_path, {"e.png": 1})
    assert rows(tmp_path)[1]["area_um2"] == "120.0"
    assert rows(tmp_path)[-1]["area_um2"] == ""


def test_names_with_commas_quotes_and_dots(tmp_path):
    names = ['one, "two".three.png', "one.two.png", "ünder\nscore.png"]
    run(tmp_path, dict.fromkeys(names, 1))
    assert [row["image"] for row in rows(tmp_path)] == names
    run(tmp_path, dict.fromkeys(names, 2))
    assert len(rows(tmp_path)) == 6
    assert stem("a/one.two.png") == "a/one.two"


def test_no_image_leaves_no_file(tmp_path):
    tables = ObjectTables(tmp_path, CELLS, "instance")
    tables.start(["a.png"])
    tables.write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["objects.csv", "coco_results.json", "coco_images.json"])
@pytest.mark.parametrize("text", ['{"images": [{"id', "[1, 2]", "\x00", "name\nvalue\n"])
def test_damaged_tables_are_found_before_any_prediction(tmp_path, name, text):
    run(tmp_path, {"a.png": 1})
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged"):
        ObjectTables(tmp_path, CELLS, "instance")


@pytest.mark.parametrize(
    ("size", "unit", "words"),
    [(0, "um", "above 0"), (-1.5, "um", "-1.5"), (float("nan"), "um", "nan"),
     (float("inf"), "mm", "inf"), (0.5, "per pixel", "'per pixel'"), (0.5, "", "one word")],
)  # fmt: skip
def test_pixel_sizes_that_mean_nothing(size, unit, words):
    with pytest.raises(ValueError, match=words):
        Scale(size, unit)
