"""Settings of the networks that recognise, and the table that names them.

An architecture is a key of ``RECOGNISERS``: the module ``pipeline/recognition/networks/KEY.py``
has its network, a class of the same name as its settings here. How many classes there are, and
what a sample looks like, is a fact of the task and no setting.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from pipeline.section import Section
from pipeline.task_settings import Kind

Share = Annotated[float, Field(ge=0, lt=1)]

_ROW = Field(strict=False)
"""A list of a YAML file stands for a row of fixed length."""


class Recogniser(Section):
    """Architecture and size of a network that recognises."""

    takes: ClassVar[Kind]
    """The kind of task that it is for."""

    @property
    def options(self) -> dict[str, object]:
        """What the constructor of the network takes, beside the facts of the task."""
        return dict(self)


class _OfImages(Recogniser):
    takes = "images"


class MobileNetV1(_OfImages):
    """Depthwise separable convolutions (``pipeline/recognition/networks/mobilenet_v1.py``)."""

    width: PositiveFloat
    """Width multiplier, alpha in the paper: of the feature maps of every layer."""
    resolution: PositiveFloat
    """Resolution multiplier, rho in the paper: images are scaled by it first."""
    stem_stride: Literal[1, 2]
    """Of the first convolution: 2 for ImageNet, 1 for images of 32 pixels."""
    blocks: Annotated[list[Annotated[tuple[PositiveInt, Literal[1, 2]], _ROW]], Field(min_length=1)]
    """Feature maps at width 1, and stride, of each block."""
    separable: bool
    """Depthwise and pointwise convolution; or a standard one, what the paper compares with."""
    squeeze: NonNegativeInt
    """Feature maps for each one in the middle of a block's squeeze-and-excitation; 0 for none."""


class MobileNetV2(_OfImages):
    """Inverted residuals (``pipeline/recognition/networks/mobilenet_v2.py``)."""

    width: PositiveFloat
    """Width multiplier; but for 1, feature maps are rounded to multiples of 8."""
    resolution: PositiveFloat
    stem_stride: Literal[1, 2]
    stages: Annotated[
        list[Annotated[tuple[PositiveInt, PositiveInt, PositiveInt, Literal[1, 2]], _ROW]],
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


class SEResNet(_OfImages):
    """Residual network with squeeze-and-excitation (``networks/se_resnet.py``)."""

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


class HybridSN(Recogniser):
    """3-D, then 2-D convolutions on windows (``pipeline/recognition/networks/hybridsn.py``)."""

    takes = "cube"

    window: Annotated[int, Field(ge=3)]
    """Side of the square of pixels around the one to recognise; odd."""
    components: PositiveInt
    """Principal components that replace the bands."""
    whiten: bool
    """Whether each component is brought to a variance of 1."""
    fit_on: Literal["all", "train"]
    """Pixels that the components are found from: all, as published; or those of training alone,
    which lets nothing of the test in."""
    spectral: list[Annotated[tuple[PositiveInt, PositiveInt], _ROW]]
    """Feature maps, and depth along the spectrum, of each 3x3 3-D convolution; none for 2-D
    convolutions only."""
    spatial: list[PositiveInt]
    """Feature maps of each 3x3 2-D convolution; none for 3-D convolutions only."""
    hidden: list[PositiveInt]
    """Units of the fully connected layers before the last."""
    dropout: Share
    hidden_activation: bool
    """Whether a ReLU follows those layers; the source forgot it."""

    @field_validator("window")
    @classmethod
    def _has_a_centre(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"expected an odd window, so that it has a centre; came {window}")
        return window

    @model_validator(mode="after")
    def _leave_something(self) -> Self:
        convolutions = len(self.spectral) + len(self.spatial)
        if self.window <= 2 * convolutions:
            raise ValueError(
                f"expected a window of at least {2 * convolutions + 1}, as each of the "
                f"{convolutions} convolutions takes 2 pixels of it; came {self.window}"
            )
        taken = sum(depth - 1 for _, depth in self.spectral)
        if self.components <= taken:
            raise ValueError(
                f"expected at least {taken + 1} components, as the spectral convolutions take "
                f"{taken} of them; came {self.components}"
            )
        return self

    @property
    def options(self) -> dict[str, object]:
        """What the constructor takes; ``fit_on`` is for who has the pixels."""
        return {name: value for name, value in super().options.items() if name != "fit_on"}


class DSCMR(Recogniser):
    """Deep supervised cross-modal retrieval (``pipeline/recognition/networks/dscmr.py``)."""

    takes = "features"

    hidden: PositiveInt
    """Units of the first layer of each branch: 2048 in the paper."""
    common: PositiveInt
    """Length of the common representation: 1024 in the paper."""


RECOGNISERS: Mapping[str, type[Recogniser]] = {
    "mobilenet_v1": MobileNetV1,
    "mobilenet_v2": MobileNetV2,
    "se_resnet": SEResNet,
    "hybridsn": HybridSN,
    "dscmr": DSCMR,
}
"""The settings of each architecture."""
