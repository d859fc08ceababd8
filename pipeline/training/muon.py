"""Muon: momentum whose every direction counts the same, for the kernels within a network.

K. Jordan et al. Muon: an optimizer for hidden layers in neural networks. 2024.
https://kellerjordan.github.io/posts/muon/
The size of a step is that of J. Liu et al. Muon is scalable for LLM training. 2025, section 2.2,
https://arxiv.org/abs/2502.16982: with it a learning rate means what it means to Adam.

``torch.optim.Muon`` takes matrices alone, and no learning rate that a captured graph reads.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

_STEPS = 5
_CUBIC, _QUINTIC, _LINEAR = -4.7750, 2.0315, 3.4445
"""Of Newton and Schulz's iteration, as the authors tuned it: singular values end near 1, at 0.7
to 1.2."""

_RMS = 0.2
"""Root mean square of an update before the rate, about that of Adam's."""

_MOST_IMAGE_CHANNELS = 4
"""Three colours and a noise map: a kernel from or to an image is no matrix of features."""


class Muon(torch.optim.Optimizer):
    """Orthogonalise the momentum of each kernel, taken as a matrix with a row a feature map.

    Args:
        kernels: Weights of two dimensions or more.
        momentum: Share of the running mean of gradients that stays at each step; Nesterov's.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], momentum: float) -> None:
        super().__init__(kernels, {"lr": 1.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move each kernel against its orthogonalised momentum.

        Args:
            closure: None: gradients are there.
        """
        del closure
        for group in self.param_groups:
            alike = defaultdict(list)
            for kernel in group["params"]:
                if kernel.grad is not None:
                    alike[kernel.shape].append(kernel)
            for kernels in alike.values():
                self._move(kernels, group["lr"], group["momentum"])

    def _move(self, kernels: Sequence[nn.Parameter], rate: float | Tensor, momentum: float) -> None:
        # Kernels of one shape are one batch of matrices: a network has few shapes.
        ahead = torch.stack([self._ahead(kernel, momentum).flatten(1) for kernel in kernels])
        size = _RMS * math.sqrt(max(ahead.shape[1:]))
        for kernel, update in zip(kernels, orthogonalised(ahead), strict=True):
            kernel.sub_(update.reshape(kernel.shape) * (rate * size))

    def _ahead(self, kernel: nn.Parameter, momentum: float) -> Tensor:
        gradient = kernel.grad
        if gradient is None:
            raise ValueError("a kernel without a gradient has no momentum")
        state = self.state[kernel]
        if not state:
            state["mean"] = torch.zeros_like(kernel)
        mean: Tensor = state["mean"]
        mean.lerp_(gradient, 1 - momentum)
        return gradient.lerp(mean, momentum)


def is_within(weights: nn.Parameter) -> bool:
    """Tell whether these are weights from features to features, not a bias, nor of an image."""
    return weights.dim() > 1 and min(weights.shape[:2]) > _MOST_IMAGE_CHANNELS


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return about the nearest matrices whose rows, or columns, are orthonormal.

    Args:
        matrices: ``(N, rows, columns)``, of any scale.

    Returns:
        The same shape; singular values of about 1, those of nearly 0 less.
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if is_tall else matrices
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-12)
    for _ in range(_STEPS):
        square = found @ found.mT
        found = _LINEAR * found + (_CUBIC * square + _QUINTIC * square @ square) @ found
    nearest: Tensor = found.mT if is_tall else found
    return nearest
