import json
from dataclasses import replace

import pytest
import torch
from tiny_training import PLAN, network_of, same, weights
from torch import nn

from segmentare.architecture import NetworkSpec
from segmentare.errors import ModelError
from segmentare.plan import Plan
from segmentare.training.state import STATE, Ema, load_state, save_state


def trained(steps, network=None, seed=0):
    """Return a network, its optimizer and its average after some steps on random images."""
    network = network or network_of(PLAN)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, foreach=True)
    ema = Ema(network, 0.9)
    step(network, optimizer, ema, steps, seed)
    return network, optimizer, ema


def step(network, optimizer, ema, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for number in range(1, steps + 1):
        loss = network(torch.randn(2, 3, 32, 32, generator=generator))["object"].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(number)


def test_state_round_trip(tmp_path):
    network, optimizer, ema = trained(3)
    save_state(tmp_path, network, optimizer, ema, {"step": 3, "best": 0.5, "text": "Größe"})
    other, other_optimizer, other_ema = trained(1, seed=9)
    facts = load_state(tmp_path, other, other_optimizer, other_ema)
    assert facts == {"step": 3, "best": 0.5, "text": "Größe"}
    assert same(weights(network), weights(other))
    for a, b in zip(ema.tensors().values(), other_ema.tensors().values(), strict=True):
        assert torch.equal(a, b)
    one, two = optimizer.state_dict()["state"], other_optimizer.state_dict()["state"]
    assert one.keys() == two.keys()
    for number, values in one.items():
        for key, value in values.items():
            assert torch.equal(value, two[number][key]), (number, key)
            assert value.shape == two[number][key].shape


def test_after_a_round_trip_the_next_steps_are_the_same(tmp_path):
    network, optimizer, ema = trained(3)
    save_state(tmp_path, network, optimizer, ema, {})
    fresh = network_of(PLAN)
    optimizer_of_fresh = torch.optim.AdamW(fresh.parameters(), lr=1e-2, foreach=True)
    ema_of_fresh = Ema(fresh, 0.9)
    load_state(tmp_path, fresh, optimizer_of_fresh, ema_of_fresh)
    step(network, optimizer, ema, 2, seed=5)
    step(fresh, optimizer_of_fresh, ema_of_fresh, 2, seed=5)
    assert same(weights(network), weights(fresh))
    for a, b in zip(ema.tensors().values(), ema_of_fresh.tensors().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "foreign", "another network"])
def test_a_state_that_does_not_fit_is_a_sentence(tmp_path, damage):
    network, optimizer, ema = trained(1)
    save_state(tmp_path, network, optimizer, ema, {"step": 1})
    path = tmp_path / STATE
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":
        from safetensors.numpy import save

        path.write_bytes(save({}))
    else:
        wider = network_of(replace(PLAN, spec=replace(PLAN.spec, width=0.25)))
        network, optimizer, ema = trained(0, wider)
    with pytest.raises(ModelError, match=r"[Tt]rain anew") as caught:
        load_state(tmp_path, network, optimizer, ema)
    assert STATE in str(caught.value)


def test_golden_average():
    """The decay warms up as (1 + step) / (10 + step)."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
        ema = Ema(network, 0.25)
        network.weight.fill_(1.0)
        ema.update(1)
        first = 1 - 2 / 11
        assert ema.tensors()["weight"].item() == pytest.approx(first)
        network.weight.fill_(3.0)
        ema.update(2)  # 3 / 12 is the decay itself
        assert ema.tensors()["weight"].item() == pytest.approx(0.25 * first + 0.75 * 3)
        ema.update(1000)
        second = 0.25 * first + 0.75 * 3
        assert ema.tensors()["weight"].item() == pytest.approx(0.25 * second + 0.75 * 3)


def test_the_average_holds_running_statistics_too_and_no_counters():
    network = nn.BatchNorm2d(2)
    assert Ema(network, 0.9).tensors().keys() == {"weight", "bias", "running_mean", "running_var"}


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
