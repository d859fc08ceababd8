"""Settings of SEResNet: what ``params.yaml`` says of it."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.models.recogniser_parts.settings import ImageRecogniser


class SEResNet(ImageRecogniser):
    """Residual network with squeeze-and-excitation."""

    width: PositiveInt
    """Feature maps of the first stage; each later stage has twice as many."""
    blocks: Annotated[list[PositiveInt], Field(min_length=1)]
    """Residual blocks of each stage."""
    bottleneck: bool
    """Blocks of 1x1, 3x3 and 1x1 convolutions, four times as wide outside; or of two 3x3."""
    stem: Literal["small", "imagenet"]
    """One 3x3 convolution; or 7x7 at stride 2 and the largest of 3x3 at stride 2."""
    squeeze: NonNegativeInt
    """0 for a plain residual network."""
