"""The lesson's way, written anew: plain U-Net and SegNet, 256 px, Adam 1e-3, batches of 32.

The widths are chosen so that 0.95 and 0.76 million parameters are about the lesson's 0.97 and 0.78.
Its well-known mistake is kept: the network ends in a sigmoid, and the loss applies another one. No
augmentation, values in 0 to 1, and what the network answers is taken for a probability.
"""

from __future__ import annotations

import torch
from textbook import Recipe, begin, train
from torch import Tensor, nn


def convolutions(inside: int, *channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for outside in channels:
        layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
        inside = outside
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Two convolutions a level, pooling by maximum, transposed convolutions, skips."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96), bottom: int = 128) -> None:
        super().__init__()
        pairs = list(zip((3, *widths), widths, strict=False))
        self.down = nn.ModuleList(convolutions(i, o, o) for i, o in pairs)
        self.bottom = convolutions(widths[-1], bottom, bottom)
        below = (*widths[1:], bottom)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 2, 2) for i, o in zip(below, widths, strict=True)
        )
        self.join = nn.ModuleList(convolutions(2 * o, o, o) for o in widths)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        kept = []
        for down in self.down:
            kept.append(images := down(images))
            images = nn.functional.max_pool2d(images, 2)
        images = self.bottom(images)
        for up, join, skip in zip(self.up[::-1], self.join[::-1], kept[::-1], strict=True):
            images = join(torch.cat([up(images), skip], 1))
        return torch.sigmoid(self.head(images))


class SegNet(nn.Module):
    """The same encoder; the decoder gets the places of the maxima and nothing else."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96, 96)) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            convolutions(i, o, o) for i, o in zip((3, *widths), widths, strict=False)
        )
        above = (widths[0], *widths[:-1])
        self.up = nn.ModuleList(convolutions(o, o, a) for o, a in zip(widths, above, strict=True))
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        places = []
        for down in self.down:
            images, place = nn.functional.max_pool2d(down(images), 2, return_indices=True)
            places.append(place)
        for up, place in zip(self.up[::-1], places[::-1], strict=True):
            images = up(nn.functional.max_unpool2d(images, place, 2))
        return torch.sigmoid(self.head(images))


def main() -> None:
    job = begin()
    network = {"unet": UNet, "segnet": SegNet}[job.words.variant or "unet"]
    train(
        Recipe(
            "torch",
            network,
            nn.functional.binary_cross_entropy_with_logits,
            batch=32,
            flips=False,
            probability=lambda answer: answer,
            normalize=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ),
        job,
    )


if __name__ == "__main__":
    main()
