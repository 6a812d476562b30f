import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_training import PLAN, engine_of, same, training
from torch import nn

from segmentare.errors import ModelError
from segmentare.models.architecture import NetworkSpec
from segmentare.networks.backend import Ema
from segmentare.training.plan import Plan
from segmentare.training.state import STATE, decay_at, load_state, save_state


def trained(steps, plan=PLAN, seed=0):
    """Return an engine after some steps on random images."""
    engine = engine_of(plan)
    engine.begin(plan)
    step(engine, steps, seed)
    return engine


def step(engine, steps, seed):
    rng = np.random.default_rng(seed)
    for number in range(1, steps + 1):
        images = rng.standard_normal((2, 32, 32, 3)).astype(np.float32)
        targets = {"object": rng.integers(0, 2, (2, 1, 32, 32)).astype(np.float32)}
        engine.step(engine.load((images, targets)), 1e-2)
        engine.average(decay_at(0.9, number))


def test_state_round_trip(tmp_path):
    engine = trained(3)
    save_state(tmp_path, engine.state(), {"step": 3, "best": 0.5, "text": "Größe"})
    other = trained(1, seed=9)
    arrays, facts = load_state(tmp_path)
    other.restore(arrays)
    assert facts == {"step": 3, "best": 0.5, "text": "Größe"}
    assert same(engine.arrays(), other.arrays())
    assert same(engine.averaged(), other.averaged())
    assert same(engine.state(), other.state())


def test_after_a_round_trip_the_next_steps_are_the_same(tmp_path):
    engine = trained(3)
    save_state(tmp_path, engine.state(), {})
    fresh = trained(0)
    fresh.restore(load_state(tmp_path)[0])
    step(engine, 2, seed=5)
    step(fresh, 2, seed=5)
    assert same(engine.state(), fresh.state())


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "foreign"])
def test_a_state_that_cannot_be_read_is_a_sentence(tmp_path, damage):
    save_state(tmp_path, trained(1).state(), {"step": 1})
    path = tmp_path / STATE
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        from safetensors.numpy import save

        path.write_bytes(save({}))
    with pytest.raises(ModelError, match=r"[Tt]rain anew") as caught:
        load_state(tmp_path)
    assert STATE in str(caught.value)


def test_a_state_of_another_network_is_a_sentence(tmp_path):
    save_state(tmp_path, trained(1).state(), {"step": 1})
    wider = training(tmp_path, spec=replace(PLAN.spec, width=0.25))
    with pytest.raises(ModelError, match=r"does not fit this run .* Train anew") as caught:
        list(wider.run(resume=True))
    assert STATE in str(caught.value)


def test_golden_average():
    """The decay warms up as (1 + step) / (10 + step)."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
        ema = Ema(network)
        network.weight.fill_(1.0)
        ema.update(decay_at(0.25, 1))
        first = 1 - 2 / 11
        assert ema.tensors()["weight"].item() == pytest.approx(first)
        network.weight.fill_(3.0)
        ema.update(decay_at(0.25, 2))  # 3 / 12 is the decay itself
        assert ema.tensors()["weight"].item() == pytest.approx(0.25 * first + 0.75 * 3)
        ema.update(decay_at(0.25, 1000))
        second = 0.25 * first + 0.75 * 3
        assert ema.tensors()["weight"].item() == pytest.approx(0.25 * second + 0.75 * 3)


def test_the_average_holds_running_statistics_too_and_no_counters():
    network = nn.BatchNorm2d(2)
    assert Ema(network).tensors().keys() == {"weight", "bias", "running_mean", "running_var"}


def test_golden_learning_rates():
    plan = replace(PLAN, learning_rate=1e-2, warm_up=0.1)
    assert plan.rate(0) == pytest.approx(2e-4)
    assert plan.rate(0.05) == pytest.approx(1e-2 * (0.02 + 0.98 / 2))
    assert plan.rate(0.1) == pytest.approx(1e-2, rel=1e-4)
    assert plan.rate(0.55) == pytest.approx(0.5e-2, rel=1e-4)
    assert plan.rate(1) == pytest.approx(1e-7)
    assert plan.rate(1.2) == pytest.approx(1e-7)  # a budget that was stretched
    assert replace(plan, warm_up=0.0).rate(0) == pytest.approx(1e-2, rel=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"budget": 600.0, "reasons": ("one", "two"), "start": "default"},
        {"spec": NetworkSpec("segnet", "vgg", 1, 0.25), "precision": "bfloat16"},
        {"loss": replace(PLAN.loss, category_weights=(0.5, 2.0), focal=2.0)},
        {"preprocessing": replace(PLAN.preprocessing, scale=0.5, size=(64, 96))},
    ],
)
def test_a_plan_survives_json(changes):
    plan = replace(PLAN, **changes)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
