"""EfficientNet-Lite: an encoder that is small and fast on a CPU, and has ImageNet weights.

Source: Tan, Le, "EfficientNet", ICML 2019, https://arxiv.org/abs/1905.11946, and its Lite variants,
without squeeze-and-excitation and with ReLU6:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.models.architecture import LITE_EPSILON, LITE_STEM, NetworkSpec, lite_levels, scaled
from segmentare.networks.encoders import Encoder
from segmentare.networks.layers import ConvBlock


class Depthwise(nn.Conv2d):
    """Convolves each channel by itself, with gradients that are fast on a CPU; see `_Gradients`."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H / stride, W / stride), rounded up."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        result: Tensor = _Gradients.apply(x, self.weight, self.stride[0])  # type: ignore[no-untyped-call]
        return result


class _Gradients(torch.autograd.Function):
    """A depthwise convolution of 3x3 or 5x5 whose gradients avoid what oneDNN is slow at.

    oneDNN 3.12 has no fast gradient of 5x5 weights nor, in bfloat16, of images under a stride of 2:
    10 to 30 ms where others take 0.1. So the gradient of 5x5 weights is put together from those of
    four 3x3 ones, which overlap in the middle, and that of images under a stride is made in
    float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:  # noqa: ANN401
        y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))
        ctx.save_for_backward(x.to(y.dtype), weight)
        ctx.stride, ctx.dtype = stride, x.dtype
        return y

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        stride, pad = ctx.stride, weight.shape[-1] // 2
        slope = slope.contiguous(memory_format=torch.channels_last)
        of_x, of_weight = None, None
        if ctx.needs_input_grad[0]:
            wide = slope.float() if stride > 1 else slope
            of_x = _gradient(0, x.to(wide.dtype), weight, wide, (stride, pad)).to(ctx.dtype)
        if ctx.needs_input_grad[1]:
            small = pad == 1
            of_weight = (
                _gradient(1, x, weight, slope, (stride, 1))
                if small
                else _gradient_of_5x5(x, weight, slope, stride)
            ).to(weight.dtype)
        return of_x, of_weight, None


def _gradient(
    which: int, x: Tensor, weight: Tensor, slope: Tensor, stride_and_pad: tuple[int, int]
) -> Tensor:
    """Return the gradient of x (0) or of the weight (1), as PyTorch computes it."""
    stride, pad = stride_and_pad
    mask = [which == 0, which == 1, False]
    found = torch.ops.aten.convolution_backward(
        slope,
        x,
        weight.to(slope.dtype),
        None,
        [stride] * 2,
        [pad] * 2,
        [1, 1],
        False,  # noqa: FBT003  not transposed
        [0, 0],
        len(weight),
        mask,
    )
    result: Tensor = found[which]
    return result


def _gradient_of_5x5(x: Tensor, weight: Tensor, slope: Tensor, stride: int) -> Tensor:
    padded = F.pad(x, (2, 2, 2, 2))
    rows, columns = (stride * (side - 1) + 3 for side in slope.shape[-2:])
    corner = weight[:, :, :3, :3].contiguous(memory_format=torch.channels_last)
    result = torch.empty_like(weight, dtype=torch.float32)
    for top in (0, 2):
        for left in (0, 2):
            part = padded[:, :, top : top + rows, left : left + columns]
            part = part.contiguous(memory_format=torch.channels_last)
            found = _gradient(1, part, corner, slope, (stride, 0))
            result[:, :, top : top + 3, left : left + 3] = found
    return result


class ConvNorm(nn.Sequential):
    """Convolution without bias, BatchNorm, and ReLU6 unless it is `linear`; symmetric padding.

    TensorFlow pads even sizes at the right and the bottom only, which samples the same features
    half a cell further; only those at the border differ.
    """

    def __init__(self, convolution: nn.Conv2d, *, linear: bool = False) -> None:
        norm = nn.BatchNorm2d(convolution.out_channels, LITE_EPSILON)
        super().__init__(convolution, norm, *(() if linear else (nn.ReLU6(inplace=True),)))


class InvertedResidual(nn.Module):
    """Expands, convolves each channel by itself, and projects; adds its input where shapes allow.

    Source: Sandler et al., "MobileNetV2", CVPR 2018, https://arxiv.org/abs/1801.04381
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion > 1:
            self.expand: nn.Module = ConvNorm(nn.Conv2d(inputs, inner, 1, bias=False))
        else:
            self.expand = nn.Identity()
        self.depthwise = ConvNorm(Depthwise(inner, kernel, stride))
        self.project = ConvNorm(nn.Conv2d(inner, outputs, 1, bias=False), linear=True)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


class LiteEncoder(Encoder):
    """EfficientNet-Lite: the features before each halving, strides 2, 4, 8, 16, 32.

    Args:
        spec: Names the variant and its width, depth and image channels; with `detail` there is one
            more level at stride 1, a single convolution of the image.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        table = lite_levels(spec)
        self.channels = tuple(stages[-1].channels for stages in table)
        self.strides = tuple(2 ** (level + 1) for level in range(len(table)))
        self.detail = ConvBlock(spec.channels, spec.detail) if spec.detail else None
        if spec.detail:
            self.channels, self.strides = (spec.detail, *self.channels), (1, *self.strides)
        before = scaled(LITE_STEM, spec.width)
        self.stem = ConvNorm(nn.Conv2d(spec.channels, before, 3, 2, padding=1, bias=False))
        self.levels = nn.ModuleList()
        for stages in table:
            blocks = []
            for stage in stages:
                for index in range(stage.repeats):
                    stride = 1 if index else stage.stride
                    blocks.append(
                        InvertedResidual(
                            before, stage.channels, stage.kernel, stride, stage.expansion
                        )
                    )
                    before = stage.channels
            self.levels.append(nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        features = [] if self.detail is None else [self.detail(x)]
        x = self.stem(x)
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features
