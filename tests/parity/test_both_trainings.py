"""PyTorch and TensorFlow: the same losses, gradients and steps from the same weights and batch."""

from dataclasses import replace

import numpy as np
import pytest
from network_specs import HEADS, SPECS
from tiny_training import PLAN

tf = pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")
torch = pytest.importorskip("torch", reason="needs segmentare[torch]")

from segmentare.keras import losses as in_keras
from segmentare.keras.adamw import AdamW
from segmentare.keras.backend import KerasEngine
from segmentare.networks import losses as in_torch
from segmentare.networks.backend import TorchEngine
from segmentare.training.plan import LossSettings

TOLERANCE = 1e-5
SETTINGS = {
    "usual": LossSettings(),
    "entropy alone": LossSettings(dice=0.0),
    "dice alone": LossSettings(cross_entropy=0.0),
    "focal": LossSettings(focal=2.0),
    "weighted": LossSettings(cross_entropy=0.7, dice=0.3, category_weights=(0.5, 2.0)),
    "four weights": LossSettings(focal=1.5, category_weights=(0.5, 2.0, 1.0, 4.0)),
}


def case(head, seed, *, absent=False):
    """Return logits and target (N, C, H, W); a third of the target is unknown."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((3, head.channels, 9, 7)).astype(np.float32)
    if head.kind == "classes":
        target = rng.integers(0, head.channels - absent, (3, 1, 9, 7)).astype(np.float32)
    elif head.kind == "vectors":
        target = rng.standard_normal(logits.shape).astype(np.float32)
    elif head.kind == "heatmap":
        target = rng.random(logits.shape).astype(np.float32)
    else:
        target = rng.integers(0, 2, logits.shape).astype(np.float32)
    target[rng.random(target.shape) < 0.3] = np.nan
    return logits, target


def turned(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.kind)
@pytest.mark.parametrize("kind", ["random", "absent", "unknown"])
def test_losses_and_their_gradients_are_equal(head, settings, kind):
    logits, target = case(head, 1, absent=kind == "absent")
    if kind == "unknown":
        target[1:] = np.nan
    heads = (replace(head, weight=1.7),)
    tensor = torch.from_numpy(logits).requires_grad_()
    expected = in_torch.total_loss(
        {head.name: tensor}, {head.name: torch.from_numpy(target)}, heads, SETTINGS[settings]
    )
    expected.backward()
    x = tf.constant(turned(logits))
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = in_keras.total_loss(
            {head.name: x}, {head.name: tf.constant(turned(target))}, heads, SETTINGS[settings]
        )
    gradient = tape.gradient(found, x).numpy()
    assert float(found) == pytest.approx(expected.item(), abs=TOLERANCE)
    np.testing.assert_allclose(gradient, turned(tensor.grad.numpy()), rtol=0, atol=TOLERANCE)
    assert (kind == "unknown") or np.abs(gradient).max() > 1e-4


def test_nothing_known_costs_nothing_and_stays_a_number():
    for head in HEADS:
        logits, target = case(head, 2)
        x = tf.constant(turned(logits))
        with tf.GradientTape() as tape:
            tape.watch(x)
            nothing = tf.constant(turned(np.full_like(target, np.nan)))
            loss = in_keras.LOSSES[head.kind](x, nothing, LossSettings())
        assert np.isfinite(float(loss)), head
        assert (tape.gradient(loss, x).numpy() == 0).all(), head


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("resnet", {}),
        ("segnet", {}),
        ("plain", {"start": "default", "encoder_rate": 0.1, "weight_decay": 0.3}),
    ],
)
def test_steps_from_the_same_weights_and_batches_are_equal(name, changes):
    spec = SPECS[name]
    plan = replace(PLAN, spec=spec, **changes)
    one, other = (kind(spec, HEADS, 5) for kind in (TorchEngine, KerasEngine))
    one.begin(plan)
    other.begin(plan)
    other.stepper.reset(one.arrays())
    rng = np.random.default_rng(0)
    for number in range(1, 4):
        images = rng.standard_normal((4, 64, 64, 3)).astype(np.float32)
        targets = {head.name: case_of(head, spec.stride, rng) for head in HEADS}
        before = one.arrays()
        first, second = (
            float(engine.step(engine.load((images, targets)), 1e-3)) for engine in (one, other)
        )
        assert second == pytest.approx(first, abs=2e-5 if number == 1 else 1e-2)
        if number == 1:
            check_step(before, one, other, 1e-3)
        for engine in (one, other):
            engine.average(0.9)
    # What is rounded differently turns Adam's first step around, and grows with every other step.
    found, expected = other.averaged(), one.averaged()
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        size = np.median(np.abs(array)) if "running" in key else 0.0
        assert np.median(np.abs(found[key] - array)) < 5e-4 + 0.02 * size, key


def case_of(head, stride, rng):
    side = 64 // stride
    if head.kind == "classes":
        return rng.integers(0, head.channels, (4, 1, side, side)).astype(np.float32)
    return rng.integers(0, 2, (4, head.channels, side, side)).astype(np.float32)


def check_step(before, one, other, rate):
    """The step of each weight is the same, but for those whose gradient is next to nothing.

    AdamW's first step is the rate times the gradient's sign, so rounding decides there.
    """
    expected, found, state = one.arrays(), other.arrays(), other.state()
    agreeing = []
    for key, array in expected.items():
        moved, moved_too = array - before[key], found[key] - before[key]
        name = f"optimizer.{key}.exp_avg"
        if name not in state:
            np.testing.assert_allclose(found[key], array, rtol=1e-4, atol=1e-5, err_msg=key)
            continue
        gradient = np.abs(state[name])
        agree = np.abs(moved_too - moved) < 0.01 * rate
        assert agree[gradient >= 0.1 * gradient.max()].all(), key  # all, where nothing flows yet
        agreeing.append(agree.ravel())
    assert np.concatenate(agreeing).mean() > 0.98


@pytest.mark.parametrize("start", ["", "default"])
def test_adamw_is_pytorchs_over_many_steps(start):
    """On the same gradients, tiny and large, with rates that change."""
    plan = replace(PLAN, weight_decay=0.5, encoder_rate=0.1, start=start)
    rng = np.random.default_rng(0)
    shapes = {"encoder.a.weight": (3, 2), "heads.x.weight": (2, 2), "encoder.a.bias": (3,)}
    first = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    ours = AdamW({name: tf.Variable(array) for name, array in first.items()}, plan)
    factor = {name: 0.1 if start and name.startswith("encoder.") else 1.0 for name in first}
    weights = {name: torch.nn.Parameter(torch.from_numpy(array)) for name, array in first.items()}
    theirs = torch.optim.AdamW(
        {"params": [weight], "weight_decay": 0.5 if weight.ndim > 1 else 0.0}
        for weight in weights.values()
    )
    for number in range(30):
        rate = 1e-2 * (1 + number % 5)
        found = {
            name: rng.standard_normal(shape).astype(np.float32) * 10.0 ** rng.integers(-9, 2)
            for name, shape in shapes.items()
        }
        for group, name in zip(theirs.param_groups, weights, strict=True):
            group["lr"] = rate * factor[name]
            weights[name].grad = torch.from_numpy(found[name].astype(np.float32))
        theirs.step()
        gradients = {name: tf.constant(array, tf.float32) for name, array in found.items()}
        ours.apply(gradients, ours.scalars(rate))
        for name, weight in weights.items():
            np.testing.assert_allclose(
                ours.trained[name].numpy(), weight.detach().numpy(), rtol=0, atol=1e-5
            )
