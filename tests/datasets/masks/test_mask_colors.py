"""Masks that hold colors or palettes, and the tables that name them."""

import numpy as np
import pytest
from drawn_masks import COLORS, SIZE, decided, disks, names, save
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets.masks.reading import read_mask
from segmentare.datasets.tables import read_classes


def test_palette_keeps_its_colors(tmp_path):
    drawn = disks((0, 1, 2)).astype(np.uint8)
    picture = Image.fromarray(drawn)
    picture.putpalette([0, 0, 0, 200, 10, 20, 30, 40, 250])
    picture.save(tmp_path / "p.png")
    decision = decided([tmp_path / "p.png"])
    assert decision.rule.kind == "palette"
    assert [c.color for c in decision.categories] == [(0, 0, 0), (200, 10, 20), (30, 40, 250)]
    np.testing.assert_array_equal(read_mask(tmp_path / "p.png", decision.rule), drawn)


def test_palettes_that_disagree_are_read_by_color(tmp_path):
    drawn = disks((0, 1, 2)).astype(np.uint8)
    for name, palette, order in (
        ("a.png", [0, 0, 0, 255, 0, 0, 0, 255, 0], [0, 1, 2]),
        ("b.png", [0, 255, 0, 0, 0, 0, 255, 0, 0], [1, 2, 0]),
    ):
        picture = Image.fromarray(np.array(order, np.uint8)[drawn])
        picture.putpalette(palette)
        picture.save(tmp_path / name)
    paths = sorted(tmp_path.iterdir())
    rule = decided(paths).rule
    np.testing.assert_array_equal(read_mask(paths[0], rule), read_mask(paths[1], rule))


@pytest.mark.parametrize("alpha", [False, True])
def test_colors_without_a_table_are_sorted_black_first(tmp_path, alpha):
    drawn = disks((0, 1, 2))
    pixels = COLORS[drawn]
    if alpha:
        pixels = np.dstack([pixels, np.full(SIZE, 255, np.uint8)])
    paths = save(tmp_path, [pixels])
    decision = decided(paths)
    assert decision.rule.kind == "colors"
    assert decision.categories[0].background
    assert [c.color for c in decision.categories] == [(0, 0, 0), (10, 10, 250), (250, 10, 10)]
    np.testing.assert_array_equal(
        read_mask(paths[0], decision.rule), np.array([0, 2, 1])[drawn.astype(int)]
    )


def test_colors_with_a_table(tmp_path):
    drawn = disks((0, 1, 2))
    paths = save(tmp_path, [COLORS[drawn]])
    (tmp_path / "classes.csv").write_text("name,r,g,b\nVoid,0,0,0\nred,250,10,10\nblue,10,10,250\n")
    decision = decided(paths, read_classes(tmp_path / "classes.csv"))
    assert names(decision) == ["red", "blue"]
    expected = np.array([UNLABELED, 0, 1])[drawn.astype(int)]
    np.testing.assert_array_equal(read_mask(paths[0], decision.rule), expected)


def test_transparent_pixels_are_background_and_black_shapes_their_opacity(tmp_path):
    shape = disks((0, 1)).astype(np.uint8)
    white = np.dstack([np.full((*SIZE, 3), 255, np.uint8), shape * 255])
    black = np.dstack([np.zeros((*SIZE, 3), np.uint8), shape * 255])
    for name, pixels in (("w.png", white), ("b.png", black)):
        Image.fromarray(pixels).save(tmp_path / name)
        rule = decided([tmp_path / name]).rule
        np.testing.assert_array_equal(read_mask(tmp_path / name, rule), shape)


def test_colors_on_a_transparent_ground(tmp_path):
    drawn = disks((0, 1, 2))
    hidden = np.where((drawn == 0)[..., None], np.uint8(77), COLORS[drawn])
    paths = save(tmp_path, [np.dstack([hidden, (drawn > 0).astype(np.uint8) * 255])])
    ids = read_mask(paths[0], decided(paths).rule)
    np.testing.assert_array_equal(ids, np.array([0, 2, 1])[drawn.astype(int)])


def test_two_colors_are_binary(tmp_path):
    drawn = disks((0, 1))
    paths = save(tmp_path, [COLORS[drawn]])
    decision = decided(paths)
    assert decision.rule.kind == "binary"
    np.testing.assert_array_equal(read_mask(paths[0], decision.rule), drawn)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,name\n0,background\n1,cell\n", [(0, "background", None), (1, "cell", None)]),
        ("name;R;G;B\nsky;1;2;3\n", [(0, "sky", (1, 2, 3))]),
        (
            "64 128 64\tAnimal\n192 0 128\tArch way\n",
            [(0, "Animal", (64, 128, 64)), (1, "Arch way", (192, 0, 128))],
        ),
        (
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:9,8,7::\n",
            [(0, "background", (0, 0, 0)), (1, "cat", (9, 8, 7))],
        ),
    ],
)
def test_tables_of_categories(tmp_path, text, expected):
    (tmp_path / "t.txt").write_text(text)
    table = read_classes(tmp_path / "t.txt")
    assert [(row.number, row.name, row.color) for row in table.rows] == expected
