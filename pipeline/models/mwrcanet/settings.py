"""Settings of MWRCANet: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from pipeline.models.parts.settings import Model


class MWRCANet(Model):
    """Wavelet network with channel attention."""

    widths: Annotated[list[PositiveInt], Field(min_length=1)]
    """Feature maps of each level, the finest first; each level halves the sides of the image."""
    blocks: PositiveInt
    """Blocks of each group; a level has two groups."""
    reduction: PositiveInt
    """Feature maps for each one in the middle of the attention."""
    second_kernel: Literal[1, 3]
    """Side of the kernel of a block's second convolution: 1 as the source writes it, else 3."""
    group_residual: Literal["attention", "sum"]
    """What the last convolution of a group takes: the sum of its blocks, as it should, or what
    the last attention put out, as the source writes it."""
    orthonormal: bool
    """Whether wavelet coefficients keep the energy; each level multiplies it by four otherwise."""
    prelu: Literal["shared"] | PositiveInt
    """``shared``, one slope a layer; or the side of the images, all of that size, for one slope
    a pixel and feature map as the source writes it."""
    last_activation: bool
    """Whether an activation follows the last convolution, as the source writes it."""

    @model_validator(mode="after")
    def _divide(self) -> Self:
        if self.reduction > min(self.widths):
            raise ValueError(
                f"expected a reduction of at most the least width, {min(self.widths)}; came "
                f"{self.reduction}"
            )
        if self.prelu != "shared" and self.prelu % self.multiple:
            raise ValueError(
                f"expected prelu: shared, or a side that {self.multiple} divides, the grid of "
                f"{len(self.widths)} levels; came {self.prelu}"
            )
        return self

    @property
    def receptive_field(self) -> None:
        """None: the attention averages over the whole image."""
        return

    @property
    def image_size(self) -> int | None:
        """Side of the images that it takes; None for images of any size."""
        return None if self.prelu == "shared" else self.prelu

    @property
    def multiple(self) -> int:
        """Sides of the input that are multiples of this are not padded inside."""
        return 1 << len(self.widths)
