"""Whether an exported network computes what the network does that it came from."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipeline.exchange.exporting import ExportError
from pipeline.exchange.exporting.capturing import channels_of
from pipeline.models.parts.settings import Model

TOLERANCE = 1e-4
"""Largest difference, on images in [0, 1]; of the largest value where that is more."""


def check(exported: Callable[[Tensor], Tensor], network: nn.Module, model: Model) -> float:
    """Compare an exported network with its original on images of several sizes.

    Args:
        exported: What was read back from the file.
        network: The original, in evaluation mode, on the CPU.
        model: Its settings.

    Returns:
        The largest difference.

    Raises:
        ExportError: They differ, or the exported one fails at some size.
    """
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for shape in _shapes(model):
        batch = torch.rand(shape, generator=generator)
        with torch.no_grad():
            expected = network(batch)
            try:
                found = exported(batch)
            except Exception as error:  # two runtimes with exceptions of their own
                raise _refusal(shape, f"fails: {str(error).splitlines()[0]}") from error
        if found.shape != expected.shape:
            sizes = f"{tuple(found.shape)} instead of {tuple(expected.shape)}"
            raise _refusal(shape, f"gives a batch of {sizes}")
        difference = float((found - expected).abs().max())
        allowed = TOLERANCE * max(1.0, float(expected.abs().max()))
        if not difference <= allowed:  # NaN is no agreement
            raise _refusal(
                shape, f"differs from the network by {difference:.2g}, more than {allowed:.2g}"
            )
        worst = max(worst, difference)
    return worst


def _refusal(shape: tuple[int, ...], what: str) -> ExportError:
    size = "x".join(map(str, shape))
    return ExportError(f"the exported network {what}, for a batch of {size}; no file was left")


def _shapes(model: Model) -> list[tuple[int, int, int, int]]:
    """Return the smallest batch, odd ones, and such as fit the grid of the network."""
    grid = model.multiple
    one, other = (1, 2) if model.channels == "shared" else (None, None)
    return [
        (1, channels_of(model, one), grid, grid),
        (1, channels_of(model), grid + 32, grid + 21),
        (2, channels_of(model, other), 2 * grid + 15, grid + 30),
        (3, channels_of(model, one), 2 * grid, 3 * grid),
    ]
