from dataclasses import replace

import numpy as np
from tiny_training import PLAN, TASK, sample, training

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.prediction.predictor import Predictor
from segmentare.tasks import InstanceTask
from segmentare.training.outcome import doubts, say_work, work_done

SAMPLES = [sample(seed) for seed in range(10, 20)]


def ended(tmp_path, done=12, **changes):
    run = training(tmp_path, **changes)
    run.step = done
    return run


def constant(value, task=TASK):
    def maps_of(images):
        maps = np.full((len(images), 1, *images.shape[1:3]), value, np.float32)
        return {head.name: maps.repeat(head.channels, 1) for head in task.heads}

    return Predictor(maps_of, task, PLAN.preprocessing)


def good():
    def maps_of(images):
        return {"object": (images[..., :1].transpose(0, 3, 1, 2) > 0.4).astype(np.float32)}

    return Predictor(maps_of, TASK, PLAN.preprocessing)


def test_what_was_done_is_counted(tmp_path):
    done = work_done(ended(tmp_path, 3, steps=12, budget=9.0))
    assert done == {
        "steps": 3,
        "planned_steps": 12,
        "batch": 2,
        "images_seen": 6,
        "times_seen": 1.2,
    }
    assert say_work(done) == (
        "Done: 3 steps of 2 images (12 were planned); every image was seen about 1.2 times."
    )
    done = work_done(ended(tmp_path, 12))
    assert say_work(done) == "Done: 12 steps of 2 images; every image was seen about 5 times."


def test_a_model_that_learned_is_not_doubted(tmp_path):
    assert doubts(ended(tmp_path), good(), SAMPLES, 0.95) == []


def test_an_under_trained_model_is_named(tmp_path):
    run = ended(tmp_path, 12, steps=116, budget=30.0)
    (line,) = doubts(run, good(), SAMPLES, 0.95)
    assert "Under-trained: only 12 of 116 planned steps" in line
    assert doubts(ended(tmp_path, 60, steps=116, budget=30.0), good(), SAMPLES, 0.95) == []
    assert doubts(ended(tmp_path, 12, steps=116), good(), SAMPLES, 0.95) == []  # stopped by Ctrl-C


def test_constant_answers_are_named(tmp_path):
    for value, what in (
        (0.9, "takes every pixel for 'x', in all 8 images"),
        (0.1, "finds nothing"),
    ):
        lines = doubts(ended(tmp_path), constant(value), SAMPLES, None)
        assert len(lines) == 1
        assert what in lines[0]
    empty = [
        replace(s, annotation=Segmentation(np.zeros_like(s.annotation.category))) for s in SAMPLES
    ]
    assert doubts(ended(tmp_path), constant(0.1), empty, None) == []  # as it should be


def test_objects_that_are_never_found_are_named(tmp_path):
    task = InstanceTask((TASK.categories[0], Category("cell", (255, 0, 0), thing=True)))
    lines = doubts(ended(tmp_path), constant(0.0, task), SAMPLES, 0.0)
    assert "finds nothing" in lines[0]


def test_a_score_below_that_of_the_mean_mask_is_named(tmp_path):
    (line,) = doubts(ended(tmp_path), good(), SAMPLES, 0.3)
    assert "validation dice 0.300; the mean of the training masks has 0." in line
    assert float(line.split(" has ")[1].split()[0].rstrip(".")) > 0.3
