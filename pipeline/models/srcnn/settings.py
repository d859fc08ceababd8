"""Settings of SRCNN: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from pipeline.models.parts.settings import Model


class SRCNN(Model):
    """Three-layer super-resolution network."""

    widths: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
    """Feature maps of the first and of the second layer: 64 and 32 in the paper."""
    kernels: Annotated[list[PositiveInt], Field(min_length=3, max_length=3)]
    """Sides of the kernels, odd: 9, 1 or 3 or 5, and 5 in the paper."""
    initial: Literal["paper", "he"]
    """First weights: from N(0, 0.001) as in the paper, or He's, which learn soon."""
    residual: bool
    """Whether the interpolated image is added to the output, which the paper does not."""

    @field_validator("kernels")
    @classmethod
    def _are_odd(cls, kernels: list[int]) -> list[int]:
        if any(side % 2 == 0 for side in kernels):
            raise ValueError(f"expected three odd sides, so that a kernel has a centre: {kernels}")
        return kernels

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 1 + sum(side - 1 for side in self.kernels)
