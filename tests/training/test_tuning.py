from dataclasses import replace

import numpy as np
import pytest
from tiny_training import PLAN, TASK

from segmentare.annotations.segmentation import Category, Sample, Segmentation
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import SemanticTask
from segmentare.training import tuning
from segmentare.training.tuning import Validation, tune

HOW = Preprocessing(3, "uint8", (0.0,) * 3, (255.0,) * 3, (64, 64))


def predictor(task=TASK, preprocessing=HOW):
    """A model whose probability of the object is the image's brightness."""
    return Predictor(
        lambda images: {"object": images[..., :1].transpose(0, 3, 1, 2)}, task, preprocessing
    )


def score_on(model, judged, **how):
    plan = replace(PLAN, task=model.task, preprocessing=model.preprocessing)
    return Validation(plan, judged, **how)(model.maps_of)


def samples(threshold, count=4):
    """Images of smooth brightness whose truth is what lies above a threshold."""
    y, x = np.mgrid[:64, :64] / 63
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        hill = np.exp(-8 * ((y - rng.uniform(0.3, 0.7)) ** 2 + (x - rng.uniform(0.3, 0.7)) ** 2))
        image = np.repeat((hill * 255).astype(np.uint8)[..., None], 3, axis=2)
        truth = Segmentation((image[..., 0] / 255 >= threshold).astype(np.uint8))
        made.append(Sample(image, truth, str(seed)))
    return made


@pytest.mark.parametrize("shifted", [0.3, 0.35, 0.65, 0.7])
def test_a_shifted_threshold_is_found(shifted):
    before = score_on(predictor(), samples(shifted))
    task, score = tune(predictor(), samples(shifted))
    assert task.threshold == shifted
    assert task.smallest == 0
    assert score == pytest.approx(1)
    assert before < 0.9
    assert score_on(predictor(task), samples(shifted)) == score


def test_what_gains_nothing_stays_as_it_is():
    task, score = tune(predictor(), samples(0.5))
    assert task == TASK
    assert score == 1
    assert tune(predictor(replace(TASK, threshold=0.45)), samples(0.45))[0].threshold == 0.45


def with_specks(threshold=0.5):
    """Samples with bright specks of 2 x 2 pixels that are no objects."""
    made = samples(threshold)
    for sample in made:
        for row, column in ((2, 2), (2, 60), (60, 2), (60, 60)):
            sample.image[row : row + 2, column : column + 2] = 255
            sample.annotation.category[row : row + 2, column : column + 2] = 0
    return made


def test_specks_are_removed_where_that_helps():
    task, score = tune(predictor(), with_specks())
    assert task.smallest == 0.002  # of 4096 pixels; 0.0005 is below a speck's four
    assert score == pytest.approx(1)


def test_in_native_scale_the_smallest_object_stays_as_it_is():
    native = replace(HOW, scale=1.0)
    task, score = tune(predictor(preprocessing=native), with_specks())
    assert task.smallest == 0
    assert score < 1


@pytest.mark.parametrize("seconds", [1e-9, 1e9])
def test_little_time_tries_the_settings_on_fewer_samples(seconds, monkeypatch):
    counted = []
    score = tuning.score_readings

    def counting(predictor, task, readings, some):
        counted.append(len(some))
        return score(predictor, task, readings, some)

    monkeypatch.setattr(tuning, "score_readings", counting)
    task, best = tune(predictor(), samples(0.35, 24), seconds)
    assert task.threshold == 0.35
    assert best == pytest.approx(1)
    assert min(counted) == (8 if seconds < 1 else 24)
    assert counted[-1] == 24


def test_several_categories_have_nothing_to_tune():
    colors = tuple(Category(name, (i, i, i)) for i, name in enumerate("abc"))
    street = SemanticTask(colors)
    truth = Segmentation(np.zeros((64, 64), np.uint8))
    image = np.zeros((64, 64, 3), np.uint8)

    def maps_of(images):
        return {"category": np.stack([np.full(images.shape[:3], p) for p in (0.6, 0.3, 0.1)], 1)}

    task, score = tune(Predictor(maps_of, street, HOW), [Sample(image, truth, "a")])
    assert task == street
    assert score == 1


def test_a_slow_validation_scores_fewer_images_and_always_the_same():
    second = [0.0]

    def slow(images):
        second[0] += 1.0
        return predictor().maps_of(images)

    plan = replace(PLAN, preprocessing=HOW)
    validation = Validation(plan, samples(0.4, 30), limit=12.5, now=lambda: second[0])
    assert len(validation.chosen()) == 30
    assert validation.seconds_for(10) == 0
    first = validation(slow)
    assert (validation.looked, validation.seconds) == (13, 13.0)
    assert validation.seconds_for(10) == 10
    assert validation(slow) == first
    assert second[0] == 26
    chosen = [sample.name for sample in validation.chosen()]
    assert len(set(chosen)) == 13
    assert chosen != sorted(chosen, key=int)
    hasty = Validation(plan, samples(0.4, 30), limit=0.0, now=lambda: second[0])
    hasty(slow)
    assert hasty.looked == 8
