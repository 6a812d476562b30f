import numpy as np
import pytest

from segmentare.drawing.lettering import roomiest, write_inside


def boxes(*sizes):
    """Return a map of boxes (height, width) in a row, five pixels apart."""
    place = np.zeros((100, sum(width + 5 for _, width in sizes) + 5), np.int32)
    left = 5
    for number, (height, width) in enumerate(sizes, 1):
        place[10 : 10 + height, left : left + width] = number
        left += width + 5
    return place


def test_the_roomiest_spot_by_hand():
    place = boxes((21, 41), (60, 11))
    points, rooms = roomiest(place, 3)
    assert rooms.tolist() == [10, 5, 0]
    assert points[0].tolist() == [25, 20]  # the middle of a long box, not one of its ends
    assert points[1].tolist() in ([56, 39], [56, 40])
    wide, rooms = roomiest(place, 3, aspect=3)
    assert abs(wide[0] - [25, 20]).max() <= 2
    assert rooms[0] == pytest.approx(41 / 6, abs=1.1)


def test_room_ends_at_neighbors_and_at_the_edge():
    place = np.ones((40, 40), np.int32)
    place[:, 20:] = 2
    points, rooms = roomiest(place, 2)
    assert rooms.max() <= 11
    assert abs(points - [[9.5, 19.5], [29.5, 19.5]]).max() <= 2


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_words_stay_inside_and_can_be_read_on_any_ground(ground):
    place = boxes((40, 60), (40, 60))
    canvas = np.full((*place.shape, 3), ground, np.uint8)
    drawn = write_inside(canvas, place, [["12"], [""]], 14.0)
    changed = (drawn != ground).any(2)
    assert changed.sum() > 60
    assert (place[changed] == 1).all()
    assert {0, 255} <= set(np.unique(drawn).tolist())
    assert (canvas == ground).all()


def test_what_does_not_fit_is_left_out_or_said_shorter():
    place = boxes((8, 8), (16, 22), (30, 90))
    canvas = np.full((*place.shape, 3), 90, np.uint8)

    def where(words):
        drawn = write_inside(canvas, place, words, 14.0)
        return set(np.unique(place[(drawn != canvas).any(2)]).tolist())

    assert where([["1"], ["2"], ["3"]]) == {2, 3}
    assert where([["person 1"], ["person 2"], ["person 3"]]) == {3}
    assert where([["person 1", "1"], ["person 2", "2"], ["person 3", "3"]]) == {2, 3}
    assert where([["1"], ["2"], [""]]) == {2}


def test_words_wider_than_their_segment_are_left_out():
    place = boxes((40, 15))
    canvas = np.full((*place.shape, 3), 90, np.uint8)
    assert (write_inside(canvas, place, [["7"]], 14.0) != canvas).any()
    assert (write_inside(canvas, place, [["789"]], 14.0) == canvas).all()


def test_no_letters_without_segments():
    canvas = np.zeros((9, 9, 3), np.uint8)
    assert np.array_equal(write_inside(canvas, np.zeros((9, 9), np.int32), [], 14.0), canvas)
    assert np.array_equal(write_inside(canvas, np.ones((9, 9), np.int32), [["7"]], 5.0), canvas)
