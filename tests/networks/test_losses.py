import math

import pytest
import torch

from segmentare.networks.losses import (
    LOSSES,
    LossSettings,
    binary_loss,
    classes_loss,
    heatmap_loss,
    total_loss,
    vectors_loss,
)
from segmentare.tasks import Head

NAN = float("nan")
ENTROPY = LossSettings(dice=0)
DICE = LossSettings(cross_entropy=0)


def random_case(kind, seed=0):
    generator = torch.Generator().manual_seed(seed)
    channels = 3
    logits = torch.randn(2, channels, 5, 4, generator=generator, dtype=torch.float64)
    if kind == "classes":
        target = torch.randint(0, channels, (2, 1, 5, 4), generator=generator).double()
    else:
        target = torch.randint(0, 2, logits.shape, generator=generator).double()
    target[0, :, :2] = NAN
    return logits.requires_grad_(), target


@pytest.mark.parametrize("kind", sorted(LOSSES))
@pytest.mark.parametrize(
    "settings",
    [LossSettings(), LossSettings(focal=2), LossSettings(category_weights=(0.5, 2.0))],
)
def test_gradients_are_those_of_finite_differences(kind, settings):
    if kind == "classes" and settings.category_weights:
        settings = LossSettings(category_weights=(0.5, 2.0, 1.0))
    logits, target = random_case(kind)
    assert torch.autograd.gradcheck(lambda x: LOSSES[kind](x, target, settings), logits)


@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_unlabeled_cells_have_no_gradient_and_no_say(kind):
    logits, target = random_case(kind)
    loss = LOSSES[kind](logits, target, LossSettings())
    loss.backward()
    assert (logits.grad[0, :, :2] == 0).all()
    assert (logits.grad[0, :, 2:] != 0).any()
    changed = logits.detach().clone()
    changed[0, :, :2] += 7
    assert LOSSES[kind](changed, target, LossSettings()).item() == pytest.approx(loss.item())


@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_nothing_labeled_costs_nothing_and_stays_a_number(kind):
    logits, target = random_case(kind)
    target[:] = NAN
    loss = LOSSES[kind](logits, target, LossSettings())
    loss.backward()
    assert torch.isfinite(loss)
    assert (logits.grad == 0).all()


def test_golden_binary_cross_entropy():
    logits = torch.tensor([[[[0.0, 2.0, -1.0]]]])
    target = torch.tensor([[[[1.0, 0.0, NAN]]]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert binary_loss(logits, target, ENTROPY).item() == pytest.approx(expected)
    weighted = LossSettings(dice=0, category_weights=(1.0, 3.0))
    expected = (3 * math.log(2) + math.log(1 + math.exp(2))) / 4
    assert binary_loss(logits, target, weighted).item() == pytest.approx(expected)


def test_golden_dice():
    logits = torch.tensor([[[[40.0, 40.0, -40.0, -40.0]]]])
    target = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]])
    assert binary_loss(logits, target, DICE).item() == pytest.approx(1 - (2 + 1) / (4 + 1))


def test_golden_focal():
    logits, target = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    focal = LossSettings(dice=0, focal=2)
    assert binary_loss(logits, target, focal).item() == pytest.approx(0.25 * math.log(2))


def test_cross_entropy_equals_pytorchs_own():
    logits, target = random_case("classes")
    own = torch.nn.functional.cross_entropy(
        logits, target[:, 0].nan_to_num(255).long(), ignore_index=255
    )
    assert classes_loss(logits, target, ENTROPY).item() == pytest.approx(own.item())


def test_dice_of_categories_ignores_absent_ones():
    logits = torch.full((1, 3, 2, 2), -20.0)
    logits[:, 0] = 20.0
    target = torch.zeros(1, 1, 2, 2)
    assert classes_loss(logits, target, DICE).item() == pytest.approx(0, abs=1e-6)


def test_golden_heatmap_and_vectors():
    target = torch.tensor([[[[1.0, NAN]]]])
    assert heatmap_loss(torch.zeros(1, 1, 1, 2), target, ENTROPY).item() == pytest.approx(0.25)
    assert vectors_loss(torch.zeros(1, 1, 1, 2), target, ENTROPY).item() == pytest.approx(1.0)


def test_heads_are_weighed():
    heads = (Head("a", 1, "heatmap", weight=3.0), Head("b", 1, "vectors"))
    outputs = {"a": torch.zeros(1, 1, 1, 1), "b": torch.zeros(1, 1, 1, 1)}
    targets = {"a": torch.ones(1, 1, 1, 1), "b": torch.ones(1, 1, 1, 1)}
    assert total_loss(outputs, targets, heads, ENTROPY).item() == pytest.approx(3 * 0.25 + 1)


def test_weights_of_categories_reach_only_the_heads_that_tell_them_apart():
    settings = LossSettings(category_weights=(0.1, 1.0, 9.0))
    category, target = random_case("classes")
    flow = torch.randn(2, 2, 5, 4)
    heads = (
        Head("object", 1, "binary"),
        Head("category", 3, "classes"),
        Head("flow", 2, "vectors"),
    )
    outputs = {"object": flow[:, :1], "category": category, "flow": flow}
    targets = {"object": (flow[:, 1:] > 0).float(), "category": target, "flow": flow}
    expected = binary_loss(outputs["object"], targets["object"], LossSettings())
    expected = expected + classes_loss(category.float(), target, settings)
    assert total_loss(outputs, targets, heads, settings).item() == pytest.approx(expected.item())
