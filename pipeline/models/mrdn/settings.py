"""Settings of MRDN: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.models.parts.settings import Model


class MRDN(Model):
    """Multi-scale residual dense network."""

    width: PositiveInt
    """Feature maps between blocks."""
    growth: PositiveInt
    """Feature maps that each layer of a block adds, and of each part of its pyramid."""
    layers: PositiveInt
    """Convolutions of the chain in a block."""
    blocks: PositiveInt
    pyramid_entry: bool
    """Whether a 3x3 convolution with ReLU leads into the pyramid."""
    rates: Annotated[list[PositiveInt], Field(min_length=1)]
    """Dilation of each dilated convolution of the pyramid: 6 and 12 in the paper."""
    pooling: Literal["image", "max"]
    """Averages of the whole image, as published; or the largest of 3x3 features."""
    repeated: bool
    """Whether layers concatenate again what is concatenated already."""
    dropout: Annotated[float, Field(ge=0, lt=1)]
    """Share of the features that are dropped in training, in the pyramid and behind blocks."""
    residual: bool
    """Whether the image is added to the output."""

    @property
    def receptive_field(self) -> int | None:
        """Side of the square of input pixels that one output pixel sees; None for all of them."""
        if self.pooling == "image":
            return None
        block = max(self.layers, self.pyramid_entry + max(self.rates))
        return 1 + 2 * (self.blocks * block + 5)
