"""What the network is punished for: one short function per kind of head.

Every target may hold NaN, "no opinion": such a cell adds nothing to any loss and gets no gradient.
Logits are computed in float32 whatever the precision of the network.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from segmentare.tasks.base import Head
from segmentare.training.plan import LossSettings


def binary_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Binary cross-entropy over the pixels plus soft Dice per image.

    Sources: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; Milletari et al.,
    "V-Net", 3DV 2016 (Dice).

    Args:
        logits: (N, C, H, W), before the sigmoid.
        target: The same shape, 0 to 1, NaN where nobody knows.
        settings: Weights of the parts.

    Returns:
        One number.
    """
    known = ~torch.isnan(target)
    target = torch.where(known, target, 0.0)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if settings.focal:
        # exp(-entropy) is the probability given to the truth, for targets of 0 and 1
        entropy = entropy * (1 - torch.exp(-entropy)) ** settings.focal
    weight = known.to(logits.dtype)
    if settings.category_weights is not None:
        background, foreground = settings.category_weights
        weight = weight * (background + (foreground - background) * target)
    loss = settings.cross_entropy * _ratio(entropy * weight, weight)
    if settings.dice:
        probability = torch.sigmoid(logits) * known
        loss = loss + settings.dice * _dice(probability, target, dimensions=(2, 3))
    return loss


def classes_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Cross-entropy over pixels and categories plus soft Dice per category of the batch.

    The Dice of a category pools the batch: most images lack most categories, and the Dice of an
    absent category teaches little.

    Args:
        logits: (N, C, H, W), before the softmax.
        target: (N, 1, H, W), category ids, NaN where nobody knows.
        settings: Weights of the parts.

    Returns:
        One number.
    """
    known = ~torch.isnan(target)
    ids = torch.where(known, target, 0.0).long()
    log_probability = functional.log_softmax(logits, dim=1)
    entropy = -log_probability.gather(1, ids)
    if settings.focal:
        entropy = entropy * (1 - torch.exp(-entropy)) ** settings.focal
    weight = known.to(logits.dtype)
    if settings.category_weights is not None:
        table = logits.new_tensor(settings.category_weights)
        weight = weight * table[ids]
    loss = settings.cross_entropy * _ratio(entropy * weight, weight)
    if settings.dice:
        one_hot = torch.zeros_like(logits).scatter_(1, ids, known.to(logits.dtype))
        probability = log_probability.exp() * known
        loss = loss + settings.dice * _dice(
            probability, one_hot, dimensions=(0, 2, 3), present_only=True
        )
    return loss


def heatmap_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Mean squared error of the sigmoid, over the cells that somebody annotated."""
    del settings
    known = ~torch.isnan(target)
    error = (torch.sigmoid(logits) - torch.where(known, target, 0.0)) ** 2 * known
    return _ratio(error, known)


def vectors_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Mean absolute error, over the cells that somebody annotated."""
    del settings
    known = ~torch.isnan(target)
    error = (logits - torch.where(known, target, 0.0)).abs() * known
    return _ratio(error, known)


def _ratio(values: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of values over that of their weights."""
    return values.sum() / weight.sum().clamp_min(1)


def _dice(
    probability: Tensor,
    target: Tensor,
    dimensions: tuple[int, ...],
    *,
    present_only: bool = False,
) -> Tensor:
    """Return 1 - soft Dice, averaged over what `dimensions` leave; 1 pixel smooths empty masks."""
    overlap = (probability * target).sum(dimensions)
    predicted, true = probability.sum(dimensions), target.sum(dimensions)
    dice = (2 * overlap + 1) / (predicted + true + 1)
    if present_only:
        present = true > 0
        return 1 - (dice * present).sum() / present.sum().clamp_min(1)
    return 1 - dice.mean()


LossFunction = Callable[[Tensor, Tensor, LossSettings], Tensor]

LOSSES: dict[str, LossFunction] = {
    "binary": binary_loss,
    "classes": classes_loss,
    "heatmap": heatmap_loss,
    "vectors": vectors_loss,
}


def total_loss(
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    heads: tuple[Head, ...],
    settings: LossSettings,
) -> Tensor:
    """Return the weighted sum of the heads' losses, one number.

    Args:
        outputs: Logits per head, (N, channels, H, W).
        targets: Targets per head as `Task.encode` makes them, stacked.
        heads: The task's heads.
        settings: Weights of the parts of the losses for pixels.
    """
    losses = [
        head.weight
        * LOSSES[head.kind](outputs[head.name].float(), targets[head.name], settings.of(head))
        for head in heads
    ]
    return torch.stack(losses).sum()
