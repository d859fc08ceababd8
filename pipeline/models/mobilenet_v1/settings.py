"""Settings of MobileNetV1: what ``params.yaml`` says of it."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.models.recogniser_parts.settings import ROW, ImageRecogniser


class MobileNetV1(ImageRecogniser):
    """Depthwise separable convolutions."""

    width: PositiveFloat
    """Width multiplier, alpha in the paper: of the feature maps of every layer."""
    resolution: PositiveFloat
    """Resolution multiplier, rho in the paper: images are scaled by it first."""
    stem_stride: Literal[1, 2]
    """Of the first convolution: 2 for ImageNet, 1 for images of 32 pixels."""
    blocks: Annotated[list[Annotated[tuple[PositiveInt, Literal[1, 2]], ROW]], Field(min_length=1)]
    """Feature maps at width 1, and stride, of each block."""
    separable: bool
    """Depthwise and pointwise convolution; or a standard one, what the paper compares with."""
    squeeze: NonNegativeInt
    """Feature maps for each one in the middle of a block's squeeze-and-excitation; 0 for none."""
