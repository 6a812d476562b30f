from collections import Counter

import cv2
import numpy as np
import pytest

from segmentare.annotations.segmentation import UNLABELED, Category, Sample, Segmentation
from segmentare.datasets.augmentation import Augmentation
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import SemanticTask
from segmentare.training.batches import Batches, one_opencv_thread, prepare

TASK = SemanticTask((Category("background", (0, 0, 0), background=True), Category("x", (1, 1, 1))))
STILL = Augmentation.none()
GEOMETRY = Augmentation(color=0.0, blur=0.0, noise=0.0, corners=0.0)
TOP = {"uint8": 255, "uint16": 65535, "float32": 1}


def preprocessing(size=(32, 48), dtype="uint8", channels=3, scale=None):
    return Preprocessing(channels, dtype, (0.0,) * channels, (1.0,) * channels, size, scale)


def numbered(count, size=(32, 48)):
    """Samples that can be told apart by the value of all their pixels."""
    return [
        Sample(
            np.full((*size, 3), 10 + i, np.uint8), Segmentation(np.zeros(size, np.uint8)), str(i)
        )
        for i in range(count)
    ]


def painted(dtype="uint8", channels=3, size=(96, 128)):
    """A sample whose mask is painted into its image."""
    mask = np.zeros(size, np.uint8)
    mask[24:72, 40:100] = 1
    bright = mask[..., None].astype(dtype) * np.array(TOP[dtype], dtype)
    image = np.repeat(bright, channels, axis=2)
    return Sample(image, Segmentation(mask), "painted")


def batches(samples, augmentation=STILL, batch=3, **changes):
    values = {"stride": 1, "seed": 7, "preprocessing": preprocessing()} | changes
    return Batches(samples, TASK, values["preprocessing"], augmentation, batch, 1, values["seed"])


def seen(sequence, steps):
    return [int(v) - 10 for step in steps for v in sequence[step][0][:, 0, 0, 0]]


def test_a_batch_depends_on_its_number_alone():
    samples = [painted() for _ in range(5)]
    one, two = (batches(samples, Augmentation()) for _ in range(2))
    first = [one[step] for step in range(6)]
    for step in (5, 0, 3, 3):  # in another order, and twice
        images, targets = two[step]
        assert np.array_equal(images, first[step][0])
        assert np.array_equal(targets["object"], first[step][1]["object"], equal_nan=True)
    other = batches(samples, Augmentation(), seed=8)
    assert not np.array_equal(other[0][0], first[0][0])


def test_epochs_have_no_gaps_and_are_shuffled_anew():
    sequence = batches(numbered(7))
    order = seen(sequence, range(7))  # 21 places: three epochs
    epochs = [tuple(order[start : start + 7]) for start in (0, 7, 14)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 3
    assert len(set(epochs)) == 3


def test_a_batch_larger_than_the_dataset_repeats_it_evenly():
    counts = Counter(seen(batches(numbered(3), batch=8), range(3)))
    assert counts == {0: 8, 1: 8, 2: 8}


def test_no_augmentation_gives_the_samples_themselves():
    sample = painted(size=(32, 48))
    images, targets = batches([sample], batch=1)[0]
    assert images.dtype == np.float32
    assert np.array_equal(images[0], sample.image)
    assert np.array_equal(targets["object"][0, 0], sample.annotation.category)


@pytest.mark.parametrize(
    ("dtype", "channels"),
    [("uint8", 1), ("uint8", 3), ("uint8", 5), ("uint16", 1), ("uint16", 3), ("float32", 4)],
)
@pytest.mark.parametrize("scale", [None, 1.0])
def test_image_and_target_stay_together(dtype, channels, scale):
    how = preprocessing((64, 96), dtype, channels, scale)
    sample = prepare(painted(dtype, channels), how)
    assert sample.image.dtype == dtype
    images, targets = batches([sample], GEOMETRY, 16, preprocessing=how)[0]
    assert images.shape == (16, 64, 96, channels)
    assert targets["object"].shape == (16, 1, 64, 96)
    target = targets["object"][:, 0]
    known = ~np.isnan(target)
    wrong = (images[..., -1] > TOP[dtype] / 2) != (target > 0.5)
    assert wrong[known].mean() < 0.02
    assert 0 < np.isnan(target).mean() < 0.5  # what comes from outside has no label


def test_unlabeled_pixels_stay_so():
    sample = painted(size=(32, 48))
    sample.annotation.category[:16] = UNLABELED
    _, targets = batches([sample], batch=1)[0]
    assert np.isnan(targets["object"][0, 0, :16]).all()
    assert not np.isnan(targets["object"][0, 0, 16:]).any()


def test_native_windows_look_at_the_objects_more_often_than_chance():
    """A dot of 6 x 6 pixels in 512 x 512 is in one of 64 windows by chance."""
    mask = np.zeros((512, 512), np.uint8)
    mask[400:406, 100:106] = 1
    sample = Sample(np.zeros((512, 512, 3), np.uint8), Segmentation(mask), "dot")
    how = preprocessing((64, 64), scale=1.0)
    _, targets = batches([sample], STILL, 120, preprocessing=how)[0]
    with_dot = (targets["object"] == 1).any(axis=(1, 2, 3)).mean()
    assert 0.22 < with_dot < 0.5


def test_prepare_brings_a_sample_to_the_networks_scale():
    prepared = prepare(painted(size=(96, 128)), preprocessing((48, 64)))
    assert prepared.image.shape == (48, 64, 3)
    assert prepared.annotation.size == (48, 64)
    inner = prepared.annotation.category[14:34, 22:48]
    assert (inner == 1).all()
    assert (prepared.image[14:34, 22:48] == 255).all()


def test_prepare_names_the_image_that_is_unlike_the_others():
    with pytest.raises(ValueError, match=r"'painted' is unlike .* 1 channel of uint16"):
        prepare(painted("uint16", 1), preprocessing())


def test_opencv_has_its_threads_back_after_a_training():
    before = cv2.getNumThreads()
    with one_opencv_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == before
