"""Plans for poses: images seen decide the width of the network and the size of its images."""

from __future__ import annotations

from math import prod

import pytest

from segmentare.datasets.augmentation import Augmentation
from segmentare.models.architecture import NetworkSpec
from segmentare.synthetic.people_dataset import SyntheticPeople
from segmentare.tasks import PoseTask
from segmentare.training import posing
from segmentare.training.planning import USUAL_SPEED
from segmentare.training.request import PlanRequest

PEOPLE = SyntheticPeople(12)
SAMPLES = [PEOPLE[i] for i in range(12)]


def chosen(images=168, **request):
    reasons: list[str] = []
    request = {"spec": posing.RESNET, **request}
    return posing.choose(SAMPLES, images, PlanRequest(**request), USUAL_SPEED, reasons), reasons


def test_less_time_makes_a_narrower_network_and_more_images_smaller_ones():
    short, reasons = chosen(budget=180.0)
    assert short.spec.width == 0.25
    assert short.learning_rate == posing.RATE
    assert "0.25 times as wide" in reasons[0]
    long, reasons = chosen(budget=14400.0)
    assert (long.spec, long.learning_rate, reasons) == (posing.RESNET, None, [])
    assert prod(long.size) > prod(short.size)
    many, _ = chosen(budget=14400.0, images=100_000)
    assert prod(many.size) < prod(long.size)


def test_a_network_with_known_weights_keeps_its_width():
    plan, reasons = chosen(budget=180.0, spec=NetworkSpec())
    assert (plan.spec, plan.learning_rate, reasons) == (NetworkSpec(), None, [])


def test_what_the_user_wishes_is_kept():
    plan, reasons = chosen(budget=180.0, width=0.5, size=(64, 64), learning_rate=1e-3)
    assert (plan.spec.width, plan.size, plan.learning_rate) == (1.0, (64, 64), 1e-3)
    assert not reasons
    plan, _ = chosen(budget=180.0, learning_rate=1e-3)
    assert plan.learning_rate == 1e-3
    assert chosen(budget=180.0, scale=1.0)[0].size is None


@pytest.mark.parametrize(("code", "led"), [("center", True), ("fields", False)])
def test_only_vectors_from_centers_have_parents(code, led):
    from segmentare.training.planning import make_plan

    task = PoseTask(PEOPLE.skeleton, code=code)
    plan = make_plan(SAMPLES, 12, task, PlanRequest(budget=60.0))
    assert (max(plan.task.parents, default=-1) >= 0) == led
    assert any("from a neighbor" in reason for reason in plan.reasons) == led


def test_images_that_are_seen_often_are_changed_more():
    usual = Augmentation(rotation=12.0)
    often = posing.augmented(usual, 168, PlanRequest(budget=3600.0), USUAL_SPEED)
    seldom = posing.augmented(usual, 168, PlanRequest(budget=180.0), USUAL_SPEED)
    assert often.rotation > seldom.rotation == 12
    assert often.scale[1] > seldom.scale[1]
    free = posing.augmented(Augmentation(), 168, PlanRequest(budget=3600.0), USUAL_SPEED)
    assert free.rotation == 180
