"""Images of any size for networks that halve them: padded to whole multiples, and cut again."""

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
    height, width = batch.shape[-2:]
    if min(height, width) < multiple:
        raise ValueError(
            f"expected images of at least {multiple}x{multiple} pixels, the grid of the network; "
            f"came {height}x{width}"
        )
    if height % multiple == width % multiple == 0:
        return batch
    return pad(batch, (0, -width % multiple, 0, -height % multiple), mode="reflect")
