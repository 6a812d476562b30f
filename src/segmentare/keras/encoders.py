"""Encoders: an image in, features of growing stride out; the same as in `networks.encoders`."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from segmentare.keras.blocks import Blocks
from segmentare.keras.layers import PoolWithPositions, Tensor
from segmentare.models.architecture import (
    LITE_FACTORS,
    LITE_STEM,
    VGG16_CONVOLUTIONS,
    NetworkSpec,
    lite_levels,
    scaled,
)


@dataclass(frozen=True)
class Features:
    """What an encoder gives, finest level first.

    Attributes:
        levels: Features, or for SegNet the positions of its maxima.
        strides: Pixels per cell of each level.
        channels: Of each level.
        last: For SegNet the coarsest features, pooled; else the last of `levels`.
    """

    levels: list[Tensor]
    strides: tuple[int, ...]
    channels: tuple[int, ...]
    last: Tensor


def plain(blocks: Blocks, x: Tensor, spec: NetworkSpec) -> Features:
    """Apply pairs of 3x3 convolutions with 2x2 max-pooling between: strides 1, 2, 4, ...

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, https://arxiv.org/abs/1505.04597
    """
    channels = [scaled(64 * 2**level, spec.width) for level in range(spec.depth)]
    return _pyramid(blocks, x, channels, (2,) * spec.depth)


def vgg(blocks: Blocks, x: Tensor, spec: NetworkSpec) -> Features:
    """Apply the 13 convolutions of VGG-16; each level is what stands before its pooling.

    Source: Simonyan, Zisserman, "Very Deep Convolutional Networks", ICLR 2015,
    https://arxiv.org/abs/1409.1556
    """
    channels = [scaled(min(64 * 2**level, 512), spec.width) for level in range(spec.depth)]
    return _pyramid(blocks, x, channels, VGG16_CONVOLUTIONS[: spec.depth])


def _pyramid(blocks: Blocks, x: Tensor, channels: list[int], counts: tuple[int, ...]) -> Features:
    levels: list[Tensor] = []
    for level, (width, count) in enumerate(zip(channels, counts, strict=True)):
        if level:
            x = keras.layers.MaxPooling2D(2, dtype=blocks.dtype)(x)
        for k in range(count):
            x = blocks.conv_block(x, width, f"encoder.levels.{level}.{k}")
        levels.append(x)
    strides = tuple(2**level for level in range(len(channels)))
    return Features(levels, strides, tuple(channels), x)


def segnet(blocks: Blocks, x: Tensor, spec: NetworkSpec) -> Features:
    """Apply VGG-16, handing on where its maxima stood instead of its features.

    Source: Badrinarayanan, Kendall, Cipolla, "SegNet", IEEE PAMI 39(12), 2017,
    https://arxiv.org/abs/1511.00561
    """
    channels = [scaled(min(64 * 2**level, 512), spec.width) for level in range(spec.depth)]
    positions: list[Tensor] = []
    for level, (width, count) in enumerate(zip(channels, VGG16_CONVOLUTIONS, strict=False)):
        for k in range(count):
            x = blocks.conv_block(x, width, f"encoder.levels.{level}.{k}")
        x, where = blocks.apply(PoolWithPositions, x)
        positions.append(where)
    strides = tuple(2 ** (level + 1) for level in range(spec.depth))
    return Features(positions, strides, tuple(channels), x)


def resnet(blocks: Blocks, x: Tensor, spec: NetworkSpec) -> Features:
    """Apply a ResNet of basic blocks; with the defaults it is ResNet-18: strides 2, 4, ... 32.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    https://arxiv.org/abs/1512.03385
    """
    levels, strides, channels = [], [], []
    if spec.detail:
        levels.append(blocks.conv_block(x, spec.detail, "encoder.detail"))
        strides.append(1)
        channels.append(spec.detail)
    stem = scaled(64, spec.width)
    x = blocks.conv_block(x, stem, "encoder.stem", kernel=7, stride=2)
    levels.append(x)
    # Zeros stand for "nothing there": what comes out of a ReLU is never below.
    x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), dtype=blocks.dtype)(x)
    x = keras.layers.MaxPooling2D(3, 2, dtype=blocks.dtype)(x)
    widths = [scaled(64 * 2**level, spec.width) for level in range(spec.depth - 1)]
    for level, width in enumerate(widths):
        for k in range(spec.blocks):
            stride = 2 if level and not k else 1
            x = blocks.residual_block(x, width, f"encoder.levels.{level}.{k}", stride)
        levels.append(x)
    strides += [2 ** (level + 1) for level in range(spec.depth)]
    return Features(levels, tuple(strides), (*channels, stem, *widths), x)


def lite(blocks: Blocks, x: Tensor, spec: NetworkSpec) -> Features:
    """Apply an EfficientNet-Lite; each level is what stands before its halving: strides 2 to 32.

    Source: Tan, Le, "EfficientNet", ICML 2019, https://arxiv.org/abs/1905.11946
    """
    levels, strides, channels = [], [], []
    if spec.detail:
        levels.append(blocks.conv_block(x, spec.detail, "encoder.detail"))
        strides.append(1)
        channels.append(spec.detail)
    stem = scaled(LITE_STEM, spec.width)
    x = blocks.relu6(blocks.lite_norm(x, stem, "encoder.stem", kernel=3, stride=2))
    for level, stages in enumerate(lite_levels(spec)):
        strided = [(s, 1 if k else s.stride) for s in stages for k in range(s.repeats)]
        for number, (stage, stride) in enumerate(strided):
            x = blocks.inverted_residual(x, stage, f"encoder.levels.{level}.{number}", stride)
        levels.append(x)
        strides.append(2 ** (level + 1))
        channels.append(stages[-1].channels)
    return Features(levels, tuple(strides), tuple(channels), x)


ENCODERS = {"resnet": resnet, "plain": plain, "vgg": vgg, **dict.fromkeys(LITE_FACTORS, lite)}
