"""Settings of EDSR: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from pipeline.models.parts.settings import Model


class EDSR(Model):
    """Residual super-resolution network."""

    width: PositiveInt
    blocks: PositiveInt
    upscale: Literal[1, 2, 3, 4]
    """How many times larger the output is than the input, along each axis."""
    residual_scale: Annotated[float, Field(gt=0)]
    """Factor of each block before it is added: 1 in the paper's baseline, 0.1 in its full size."""
    mean: list[float]
    """What is taken off each channel before and added after, in [0, 1]: that of the images."""
    residual: bool
    """Whether repeated input pixels are added to the output instead, which the paper does not."""

    @model_validator(mode="after")
    def _have_a_mean_each(self) -> Self:
        together = self.channels if isinstance(self.channels, int) else 1
        if len(self.mean) != together:
            raise ValueError(
                f"expected a mean for each channel that the network sees at once, {together}; came "
                f"{self.mean}"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        layers = 2 * self.blocks + 2 + (self.upscale > 1)
        # What comes after the first shuffle sees smaller pixels, of so many of the input's.
        return 2 * layers + {1: 3, 2: 2, 3: 2, 4: 3}[self.upscale]

    @property
    def scale(self) -> int:
        """How many times larger than its input the output is, along each axis."""
        return self.upscale
