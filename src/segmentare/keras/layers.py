"""The few layers that Keras has not, or not as fast, or not as PyTorch computes them.

All features are (N, H, W, C), the layout that TensorFlow computes fastest in on a CPU.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

Tensor = Any  # a tf.Tensor, or a symbolic one of Keras while a network is built


class BatchNorm(keras.layers.Layer):
    """Normalizes each channel over batch and pixels; four times as fast as Keras' own on a CPU.

    It keeps running statistics as PyTorch does: each batch counts 0.1, and the variance is the
    unbiased one, which TensorFlow's fused operation returns and Keras' own layer does not.
    Source: Ioffe, Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167

    Args:
        gamma: What the factors start as: `ones` or `zeros`.
        epsilon: Added to the variance.
        name: Of the layer.
        dtype: Policy of Keras.

    Attributes:
        fixed: Normalize by the running statistics in training, too, and leave them as they are.
    """

    MOMENTUM = 0.1
    EPSILON = 1e-5

    def __init__(self, gamma: str = "ones", epsilon: float = EPSILON, **options: Any) -> None:  # noqa: ANN401  Keras' own
        super().__init__(**options)
        self._first_gamma = gamma
        self.epsilon = epsilon
        self.fixed = False

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights; the counter of batches is PyTorch's and changes nothing."""
        one = (shape[-1],)

        def weight(name: str, start: str, *, trained: bool) -> Any:  # noqa: ANN401  a variable
            return self.add_weight(
                name=name, shape=one, initializer=start, trainable=trained, autocast=False
            )

        self.gamma = weight("gamma", self._first_gamma, trained=True)
        self.beta = weight("beta", "zeros", trained=True)
        self.moving_mean = weight("moving_mean", "zeros", trained=False)
        self.moving_variance = weight("moving_variance", "ones", trained=False)
        self.batches = self.add_weight(
            name="batches", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001  Keras' own
        """Normalize by the batch while training, else by the running statistics."""
        training = bool(training) and not self.fixed
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.convert_to_tensor(self.moving_mean),
            variance=tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept.assign_add(self.MOMENTUM * (new - kept))
            self.batches.assign_add(1)
        return y

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape that comes in."""
        return shape


class Depthwise(keras.layers.Layer):
    """Convolves each channel by itself.

    Its kernel is (height, width, 1, channels), so that it turns into PyTorch's as all others do.

    Args:
        kernel: Height and width of the kernel.
        stride: Of both axes; nothing is padded where it is above 1.
        use_bias: Add a number per channel.
        initializer: Of the kernel.
        name: Of the layer.
        dtype: Policy of Keras.
    """

    def __init__(
        self,
        kernel: int,
        stride: int,
        *,
        use_bias: bool,
        initializer: Any,  # noqa: ANN401  one of Keras
        **options: Any,  # noqa: ANN401  Keras' own
    ) -> None:
        super().__init__(**options)
        self._kernel, self._stride, self.use_bias = kernel, stride, use_bias
        self._initializer = initializer

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the kernel, and the bias where there is one."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self._kernel, self._kernel, 1, shape[-1]),
            initializer=self._initializer,
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(shape[-1],), initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        """Map (N, H, W, C) to (N, H / stride, W / stride, C)."""
        kernel = tf.transpose(tf.convert_to_tensor(self.kernel), (0, 1, 3, 2))
        padding = "SAME" if self._stride == 1 else "VALID"
        y = tf.nn.depthwise_conv2d(x, kernel, (1, self._stride, self._stride, 1), padding)
        return y + tf.convert_to_tensor(self.bias) if self.use_bias else y


class PadToMultiple(keras.layers.Layer):
    """Repeats the last row and column until both sizes are whole multiples."""

    def __init__(self, multiple: int, **options: Any) -> None:  # noqa: ANN401  Keras' own
        super().__init__(**options)
        self.multiple = multiple

    def call(self, x: Tensor) -> Tensor:
        """Map (N, H, W, C) to the next multiples of H and W."""
        for axis in (1, 2):
            known = x.shape[axis]
            if known is not None and known % self.multiple == 0:
                continue
            size = tf.shape(x)[axis]
            padded = -(-size // self.multiple) * self.multiple
            x = tf.gather(x, tf.minimum(tf.range(padded), size - 1), axis=axis)
        return x


class CutToImage(keras.layers.Layer):
    """Cuts the cells that see nothing but padding off, and returns float32."""

    def __init__(self, stride: int, **options: Any) -> None:  # noqa: ANN401  Keras' own
        super().__init__(**options)
        self.stride = stride

    def call(self, maps: Tensor, image: Tensor) -> Tensor:
        """Map (N, h, w, C) to (N, ceil(H / stride), ceil(W / stride), C) of the image."""
        size = tf.shape(image)
        rows, columns = (-(-size[axis] // self.stride) for axis in (1, 2))
        return tf.cast(maps[:, :rows, :columns], tf.float32)


class EverySecond(keras.layers.Layer):
    """Keeps every second row and column, from the first on.

    A 1x1 convolution of stride 2 is this and one of stride 1. Asked for as one operation, its
    gradient in TensorFlow 2.21 with oneDNN writes beyond its memory, and the process dies.
    """

    def call(self, x: Tensor) -> Tensor:
        """Map (N, H, W, C) to (N, ceil(H / 2), ceil(W / 2), C)."""
        return x[:, ::2, ::2]


class Double(keras.layers.Layer):
    """Repeats cells 2x2.

    In training its gradient is a sum of 2x2, faster than TensorFlow's own in bfloat16; graphs that
    are exported do without it, since an own gradient cannot be written into a file.
    """

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001  Keras' own
        """Map (N, H, W, C) to (N, 2 H, 2 W, C)."""
        return _double(x) if training else _repeated(x)


@tf.custom_gradient
def _double(x: Tensor) -> Any:  # noqa: ANN401  the tensor and its gradient
    def gradient(upstream: Tensor) -> Tensor:
        return 4 * tf.nn.avg_pool2d(upstream, 2, 2, "VALID")

    return _repeated(x), gradient


def _repeated(x: Tensor) -> Tensor:
    size = tf.shape(x)
    return tf.image.resize(x, (2 * size[1], 2 * size[2]), method="nearest")


class PoolWithPositions(keras.layers.Layer):
    """Halves by 2x2 max-pooling and says where each maximum stood.

    Written with `space_to_depth`, which is as fast as TensorFlow's own pooling with indices, has a
    gradient everywhere and exists in LiteRT.
    """

    def call(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, H, W, C), H and W even, to its maxima and to 0 to 3: place of the first one."""
        a, b, c, d = tf.split(tf.nn.space_to_depth(x, 2), 4, axis=-1)
        top, bottom = tf.maximum(a, b), tf.maximum(c, d)
        zero = tf.zeros_like(a, tf.int32)
        left, right = tf.where(a >= b, zero, zero + 1), tf.where(c >= d, zero + 2, zero + 3)
        return tf.maximum(top, bottom), tf.where(top >= bottom, left, right)


class Unpool(keras.layers.Layer):
    """Doubles: each value returns to where its maximum stood, zeros elsewhere.

    Source: Badrinarayanan, Kendall, Cipolla, "SegNet", IEEE PAMI 39(12), 2017,
    https://arxiv.org/abs/1511.00561
    """

    def call(self, x: Tensor, positions: Tensor) -> Tensor:
        """Map (N, H, W, C) and what `PoolWithPositions` returned to (N, 2 H, 2 W, C)."""
        zero = tf.zeros_like(x)
        parts = [tf.where(positions == place, x, zero) for place in range(4)]
        return tf.nn.depth_to_space(tf.concat(parts, axis=-1), 2)
