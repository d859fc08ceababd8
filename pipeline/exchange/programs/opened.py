"""What a file of a network becomes when it is opened, whatever runs it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Opened:
    """A network that runs.

    Args:
        run: Takes and gives batches ``(N, C, H, W)``, whatever the file takes at once.
        channels: Of its input, a noise map included, if the file says it.
        size: Height and width of its input, if it takes no others.
        scale: How many times larger its output is, if the file says it.
        multiple: What the sides of its input must be multiples of, in pixels, as far as the file
            says it.
    """

    run: Callable[[Tensor], Tensor]
    channels: int | None
    size: tuple[int, int] | None
    scale: int | None = None
    multiple: int = 1
