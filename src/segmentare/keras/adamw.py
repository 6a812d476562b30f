"""AdamW as PyTorch computes it, so that a training goes the same way in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from segmentare.keras.layers import Tensor
from segmentare.training.plan import Plan

_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # PyTorch's defaults

Scalars = tuple[Tensor, Tensor, Tensor]  #: of one step: rate, corrected rate, epsilon


class AdamW:
    """Steps of variables: no decay of norms and biases, a lower rate for a pretrained encoder.

    Keras' own adds its epsilon elsewhere and takes four times as many operations.
    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
    https://arxiv.org/abs/1711.05101

    Args:
        trained: Variables of TensorFlow by name.
        plan: Decay, and the rate of an encoder with starting weights.

    Attributes:
        moments: Means of the gradients and of their squares, by name.
        done: Number of steps taken.
    """

    def __init__(self, trained: Mapping[str, Any], plan: Plan) -> None:
        self.trained = dict(trained)
        self.moments = {name: (_zeros(v), _zeros(v)) for name, v in trained.items()}
        self.done = 0
        self._decay = plan.weight_decay
        self._factor = plan.factor

    def scalars(self, rate: float) -> Scalars:
        """Begin the next step and return what `apply` needs, rounded only at the end."""
        self.done += 1
        first, second = (1 - beta**self.done for beta in _BETAS)
        corrected, epsilon = rate * second**0.5 / first, _EPSILON * second**0.5
        return tf.constant(rate), tf.constant(corrected), tf.constant(epsilon)

    def apply(self, gradients: Mapping[str, Tensor], scalars: Scalars) -> None:
        """Change the variables; may be traced."""
        rate, corrected, epsilon = scalars
        for name, gradient in gradients.items():
            variable, (mean, square) = self.trained[name], self.moments[name]
            factor = self._factor(name)
            if variable.shape.rank > 1:
                variable.assign(variable * (1 - rate * (factor * self._decay)))
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=0.0,  # the corrections are in the rate and in epsilon already
                beta2_power=0.0,
                lr=corrected * factor,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                epsilon=epsilon,
                grad=gradient,
            )

    def reset(self) -> None:
        """Forget all steps."""
        for pair in self.moments.values():
            for moment in pair:
                moment.assign(tf.zeros_like(moment))
        self.done = 0


def _zeros(like: Any) -> Any:  # noqa: ANN401  variables of TensorFlow, which is not typed
    return tf.Variable(tf.zeros_like(like), trainable=False)
