"""A program in the form of our networks: the same images in, the same images out."""

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn

from pipeline.exchange.programs import ProgramError


class ForeignNetwork(nn.Module):
    """Bring images in [0, 1] to what a program takes, and what it gives back to [0, 1].

    Args:
        run: The program, from batch to batch ``(N, C, H, W)``.
        black: What 0 is to it.
        white: What 1 is to it.
        reversed_channels: Whether its images are BGR.
        scale: How many times larger its output is.
        noise_map: Whether the last channel of the input is a noise level.
    """

    def __init__(
        self,
        run: Callable[[Tensor], Tensor],
        *,
        black: float,
        white: float,
        reversed_channels: bool,
        scale: int,
        noise_map: bool,
    ) -> None:
        super().__init__()
        self._run = run
        self._black, self._white = black, white
        self._reversed = reversed_channels
        self._scale = scale
        self._noise_map = noise_map

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore a batch.

        Args:
            degraded: ``(N, C, H, W)`` in [0, 1] up to noise, the noise map behind it if the
                program takes one.

        Returns:
            Restored batch, ``(N, C, S * H, S * W)``, not clipped.

        Raises:
            ProgramError: What comes out is no such batch.
        """
        span = self._white - self._black
        channels = degraded.shape[1] - self._noise_map
        given = degraded * span
        # The map is a difference: what black is does not move it.
        given[:, :channels] += self._black
        if self._reversed:
            given[:, :channels] = given[:, :channels].flip(1)
        restored = self._run(given.contiguous())
        number, _, height, width = degraded.shape
        expected = (number, channels, self._scale * height, self._scale * width)
        if tuple(restored.shape) != expected:
            raise ProgramError(
                f"gives a batch of {_size(restored.shape)} for one of {_size(degraded.shape)}; "
                f"expected {_size(expected)}"
            )
        if self._reversed:
            restored = restored.flip(1)
        return (restored - self._black) / span

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: the program holds nothing that could be copied, or changed."""
        return self


def _size(shape: Any) -> str:  # noqa: ANN401  (torch's and our own)
    return "x".join(str(int(side)) for side in shape)
