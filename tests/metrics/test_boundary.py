"""Distances between outlines by hand, against scipy and MONAI, and under symmetry."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from segmentare.metrics.boundary import boundary_scores, default_tolerance, diagonal


def box(size, y, x, height, width):
    mask = np.zeros(size, bool)
    mask[y : y + height, x : x + width] = True
    return mask


def blobs(seed, size=(61, 83)):
    """Two overlapping masks of several parts, with holes."""
    generator = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(generator.normal(size=size), 4)
    other = field + 0.6 * ndimage.gaussian_filter(generator.normal(size=size), 4)
    return other > 0.02, field > 0.02


def test_default_tolerance_is_a_share_of_the_diagonal_and_at_least_a_pixel():
    assert default_tolerance((600, 800)) == 7.5
    assert default_tolerance((30, 40)) == 1.0
    assert diagonal((30, 40)) == 50.0


def test_shifted_points():
    """Two single pixels, 3 down and 4 to the right: every distance is 5."""
    scores = boundary_scores(box((40, 30), 5, 5, 1, 1), box((40, 30), 8, 9, 1, 1))
    assert scores == (0.0, 5.0, 5.0)
    assert boundary_scores(box((40, 30), 5, 5, 1, 1), box((40, 30), 8, 9, 1, 1), tolerance=5) == (
        1.0,
        5.0,
        5.0,
    )


def test_shifted_square():
    """A 3 x 3 square (outline of 8 pixels) moved right by one.

    From the left one: its left column lies 1 away, and the middle of its right column is the
    (missing) center of the other, 1 away: 4 ones, 4 zeros. The way back is the mirror image.
    """
    left, right = box((20, 20), 5, 5, 3, 3), box((20, 20), 5, 6, 3, 3)
    assert boundary_scores(left, right, tolerance=0.5) == (0.5, 1.0, 0.5)
    assert boundary_scores(left, right).boundary_f == 1.0


def test_percentile_interpolates_and_the_worse_direction_counts():
    """21 pixels in a row against the first of them: distances 0 to 20 one way, 0 the other."""
    row, dot = box((30, 30), 3, 3, 1, 21), box((30, 30), 3, 3, 1, 1)
    scores = boundary_scores(row, dot)
    assert scores.hd95 == pytest.approx(19.0)
    assert scores.assd == pytest.approx(210 / 22)
    share = 2 / 21  # distances 0 and 1 lie within one pixel
    assert scores.boundary_f == pytest.approx(2 * share / (1 + share))


def test_rim_of_the_image_is_outline():
    """All-object mask of 4 x 5: 14 rim pixels, none of the 6 inner ones."""
    full, inner = np.ones((4, 5), bool), box((4, 5), 1, 1, 2, 3)
    assert boundary_scores(full, full) == (1.0, 0.0, 0.0)
    # 10 rim pixels lie 1 away from the inner box and the 4 corners sqrt(2); all 6 back lie 1 away
    assert boundary_scores(full, inner).assd == pytest.approx((10 + 4 * 2**0.5 + 6) / 20)


def test_holes_have_outlines():
    ring = box((30, 30), 5, 5, 15, 15) & ~box((30, 30), 10, 10, 5, 5)
    filled = box((30, 30), 5, 5, 15, 15)
    assert boundary_scores(ring, filled).boundary_f < 1
    assert boundary_scores(ring, ring) == (1.0, 0.0, 0.0)


def test_unlabeled_pixels_belong_to_no_mask():
    known = ~box((40, 40), 0, 20, 40, 20)
    truth = box((40, 40), 10, 5, 10, 10)
    false_alarm = truth | box((40, 40), 25, 25, 10, 10)
    assert boundary_scores(false_alarm, truth, known=known) == (1.0, 0.0, 0.0)
    assert boundary_scores(false_alarm, truth).hd95 > 10


def test_masks_do_not_end_at_the_rim_of_the_annotated_area():
    """One mask stops at column 15, one goes on into the unlabeled part: equal as far as known."""
    known = ~box((40, 40), 0, 16, 40, 24)
    truth, predicted = box((40, 40), 10, 5, 10, 11), box((40, 40), 10, 5, 10, 25)
    assert boundary_scores(predicted, truth, known=known) == (1.0, 0.0, 0.0)
    # A mask that stops at column 13 has a right side, of which only the corners lie on the other.
    short = box((40, 40), 10, 5, 10, 9)
    scores = boundary_scores(short, predicted, known=known, tolerance=0.5)
    right = (9 + 9 + 8) / (9 + 9 + 8 + 8)  # top, bottom, left; and the right side
    found = (9 + 9 + 8) / (11 + 11 + 8)
    assert scores.boundary_f == pytest.approx(2 * right * found / (right + found))


def test_a_mask_that_fills_the_annotated_area_has_its_rim():
    known = box((40, 40), 10, 10, 9, 9)
    assert boundary_scores(known, known, known=known) == (1.0, 0.0, 0.0)
    half = box((40, 40), 10, 10, 9, 6)
    scores = boundary_scores(half, known, known=known, tolerance=1)
    # the missing 3 columns: the 9 pixels of the far side lie 3 away
    assert scores.hd95 == 3.0
    assert 0 < scores.boundary_f < 1


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"one shape; got \[\(4, 4\), \(4, 5\)\]"):
        boundary_scores(np.ones((4, 4), bool), np.ones((4, 5), bool))


@pytest.mark.parametrize("seed", range(4))
def test_symmetries(seed):
    predicted, truth = blobs(seed)
    scores = boundary_scores(predicted, truth)
    assert boundary_scores(truth, predicted) == pytest.approx(scores)
    assert boundary_scores(predicted[:, ::-1], truth[:, ::-1]) == pytest.approx(scores)
    assert boundary_scores(predicted.T, truth.T) == pytest.approx(scores)
    far = np.zeros((200, 300), bool), np.zeros((200, 300), bool)
    far[0][100:161, 200:283], far[1][100:161, 200:283] = predicted, truth
    moved = boundary_scores(*far, tolerance=default_tolerance((61, 83)))
    assert moved == pytest.approx(scores)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(61, 83), (1, 40), (37, 2)])
def test_oracle_scipy(seed, size):
    """The definitions once more, from scipy, on the whole image and in float64."""
    predicted, truth = blobs(seed, size)
    if not predicted.any() or not truth.any():
        predicted, truth = box(size, 0, 0, 1, 1), box(size, 0, 1, 1, 1)
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, truth)]
    fields = [ndimage.distance_transform_edt(~edge) for edge in edges]
    forth, back = fields[1][edges[0]], fields[0][edges[1]]
    scores = boundary_scores(predicted, truth, tolerance=1.5)
    right, found = (forth <= 1.5).mean(), (back <= 1.5).mean()
    assert scores.boundary_f == pytest.approx(2 * right * found / (right + found), rel=1e-12)
    assert scores.hd95 == pytest.approx(
        max(np.percentile(forth, 95), np.percentile(back, 95)), rel=1e-12
    )
    assert scores.assd == pytest.approx(np.concatenate([forth, back]).mean(), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_oracle_monai(seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
        predicted, truth = blobs(seed)
        p, t = (torch.from_numpy(mask.copy())[None, None] for mask in (predicted, truth))
        hd95 = oracle.compute_hausdorff_distance(p, t, include_background=True, percentile=95)
        assd = oracle.compute_average_surface_distance(
            p, t, include_background=True, symmetric=True
        )
    scores = boundary_scores(predicted, truth)
    assert scores.hd95 == pytest.approx(float(hd95), rel=1e-6)
    assert scores.assd == pytest.approx(float(assd), rel=1e-6)


def test_distances_of_large_images_are_exact():
    size = (1500, 2000)
    scores = boundary_scores(box(size, 3, 5, 1, 1), box(size, 1400, 1900, 1, 1))
    assert scores.hd95 == np.hypot(1397, 1895)
