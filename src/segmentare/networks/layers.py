"""The few layers that every encoder and decoder is built from."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (the name every PyTorch reader knows)
from torch import Tensor, nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class ConvBlock(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU; the size is kept (up to `stride`)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Shortcut(nn.Conv2d):
    """A 1x1 convolution with a stride, whose gradient is safe.

    With few channels, oneDNN's gradient of such a convolution writes beyond its memory (PyTorch
    2.13 and TensorFlow 2.21: the process dies). In training the cells between are left out first.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride), rounded up."""
        if not self.training:
            return super().forward(x)
        rows, columns = self.stride
        return F.conv2d(x[:, :, ::rows, ::columns], self.weight, self.bias)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, which is a 1x1 convolution where shapes change.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    https://arxiv.org/abs/1512.03385
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvBlock(inputs, outputs, stride=stride)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                Shortcut(inputs, outputs, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return F.relu(self.norm(self.second(self.first(x))) + self.shortcut(x), inplace=True)


def pool_with_positions(x: Tensor) -> tuple[Tensor, Tensor]:
    """Halve (N, C, H, W) by 2x2 max-pooling and say where each maximum stood.

    Returns:
        The pooled features (N, C, H / 2, W / 2) and the indices that `unpool` takes, of the same
        shape, int64: row * W + column of the first maximum. H and W must be even.
    """
    pooled, positions = F.max_pool2d(x, 2, return_indices=True)
    return pooled, positions


def pool_with_mask(x: Tensor) -> tuple[Tensor, Tensor]:
    """Do as `pool_with_positions`, without indices: these are slow or unknown outside PyTorch.

    Returns:
        The pooled features (N, C, H / 2, W / 2) and a mask (N, C, H, W) for `unpool`, true where
        the first maximum of each 2x2 window stood.
    """
    pooled = F.max_pool2d(x, 2)
    ranks = x.new_tensor([[[[4, 3], [2, 1]]]])  # the first of several equal ones has the highest
    rank = F.conv_transpose2d(torch.ones_like(pooled[:, :1]), ranks, stride=2)
    largest = torch.where(x == _repeat(pooled), rank, 0.0)
    return pooled, largest == _repeat(F.max_pool2d(largest, 2))


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """Double (N, C, H, W): each value returns to where its maximum stood, zeros elsewhere.

    Source: Badrinarayanan, Kendall, Cipolla, "SegNet", IEEE PAMI 39(12), 2017,
    https://arxiv.org/abs/1511.00561

    Args:
        x: The values.
        where: What `pool_with_positions` or `pool_with_mask` returned.
    """
    if where.dtype == torch.bool:
        return torch.where(where, _repeat(x), 0.0)
    return F.max_unpool2d(x, where, [2, 2])


def _repeat(x: Tensor) -> Tensor:
    """Repeat every cell 2x2."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def initialize(module: nn.Module) -> None:
    """Draw fresh weights: Kaiming for convolutions, and residual blocks that start as identity.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, https://arxiv.org/abs/1502.01852;
    Goyal et al., "Accurate, Large Minibatch SGD", 2017, https://arxiv.org/abs/1706.02677 (the last
    BatchNorm of a residual block starts at zero).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    for block in module.modules():
        if isinstance(block, ResidualBlock):
            nn.init.zeros_(block.norm.weight)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of (N, C, H, W) until both sizes are whole multiples.

    Repeating works for any size from 1 on, where mirroring needs more pixels than it adds.
    """
    height, width = x.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return x
    padded: Tensor = F.pad(x, (0, right, 0, down), mode="replicate")
    if x.is_contiguous(memory_format=torch.channels_last):
        return padded.contiguous(memory_format=torch.channels_last)
    return padded


def channels_last(module: ModuleT) -> ModuleT:
    """Bring a module's weights into the memory layout that CPUs and GPUs compute fastest in."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
