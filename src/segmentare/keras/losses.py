"""What the network is punished for, as in `training.losses`: one function per kind of head.

Logits and targets are (N, H, W, channels) here. Every target may hold NaN, "no opinion": such a
cell adds nothing to any loss and gets no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from segmentare.keras.layers import Tensor
from segmentare.tasks.base import Head
from segmentare.training.plan import LossSettings


def binary_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Binary cross-entropy over the pixels plus soft Dice per image.

    Sources: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; Milletari et al.,
    "V-Net", 3DV 2016 (Dice).

    Args:
        logits: (N, H, W, C), before the sigmoid.
        target: The same shape, 0 to 1, NaN where nobody knows.
        settings: Weights of the parts.

    Returns:
        One number.
    """
    known, target = _known(target)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    entropy = _focused(entropy, settings)
    weight = known
    if settings.category_weights is not None:
        background, foreground = settings.category_weights
        weight = weight * (background + (foreground - background) * target)
    loss = settings.cross_entropy * _mean(entropy, weight)
    if settings.dice:
        probability = tf.sigmoid(logits) * known
        loss += settings.dice * _dice(probability, target, axes=(1, 2))
    return loss


def classes_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Cross-entropy over pixels and categories plus soft Dice per category of the batch.

    Args:
        logits: (N, H, W, C), before the softmax.
        target: (N, H, W, 1), category ids, NaN where nobody knows.
        settings: Weights of the parts.

    Returns:
        One number.
    """
    known, target = _known(target)
    ids = tf.cast(target[..., 0], tf.int32)
    one_hot = tf.one_hot(ids, logits.shape[-1], dtype=logits.dtype)
    log_probability = tf.nn.log_softmax(logits, axis=-1)
    entropy = -tf.reduce_sum(log_probability * one_hot, axis=-1, keepdims=True)
    entropy = _focused(entropy, settings)
    weight = known
    if settings.category_weights is not None:
        table = tf.constant(settings.category_weights, logits.dtype)
        weight = weight * tf.gather(table, ids)[..., None]
    loss = settings.cross_entropy * _mean(entropy, weight)
    if settings.dice:
        probability = tf.exp(log_probability) * known
        dice = _dice(probability, one_hot * known, axes=(0, 1, 2), present_only=True)
        loss += settings.dice * dice
    return loss


def heatmap_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Mean squared error of the sigmoid, over the cells that somebody annotated."""
    del settings
    known, target = _known(target)
    return _mean((tf.sigmoid(logits) - target) ** 2, known)


def vectors_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    """Mean absolute error, over the cells that somebody annotated."""
    del settings
    known, target = _known(target)
    return _mean(tf.abs(logits - target), known)


def _known(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1 where somebody has an opinion and 0 elsewhere, and the target with 0 there."""
    unknown = tf.math.is_nan(target)
    return tf.cast(~unknown, target.dtype), tf.where(unknown, tf.zeros_like(target), target)


def _focused(entropy: Tensor, settings: LossSettings) -> Tensor:
    if not settings.focal:
        return entropy
    # exp(-entropy) is the probability given to the truth, for targets of 0 and 1
    return entropy * (1 - tf.exp(-entropy)) ** settings.focal


def _mean(error: Tensor, weight: Tensor) -> Tensor:
    return tf.reduce_sum(error * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)


def _dice(
    probability: Tensor, target: Tensor, axes: tuple[int, ...], *, present_only: bool = False
) -> Tensor:
    """Return 1 - soft Dice, averaged over what `axes` leave; 1 pixel smooths empty masks."""
    overlap = tf.reduce_sum(probability * target, axes)
    total = tf.reduce_sum(probability, axes) + tf.reduce_sum(target, axes)
    dice = (2 * overlap + 1) / (total + 1)
    if present_only:
        present = tf.cast(tf.reduce_sum(target, axes) > 0, dice.dtype)
        return 1 - _mean(dice, present)
    return 1 - tf.reduce_mean(dice)


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
        outputs: Logits per head, (N, H, W, channels), float32.
        targets: Targets per head, (N, H, W, channels of the target).
        heads: The task's heads.
        settings: Weights of the parts of the losses for pixels.
    """
    losses = [
        head.weight * LOSSES[head.kind](outputs[head.name], targets[head.name], settings.of(head))
        for head in heads
    ]
    return tf.add_n(losses)
