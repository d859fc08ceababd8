"""Batch normalisation by the statistics of a batch that several processes share.

``torch.nn.SyncBatchNorm`` does so on GPUs alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import batch_norm

from pipeline.models.parts.dropout import Dropout
from pipeline.training.shared_batch import SharedBatch

_PIXELS = (0, 2, 3)


def share_layers(network: nn.Module, shared: SharedBatch) -> None:
    """Have the layers of a network that know of the batch take the whole one into account.

    Names of parameters and statistics stay as they are.

    Args:
        network: It is changed.
        shared: The part of this process.

    Raises:
        ValueError: It has batch normalisation of another kind than that of images.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, Dropout):
            module.samples_before = shared.first
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            if type(module) is not nn.BatchNorm2d or module.momentum is None:
                raise ValueError(
                    f"{name}: expected batch normalisation of images with a momentum, which "
                    f"several processes can share, came {module}: set resources.train.processes 1"
                )
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, SharedBatchNorm2d(module, shared))


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Normalises by the mean and the variance of all processes together.

    Args:
        like: Its parameters and statistics become those of this layer.
        shared: The part of this process.
    """

    def __init__(self, like: nn.BatchNorm2d, shared: SharedBatch) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, device="meta")
        self._parameters.update(like._parameters)
        self._buffers.update(like._buffers)
        self._shared = shared

    def forward(self, features: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)``, in evaluation by the statistics of the training."""
        if not self.training:
            return super().forward(features)
        values = features.float()
        mean, variance, count = _statistics(values.detach(), self._shared)
        with torch.no_grad():
            self.num_batches_tracked += 1  # type: ignore[operator, assignment]
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            unbiased = variance * (count / (count - 1))
            self.running_var.lerp_(unbiased, self.momentum)  # type: ignore[union-attr, arg-type]
        inverse = torch.rsqrt(variance + self.eps)
        made: Any = _Normalised.apply(  # type: ignore[no-untyped-call]
            values, self.weight, self.bias, mean, variance, inverse, count, self
        )
        return made.to(features.dtype)  # type: ignore[no-any-return]


def _statistics(values: Tensor, shared: SharedBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance of each channel, and how many values a channel has."""
    count = values.new_full((1,), values.numel() / values.shape[1])
    variance, mean = torch.var_mean(values, _PIXELS, correction=0)
    gathered = shared.of_all(torch.cat([count, mean, variance]))
    counts, means, variances = torch.split(gathered, [1, len(mean), len(mean)], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    # Sums of squares would cancel; variances and distances of means do not.
    variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
    return mean, variance, total


class _Normalised(torch.autograd.Function):
    """The layer, whose mean and variance depend on the values of every process."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        inverse: Tensor,
        count: Tensor,
        layer: SharedBatchNorm2d,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, inverse, count)
        ctx.shared = layer._shared  # type: ignore[attr-defined]
        return batch_norm(values, mean, variance, weight, bias, training=False, eps=layer.eps)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, inverse, count = ctx.saved_tensors  # type: ignore[attr-defined]
        centred = values - _of_channels(mean)
        # Of the own values: the gradients of all processes are added up later.
        of_bias = gradient.sum(_PIXELS)
        of_weight = (gradient * centred).sum(_PIXELS) * inverse
        whole_bias, whole_weight = ctx.shared.of_all(  # type: ignore[attr-defined]
            torch.stack([of_bias, of_weight])
        ).sum(0)
        scale = weight * inverse
        of_values = torch.addcmul(
            _of_channels(-scale * whole_bias / count),
            centred,
            _of_channels(-scale * inverse * whole_weight / count),
        ).addcmul_(gradient, _of_channels(scale))
        return of_values, of_weight, of_bias, None, None, None, None, None


def _of_channels(values: Tensor) -> Tensor:
    return values.reshape(1, -1, 1, 1)
