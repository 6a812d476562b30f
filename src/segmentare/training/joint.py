"""Sums over the batches of all processes, so that several of them compute what one would.

A loss that divides by the number of known pixels, and a BatchNorm, look at the whole batch. Where
each process holds a part of it, their sums are added up: gradients then equal those of one process
with the whole batch, up to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name every PyTorch reader knows)
from torch import Tensor, distributed, nn

from segmentare.training.neighbors import Exchange


class _Sum(torch.autograd.Function):
    """Adds up a tensor over all processes.

    Every process derives the same loss from a sum, so what flows back is the same everywhere; it
    is multiplied by the number of processes, because DistributedDataParallel takes their mean.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:  # noqa: ANN401  PyTorch's own type
        del ctx
        total = part.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        del ctx
        return gradients[0] * distributed.get_world_size()


def joint_sum(part: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, with a gradient that suits their mean."""
    total: Tensor = _Sum.apply(part)  # type: ignore[no-untyped-call]
    return total


class _Normalize(torch.autograd.Function):
    """Normalizes by the mean and the variance of the batches of all processes.

    Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167;
    PyTorch's SyncBatchNorm does the same, but on GPUs only.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        norm: JointBatchNorm,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.norm, eps = norm, norm.eps
        return F.batch_norm(x, mean, variance, weight, bias, training=False, momentum=0.0, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight, mean, variance = ctx.saved_tensors
        gradient, inverse = gradients[0], torch.rsqrt(variance + ctx.norm.eps)
        _, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            *(gradient, x, weight, mean, variance, mean, inverse),
            train=False,
            eps=ctx.norm.eps,
            output_mask=[False, True, True],
        )
        parts = ctx.norm.exchange.gather(torch.stack([for_weight, for_bias]).float())
        sums, count = parts.sum(0), x.numel() // x.shape[1] * len(parts)
        # d x = slope * gradient + tilt * x + shift, per channel
        slope = weight * inverse
        tilt = -slope * inverse * sums[0] / count
        shift = -slope * sums[1] / count - tilt * mean
        slope, tilt, shift = (v.to(x.dtype)[None, :, None, None] for v in (slope, tilt, shift))
        for_x = torch.addcmul(torch.addcmul(shift, x, tilt), gradient, slope)
        return for_x, for_weight, for_bias, None, None, None


class JointBatchNorm(nn.BatchNorm2d):
    """A BatchNorm that sees the batches of all processes; in evaluation it is an ordinary one."""

    exchange: Exchange

    @classmethod
    def like(cls, norm: nn.BatchNorm2d, exchange: Exchange) -> JointBatchNorm:
        """Return one that shares weights and statistics with an ordinary BatchNorm."""
        joint = cls(norm.num_features, norm.eps, norm.momentum, device="meta")
        joint.weight, joint.bias = norm.weight, norm.bias
        joint.running_mean, joint.running_var = norm.running_mean, norm.running_var
        joint.num_batches_tracked = norm.num_batches_tracked
        joint.exchange = exchange
        return joint.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, C, H, W), which must be of one shape in all processes."""
        if not self.training:
            return super().forward(x)
        mean, variance = self._statistics(x.detach())
        result: Tensor = _Normalize.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, mean, variance, self
        )
        return result

    @torch.no_grad()
    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the common mean and variance, and remember them for evaluation."""
        values = x.numel() // x.shape[1]
        # What PyTorch would remember is left out; its kind, float32, is that of the statistics.
        unused = torch.zeros(2, self.num_features, device=x.device)
        own = torch.stack(torch.batch_norm_update_stats(x, unused[0], unused[1], 1.0))
        means, variances = self.exchange.gather(own).unbind(1)
        mean = means.mean(0)
        variance = variances.mean(0) + means.var(0, correction=0)
        values *= len(means)
        if self.running_mean is not None and self.running_var is not None:
            share = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * (values / (values - 1)), share)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return mean, variance


def largest_message(network: nn.Module) -> int:
    """Return how many numbers a BatchNorm of a network tells at most."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    return 2 * max((norm.num_features for norm in norms), default=0)


def join_norms(network: nn.Module, exchange: Exchange) -> None:
    """Replace the BatchNorms of a network, in place; names and weights stay the same."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d and child.affine:
                setattr(parent, name, JointBatchNorm.like(child, exchange))
