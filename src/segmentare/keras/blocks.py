"""The blocks that every encoder and decoder is built from."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from segmentare.keras.layers import BatchNorm, Depthwise, EverySecond, Tensor
from segmentare.models.architecture import LITE_EPSILON, Stage


class Blocks:
    """Makes layers under the names that their weights have in a model folder.

    Args:
        seed: Of the fresh weights.
        dtype: Policy of Keras: `float32`, or `mixed_bfloat16`, which computes in bfloat16.
        folded: Leave BatchNorms out and give the convolutions a bias, for weights that
            `weights.fold` made.

    Attributes:
        norms: The name of the BatchNorm (there or folded) by that of its convolution.
        epsilons: What each BatchNorm (there or folded) adds to the variance, by its name.
    """

    def __init__(self, seed: int | None, dtype: str = "float32", *, folded: bool = False) -> None:
        self._random = np.random.default_rng(seed)
        self.dtype = dtype
        self.folded = folded
        self.norms: dict[str, str] = {}
        self.epsilons: dict[str, float] = {}

    def seed(self) -> int:
        """Return the next layer's seed: Keras gives equal weights to layers of equal seeds."""
        return int(self._random.integers(2**31))

    def conv_norm(
        self,
        x: Tensor,
        outputs: int,
        names: tuple[str, str],
        kernel: int = 3,
        stride: int = 1,
        *,
        gamma: str = "ones",
    ) -> Tensor:
        """Apply a convolution without bias and a BatchNorm; the size is kept (up to `stride`).

        Weights are drawn as Kaiming does.
        Source: He et al., "Delving Deep into Rectifiers", ICCV 2015,
        https://arxiv.org/abs/1502.01852
        """
        if stride > 1 and kernel > 1:
            x = self._padded(x, kernel)
        elif stride > 1:
            x, stride = self.apply(EverySecond, x), 1
        x = keras.layers.Conv2D(
            outputs,
            kernel,
            stride,
            padding="same" if stride == 1 else "valid",
            use_bias=self.folded,
            kernel_initializer=self._kaiming(),
            name=names[0],
            dtype=self.dtype,
        )(x)
        return self._norm(x, names, gamma)

    def _padded(self, x: Tensor, kernel: int) -> Tensor:
        """Pad for a stride of 2; Keras' "same" would put the odd row at the bottom."""
        above = kernel // 2
        pads = (above, above - 1)
        return keras.layers.ZeroPadding2D((pads, pads), dtype=self.dtype)(x)

    def _kaiming(self) -> Any:  # noqa: ANN401  an initializer of Keras
        scaling = keras.initializers.VarianceScaling
        return scaling(2.0, "fan_out", "untruncated_normal", seed=self.seed())

    def _norm(
        self,
        x: Tensor,
        names: tuple[str, str],
        gamma: str = "ones",
        epsilon: float = BatchNorm.EPSILON,
    ) -> Tensor:
        self.norms[names[0]], self.epsilons[names[1]] = names[1], epsilon
        if self.folded:
            return x
        return BatchNorm(gamma, epsilon, name=names[1], dtype=self.dtype)(x)

    def lite_norm(
        self, x: Tensor, outputs: int, name: str, kernel: int = 1, stride: int = 1
    ) -> Tensor:
        """Apply a convolution and a BatchNorm of an EfficientNet-Lite."""
        x = self._padded(x, kernel) if stride > 1 else x
        x = keras.layers.Conv2D(
            outputs,
            kernel,
            stride,
            padding="same" if stride == 1 else "valid",
            use_bias=self.folded,
            kernel_initializer=self._kaiming(),
            name=f"{name}.0",
            dtype=self.dtype,
        )(x)
        return self._norm(x, (f"{name}.0", f"{name}.1"), epsilon=LITE_EPSILON)

    def inverted_residual(self, x: Tensor, stage: Stage, name: str, stride: int) -> Tensor:
        """Expand, convolve each channel by itself, and project; add the input where shapes allow.

        Source: Sandler et al., "MobileNetV2", CVPR 2018, https://arxiv.org/abs/1801.04381
        """
        y, inputs = x, x.shape[-1]
        if stage.expansion > 1:
            y = self.relu6(self.lite_norm(y, inputs * stage.expansion, f"{name}.expand"))
        y = self._padded(y, stage.kernel) if stride > 1 else y
        names = (f"{name}.depthwise.0", f"{name}.depthwise.1")
        y = Depthwise(
            stage.kernel,
            stride,
            use_bias=self.folded,
            initializer=self._kaiming(),
            name=names[0],
            dtype=self.dtype,
        )(y)
        y = self.relu6(self._norm(y, names, epsilon=LITE_EPSILON))
        y = self.lite_norm(y, stage.channels, f"{name}.project")
        if stride == 1 and inputs == stage.channels:
            return keras.layers.Add(dtype=self.dtype)([x, y])
        return y

    def conv_block(
        self, x: Tensor, outputs: int, name: str, kernel: int = 3, stride: int = 1
    ) -> Tensor:
        """Apply a convolution without bias, BatchNorm, ReLU."""
        x = self.conv_norm(x, outputs, (f"{name}.0", f"{name}.1"), kernel, stride)
        return self.relu(x)

    def residual_block(self, x: Tensor, outputs: int, name: str, stride: int = 1) -> Tensor:
        """Apply two 3x3 convolutions around a shortcut: a 1x1 convolution where shapes change.

        The block starts as its shortcut alone.
        Sources: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        https://arxiv.org/abs/1512.03385; Goyal et al., "Accurate, Large Minibatch SGD", 2017,
        https://arxiv.org/abs/1706.02677 (the last BatchNorm starts at zero).
        """
        y = self.conv_block(x, outputs, f"{name}.first", stride=stride)
        y = self.conv_norm(y, outputs, (f"{name}.second", f"{name}.norm"), gamma="zeros")
        if stride > 1 or x.shape[-1] != outputs:
            names = (f"{name}.shortcut.0", f"{name}.shortcut.1")
            x = self.conv_norm(x, outputs, names, 1, stride)
        return self.relu(keras.layers.Add(dtype=self.dtype)([y, x]))

    def relu(self, x: Tensor) -> Tensor:
        """Set negative values to zero."""
        return keras.layers.ReLU(dtype=self.dtype)(x)

    def relu6(self, x: Tensor) -> Tensor:
        """Limit values to 0 to 6."""
        return keras.layers.ReLU(6.0, dtype=self.dtype)(x)

    def apply(self, layer: type[Any], *inputs: Tensor) -> Any:  # noqa: ANN401  one tensor or two
        """Apply a layer without weights and without settings."""
        return layer(dtype=self.dtype)(*inputs)
