"""Settings of EDSRDenoising: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from pipeline.models.parts.settings import Model


class EDSRDenoising(Model):
    """Residual blocks for denoising."""

    width: PositiveInt
    blocks: PositiveInt
    slope: Annotated[float, Field(ge=0, lt=1)]
    """Of the activations below zero: 0.1 as the source writes it, 0 as EDSR has it."""
    block_end_activation: bool
    """Whether an activation follows the second convolution of a block; EDSR has none there."""
    block_pooling: bool
    """Whether a block ends with averages over 2x2 pixels; EDSR has none."""
    block_skip: bool
    """Whether the input of a block is added to its output, as in EDSR."""
    residual_scale: Annotated[float, Field(gt=0)]
    """Factor of the output of a block before that sum; 1 where there is no sum."""
    body_end_activation: bool
    """Whether an activation follows the convolution behind the blocks; EDSR has none there."""
    tail: Literal["plain", "shuffled"]
    """One convolution; or to twice the size and back, as the source writes it."""
    residual: bool
    """Whether the image is added to the output."""

    @model_validator(mode="after")
    def _scale_what_is_added(self) -> Self:
        if not self.block_skip and self.residual_scale != 1:
            raise ValueError(
                "expected residual_scale: 1 where block_skip is false: no sum, nothing to scale; "
                f"came {self.residual_scale}"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        layers = 2 * self.blocks + (5 if self.tail == "shuffled" else 3)
        # Averages over 2x2 pixels look to one side only.
        return 1 + 2 * layers + (self.blocks if self.block_pooling else 0)
