"""Settings of RUNet: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from pipeline.models.parts.settings import Model


class RUNet(Model):
    """Residual U-Net, the house network."""

    widths: Annotated[list[PositiveInt], Field(min_length=1)]
    """Feature maps of each level, from the full resolution down."""
    blocks: Annotated[list[NonNegativeInt], Field(min_length=1)]
    """Residual blocks of each level, on the way down and again on the way up; at the lowest
    level once."""
    noise_map: bool
    """Whether it is told the noise level, as one more channel of its input."""

    @model_validator(mode="after")
    def _one_count_a_level(self) -> Self:
        if len(self.blocks) != len(self.widths):
            raise ValueError(
                f"expected as many blocks as widths, one of each a level; came {len(self.blocks)} "
                f"blocks and {len(self.widths)} widths"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Side of the square that holds all input pixels which an output pixel sees.

        Where a pixel lies on the grid decides how far it looks: this is for those that look
        furthest, with as much on the other side.
        """
        lowest = len(self.widths) - 1
        # The first convolution and the last, and two in each of the lowest blocks.
        reach = 2 + (2 * self.blocks[lowest] << lowest)
        for level, blocks in enumerate(self.blocks[:lowest]):
            # Two convolutions a block, on two ways; and the other pixel of a pair that went down.
            reach += 4 * blocks + 1 << level
        return 2 * reach + 1

    @property
    def multiple(self) -> int:
        """Sides of the input that are multiples of this are not padded inside."""
        return 1 << len(self.widths) - 1

    @property
    def takes_noise_map(self) -> bool:
        """Whether it is told the noise level, as one more channel of its input."""
        return self.noise_map
