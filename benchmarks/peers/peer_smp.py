"""segmentation_models_pytorch: a U-Net with ResNet encoder in the textbook's loop."""

from __future__ import annotations

import segmentation_models_pytorch as smp
from textbook import Recipe, begin, train
from torch import Tensor, nn


def main() -> None:
    job = begin()
    dice = smp.losses.DiceLoss(mode="binary", from_logits=True)

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, truth) + dice(logits, truth)

    network, start = unet(job.words.variant or "resnet34")
    train(Recipe("segmentation-models-pytorch", lambda: network, loss, start=start), job)


def unet(encoder: str) -> tuple[nn.Module, str]:
    """Return the network with ImageNet weights where they can be fetched, and what it got."""
    try:
        return smp.Unet(encoder, encoder_weights="imagenet", classes=1), "ImageNet"
    except (OSError, RuntimeError) as error:  # no way to the weights' host
        reason = f"random (ImageNet weights: {type(error).__name__})"
        return smp.Unet(encoder, encoder_weights=None, classes=1), reason


if __name__ == "__main__":
    main()
