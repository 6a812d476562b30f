"""Hugging Face transformers: SegFormer of the size B0, from random weights, in the plain loop.

AdamW 6e-5 of the paper is for weights that know ImageNet; random ones get the textbook's Adam at
3e-4, since 1e-3 is high for a transformer.
"""

from __future__ import annotations

from textbook import Recipe, bce_dice, begin, train
from torch import Tensor, nn
from transformers import SegformerConfig, SegformerForSemanticSegmentation


def logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the maps at the images' size; the network answers at a quarter of it."""
    coarse = network(pixel_values=images).logits
    size = images.shape[-2:]
    return nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)


def main() -> None:
    job = begin()

    def network() -> nn.Module:
        return SegformerForSemanticSegmentation(SegformerConfig(num_labels=1))

    train(Recipe("transformers", network, bce_dice, logits, rate=3e-4), job)


if __name__ == "__main__":
    main()
