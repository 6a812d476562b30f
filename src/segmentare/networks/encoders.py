"""Encoders: images in, features of growing stride out.

An encoder is an `nn.Module` with two attributes, `channels` and `strides` (one number per level,
finest first), whose `forward` maps images (N, C, H, W), with H and W multiples of the largest
stride, to a list of features of those channels and strides. A new one is a class like these and
one line in `network.ENCODERS`.

`width` scales all channels of an encoder; at 1.0 the finest level has the published 64.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.models.architecture import VGG16_CONVOLUTIONS, scaled
from segmentare.networks.layers import (
    ConvBlock,
    ResidualBlock,
    pool_with_mask,
    pool_with_positions,
)


class Encoder(nn.Module):
    """What decoders may rely on.

    Attributes:
        channels: Number of features per level, finest first.
        strides: Pixels per cell of each level, finest first, each a power of two.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]


class UNetEncoder(Encoder):
    """Pairs of 3x3 convolutions with 2x2 max-pooling between: strides 1, 2, 4, ...

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, https://arxiv.org/abs/1505.04597
    (with BatchNorm and with padding, so that maps keep the size of the image).

    Args:
        inputs: Channels of the image.
        width: 1.0 is the paper's: 64, 128, 256, 512, 1024.
        depth: Number of levels; the paper's 5 reaches stride 16.
    """

    def __init__(self, inputs: int, width: float = 1.0, depth: int = 5) -> None:
        super().__init__()
        self.channels = tuple(scaled(64 * 2**level, width) for level in range(depth))
        self.strides = tuple(2**level for level in range(depth))
        self.levels = nn.ModuleList(
            nn.Sequential(ConvBlock(before, after), ConvBlock(after, after))
            for before, after in zip((inputs, *self.channels), self.channels, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        features = [self.levels[0](x)]
        for level in self.levels[1:]:
            features.append(level(F.max_pool2d(features[-1], 2)))
        return features


class VGG16Encoder(Encoder):
    """The 13 convolutions of VGG-16; `forward` gives what stands before each pooling.

    Source: Simonyan, Zisserman, "Very Deep Convolutional Networks", ICLR 2015,
    https://arxiv.org/abs/1409.1556; as SegNet's encoder (with BatchNorm): Badrinarayanan, Kendall,
    Cipolla, IEEE PAMI 39(12), 2017, https://arxiv.org/abs/1511.00561

    Args:
        inputs: Channels of the image.
        width: 1.0 is the paper's: 64, 128, 256, 512, 512.
        depth: Number of levels, 1 to 5.
    """

    def __init__(self, inputs: int, width: float = 1.0, depth: int = 5) -> None:
        super().__init__()
        self.channels = tuple(scaled(min(64 * 2**level, 512), width) for level in range(depth))
        self.strides = tuple(2**level for level in range(depth))
        self.levels = nn.ModuleList()
        before = inputs
        for after, count in zip(self.channels, VGG16_CONVOLUTIONS, strict=False):
            blocks = [ConvBlock(before if k == 0 else after, after) for k in range(count)]
            self.levels.append(nn.Sequential(*blocks))
            before = after

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        features = [self.levels[0](x)]
        for level in self.levels[1:]:
            features.append(level(F.max_pool2d(features[-1], 2)))
        return features


class SegNetEncoder(VGG16Encoder):
    """VGG-16 that hands on where its maxima stood instead of its features.

    Its `strides` are those after each pooling: 2, 4, ... 32.

    Attributes:
        masks: Tell the places as masks instead of indices: the same, for runtimes that know no
            unpooling by indices.
    """

    masks = False

    def __init__(self, inputs: int, width: float = 1.0, depth: int = 5) -> None:
        super().__init__(inputs, width, depth)
        self.strides = tuple(2 ** (level + 1) for level in range(depth))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the places of all maxima, finest level first, and the last pooled features."""
        pool = pool_with_mask if self.masks else pool_with_positions
        positions = []
        for level in self.levels:
            x, where = pool(level(x))
            positions.append(where)
        return [*positions, x]


class ResidualEncoder(Encoder):
    """ResNet of basic blocks; with the defaults it is ResNet-18: strides 2, 4, 8, 16, 32.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    https://arxiv.org/abs/1512.03385

    Args:
        inputs: Channels of the image.
        width: 1.0 is the paper's: 64, 64, 128, 256, 512.
        depth: Number of levels, the stem included.
        blocks: Residual blocks per level; 2 is ResNet-18.
        detail: Channels of one more level at stride 1, a single convolution of the image, for
            structures that are thinner than the first stride; 0 leaves it out.
    """

    def __init__(
        self, inputs: int, width: float = 1.0, depth: int = 5, blocks: int = 2, detail: int = 0
    ) -> None:
        super().__init__()
        stages = [scaled(64 * 2**level, width) for level in range(depth - 1)]
        self.channels = (scaled(64, width), *stages)
        self.strides = tuple(2 ** (level + 1) for level in range(depth))
        pyramid = self.channels
        self.detail = ConvBlock(inputs, detail) if detail else None
        if detail:
            self.channels, self.strides = (detail, *self.channels), (1, *self.strides)
        self.stem = ConvBlock(inputs, pyramid[0], kernel=7, stride=2)
        self.levels = nn.ModuleList()
        for level, (before, after) in enumerate(zip(pyramid, stages, strict=False)):
            first = ResidualBlock(before, after, stride=1 if level == 0 else 2)
            rest = (ResidualBlock(after, after) for _ in range(blocks - 1))
            self.levels.append(nn.Sequential(first, *rest))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        features = [] if self.detail is None else [self.detail(x)]
        features.append(self.stem(x))
        x = F.max_pool2d(features[-1], 3, stride=2, padding=1)
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features
