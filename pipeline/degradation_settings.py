"""Settings of the degradations: what ``params.yaml`` may say about each kind."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from pipeline.section import Section


class FloatRange(Section):
    """A value drawn evenly from an interval, anew for every image or patch."""

    min: NonNegativeFloat
    max: NonNegativeFloat

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min:g}) must be below max ({self.max:g})")
        return self


class QualityRange(Section):
    """A JPEG quality drawn evenly from a closed interval of integers."""

    min: Annotated[int, Field(ge=1, le=100)]
    max: Annotated[int, Field(ge=1, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        return self


Sigma = NonNegativeFloat
Scale = Annotated[float, Field(gt=1, le=16)]
Quality = Annotated[int, Field(ge=1, le=100)]
Phase = Annotated[list[Annotated[int, Field(ge=0, le=7)]], Field(min_length=2, max_length=2)]

Result = Literal["interpolated", "low"]
"""What the network gets: the small image, interpolated back to full size, or the small image
itself."""


class Gaussian(Section):
    """Additive white Gaussian noise, ``sigma_8bit`` on the 0-255 scale of the literature."""

    kind: Literal["gaussian"]
    sigma_8bit: Sigma | Annotated[list[Sigma], Field(min_length=1)] | FloatRange
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does; the literature does not."""


class Bicubic(Section):
    """MATLAB-compatible bicubic downscaling."""

    kind: Literal["bicubic"]
    scale: Scale | Annotated[list[Scale], Field(min_length=1)]
    quantise: bool
    """Clip and round the small image to 8 bits, as a file does; tests on luma do not."""
    result: Result


class Jpeg(Section):
    """JPEG compression."""

    kind: Literal["jpeg"]
    quality: Quality | Annotated[list[Quality], Field(min_length=1)] | QualityRange
    subsampling: Literal["yuv444", "yuv422", "yuv420"]
    """Of the chroma channels, 4:4:4, 4:2:2 or 4:2:0; without effect on one-channel images."""
    phase: Literal["aligned", "random"] | Phase
    """Row and column where a block of 8x8 begins; ``aligned`` is [0, 0], and ``random`` draws it,
    as if the image had been cropped since it was compressed."""
    draws: PositiveInt
    """Stored versions of each training image when quality or phase are drawn; otherwise 1."""

    @model_validator(mode="after")
    def _draws_need_something_to_draw(self) -> Self:
        if self.draws > 1 and not isinstance(self.quality, QualityRange) and self.phase != "random":
            raise ValueError(
                "draws above 1 need a quality range or a random phase: nothing else is drawn"
            )
        return self


class RealPairs(Section):
    """The degradation is in the photographs: the data set holds degraded partners."""

    kind: Literal["paired"]


Degradation = Annotated[Gaussian | Bicubic | Jpeg | RealPairs, Field(discriminator="kind")]

VARIED_SETTING: Mapping[str, str] = {
    "gaussian": "sigma_8bit",
    "bicubic": "scale",
    "jpeg": "quality",
}
"""The setting of each kind of degradation that may have several levels."""
