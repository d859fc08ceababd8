"""Images of any size for networks that halve them: padded to whole multiples, and cut again."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


def pad_to_multiple(batch: Tensor, multiple: int) -> Tensor:
    """Mirror the last rows and columns until both sides are multiples of ``multiple``.

    Args:
        batch: ``(N, C, H, W)``.
        multiple: What the network divides the sides by.

    Raises:
        ValueError: A side is shorter than ``multiple``.
    """
    if torch.compiler.is_exporting():
        return _mirrored(_mirrored(batch, -2, multiple), -1, multiple)
    height, width = batch.shape[-2:]
    if min(height, width) < multiple:
        raise ValueError(
            f"expected images of at least {multiple}x{multiple} pixels, the grid of the network; "
            f"came {height}x{width}"
        )
    if height % multiple == width % multiple == 0:
        return batch
    return pad(batch, (0, -width % multiple, 0, -height % multiple), mode="reflect")


def _mirrored(batch: Tensor, axis: int, multiple: int) -> Tensor:
    """Return the same along one axis, in operations that hold for images of every size.

    An exported graph has no branches, and what is known of the size of its example must not get
    into it. So the side in cells of the grid is computed as a value of the graph, of which PyTorch
    knows no more than that the image fits.
    """
    side = batch.shape[axis]
    counted = torch.full((), side + multiple - 1, dtype=torch.int64)
    cells: Any = counted.div(multiple, rounding_mode="floor").item()
    torch._check(cells >= 1)  # type: ignore[no-untyped-call]
    torch._check(cells * multiple >= side)  # type: ignore[no-untyped-call]
    last = side - 1
    positions = torch.arange(cells * multiple, device=batch.device)
    return batch.index_select(axis, last - (last - positions).abs())
