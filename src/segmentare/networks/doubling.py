"""A 3x3 convolution over cells that are repeated 2x2, computed as one transposed convolution.

Each cell that was repeated meets several of the nine weights. Where these are added up beforehand,
a value takes 4 multiplications per channel instead of 9, and the repeated cells are never written
down. The result is the same up to rounding. Source: Shi et al., "Is the deconvolution layer the
same as a convolutional layer?", 2016, https://arxiv.org/abs/1609.07009, read backwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (the name every PyTorch reader knows)
from torch import Tensor, nn

# Which of three mirrored weights add up to each of four: repeating is convolving with (1, 1).
_SUMS = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0))


def doubling_kernel(weight: Tensor) -> Tensor:
    """Return the weights for `conv_transpose2d(x, ..., stride=2, padding=1)`.

    Args:
        weight: Of a 3x3 convolution with padding 1 that follows the repeating, (outputs, inputs, 3,
            3).

    Returns:
        (inputs, outputs, 4, 4), in the channels_last layout.
    """
    sums = weight.new_tensor(_SUMS)
    kernel = torch.einsum("ak,bl,oikl->ioab", sums, sums, weight.flip(2, 3))
    return kernel.contiguous(memory_format=torch.channels_last)


def double_and_convolve(x: Tensor, skip: Tensor | None, weight: Tensor) -> Tensor:
    """Convolve coarse features, repeated 2x2, and fine ones as if they were concatenated.

    Args:
        x: Coarse features (N, inputs, H, W).
        skip: Fine features (N, others, 2 H, 2 W).
        weight: Of the 3x3 convolution, (outputs, inputs + others, 3, 3).

    Returns:
        (N, outputs, 2 H, 2 W), without a bias.
    """
    inputs = x.shape[1]
    with torch.autocast(x.device.type, enabled=False):  # sums are rounded once, at the end
        kernel = doubling_kernel(weight[:, :inputs])
    result = F.conv_transpose2d(x, kernel, stride=2, padding=1)
    return result if skip is None else result.add_(F.conv2d(skip, weight[:, inputs:], padding=1))


class DoublingConvolution(nn.Module):
    """`double_and_convolve` for prediction, with the sums of its weights made once.

    Args:
        convolution: The 3x3 convolution over the concatenated features, with a bias.
        inputs: How many of its channels are the coarse features'.
    """

    def __init__(self, convolution: nn.Conv2d, inputs: int) -> None:
        super().__init__()
        weight, others = convolution.weight.detach(), convolution.in_channels - inputs
        outputs = convolution.out_channels
        self.coarse = nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1, device="meta")
        self.coarse.weight = _fixed(doubling_kernel(weight[:, :inputs]))
        self.coarse.bias = convolution.bias
        self.fine: nn.Module | None = None
        if others:
            self.fine = nn.Conv2d(others, outputs, 3, padding=1, bias=False, device="meta")
            self.fine.weight = _fixed(weight[:, inputs:].clone())

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """Map (N, inputs, H, W) and (N, others, 2 H, 2 W) to (N, outputs, 2 H, 2 W)."""
        result: Tensor = self.coarse(x)
        return result if self.fine is None else result.add_(self.fine(skip))


def _fixed(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)
