"""Settings of MobileNetV2: what ``params.yaml`` says of it."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.models.recogniser_parts.settings import ROW, ImageRecogniser, Share


class MobileNetV2(ImageRecogniser):
    """Inverted residuals."""

    width: PositiveFloat
    """Width multiplier; but for 1, feature maps are rounded to multiples of 8."""
    resolution: PositiveFloat
    stem_stride: Literal[1, 2]
    stages: Annotated[
        list[Annotated[tuple[PositiveInt, PositiveInt, PositiveInt, Literal[1, 2]], ROW]],
        Field(min_length=1),
    ]
    """Expansion, feature maps at width 1, blocks, and stride of the first of them."""
    last: PositiveInt
    """Feature maps before the averages, 1280 in the paper; a width below 1 leaves them alone."""
    activation: Literal["relu", "relu6"]
    projection: bool
    """Whether a block that keeps the size but not the feature maps has a shortcut with a 1x1
    convolution, as the source writes it; the paper has none there."""
    always_expand: bool
    """Whether an expansion of 1 has a convolution too, as the source writes it."""
    dropout: Share
    """Share of the features that are dropped before the classifier in training."""
    squeeze: NonNegativeInt
