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


Sigma = NonNegativeFloat
Peak = Annotated[float, Field(gt=0, le=1e6)]
Width = Annotated[float, Field(gt=0, le=50)]
Scale = Annotated[float, Field(gt=1, le=16)]
Quality = Annotated[int, Field(ge=1, le=100)]
Phase = Annotated[list[Annotated[int, Field(ge=0, le=7)]], Field(min_length=2, max_length=2)]


class PeakRange(FloatRange):
    """A peak drawn evenly from an interval."""

    min: Peak
    max: Peak


class WidthRange(FloatRange):
    """A width drawn evenly from an interval."""

    min: Width
    max: Width


class QualityRange(Section):
    """A JPEG quality drawn evenly from a closed interval of integers."""

    min: Quality
    max: Quality

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        return self


Result = Literal["interpolated", "low"]
"""What the network gets: the small image, interpolated back to full size, or the small image
itself."""


class Gaussian(Section):
    """Additive white Gaussian noise, ``sigma_8bit`` on the 0-255 scale of the literature."""

    kind: Literal["gaussian"]
    sigma_8bit: Sigma | Annotated[list[Sigma], Field(min_length=1)] | FloatRange
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does; the literature does not."""


class Poisson(Section):
    """Shot noise: photons are counted, so that bright pixels are noisier than dark ones."""

    kind: Literal["poisson"]
    peak: Peak | Annotated[list[Peak], Field(min_length=1)] | PeakRange
    """Photons that a white pixel is expected to count; few photons are much noise."""
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does."""


class PoissonGaussian(Section):
    """Shot noise and the noise of reading it out.

    A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data, IEEE TIP 17(10), 2008.
    """

    kind: Literal["poisson_gaussian"]
    peak: Peak | Annotated[list[Peak], Field(min_length=1)] | PeakRange
    """Photons that a white pixel is expected to count."""
    sigma_8bit: Sigma | FloatRange
    """Of the Gaussian noise that is added to the counted photons."""
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does."""


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
        if self.draws > 1 and not draws_something(self):
            raise ValueError(
                "draws above 1 need a quality range or a random phase: nothing else is drawn"
            )
        return self


class Blur(Section):
    """Convolution with a round Gaussian, ``sigma_px`` wide; borders are mirrored."""

    kind: Literal["blur"]
    sigma_px: Width | Annotated[list[Width], Field(min_length=1)] | WidthRange
    draws: PositiveInt
    """Stored versions of each training image when ``sigma_px`` is a range; otherwise 1."""

    @model_validator(mode="after")
    def _draws_need_something_to_draw(self) -> Self:
        if self.draws > 1 and not draws_something(self):
            raise ValueError("draws above 1 need a range of widths: nothing else is drawn")
        return self


Noise = Gaussian | Poisson | PoissonGaussian
"""What training draws anew at every step; everything else is stored."""

NOISE = (Gaussian, Poisson, PoissonGaussian)

Step = Annotated[Noise | Bicubic | Jpeg | Blur, Field(discriminator="kind")]


class Sequence(Section):
    """Degradations one after the other; the same kind may come twice (second-order).

    A step has one level, which may be a range.
    """

    kind: Literal["sequence"]
    steps: Annotated[list[Step], Field(min_length=1)]
    result: Result
    """Where a step leaves a small image: whether it is interpolated in the end."""
    draws: PositiveInt
    """Stored versions of each training image when something that is stored is drawn; otherwise 1.
    Noise that comes last is drawn anew at every step of the training instead, unless the noisy
    image is still to be interpolated."""

    @property
    def shrinks(self) -> bool:
        """Whether a step leaves a small image to the next one."""
        return any(isinstance(step, Bicubic) and step.result == "low" for step in self.steps)

    @property
    def interpolates(self) -> bool:
        """Whether what the last step leaves is still interpolated."""
        return self.shrinks and self.result == "interpolated"

    @property
    def fresh(self) -> Noise | None:
        """The noise that training draws anew at every step."""
        last = self.steps[-1]
        return last if isinstance(last, NOISE) and not self.interpolates else None

    @property
    def stored(self) -> list[Step]:
        """The steps whose result is stored for the training."""
        return self.steps[:-1] if self.fresh else self.steps

    @model_validator(mode="after")
    def _steps_have_one_level(self) -> Self:
        for position, step in enumerate(self.steps):
            key = VARIED_SETTING[step.kind]
            if isinstance(getattr(step, key), list):
                raise ValueError(f"step {position} ({step.kind}) must have one {key}, not a list")
            if getattr(step, "draws", 1) > 1:
                raise ValueError(
                    f"draws of step {position} ({step.kind}) must be 1: those of the sequence count"
                )
        return self

    @model_validator(mode="after")
    def _low_needs_a_step_that_shrinks(self) -> Self:
        if self.result == "low" and not self.shrinks:
            raise ValueError("result 'low' needs a bicubic step whose result is 'low'")
        return self

    @model_validator(mode="after")
    def _draws_need_something_to_draw(self) -> Self:
        if self.draws > 1 and not any(map(draws_something, self.stored)):
            raise ValueError("draws above 1 need a stored step that draws something")
        return self


class Mixture(Section):
    """A training set of several degradations: every patch once for each version of each part."""

    kind: Literal["mixture"]
    of: Annotated[
        list[Annotated[Noise | Bicubic | Jpeg | Blur | Sequence, Field(discriminator="kind")]],
        Field(min_length=2),
    ]


class RealPairs(Section):
    """The degradation is in the photographs: the data set holds degraded partners."""

    kind: Literal["paired"]


Synthetic = Noise | Bicubic | Jpeg | Blur | Sequence
"""What can be done to an image."""

Degradation = Annotated[Synthetic | Mixture | RealPairs, Field(discriminator="kind")]

VARIED_SETTING: Mapping[str, str] = {
    "gaussian": "sigma_8bit",
    "poisson": "peak",
    "poisson_gaussian": "peak",
    "bicubic": "scale",
    "jpeg": "quality",
    "blur": "sigma_px",
}
"""The setting of each kind of degradation that may have several levels."""


def draws_something(step: Step) -> bool:
    """Tell whether chance has a part in the result of a step."""
    if isinstance(step, NOISE):
        return True
    ranged = isinstance(getattr(step, VARIED_SETTING[step.kind]), FloatRange | QualityRange)
    return ranged or getattr(step, "phase", "aligned") == "random"


def measured_as(degradation: Degradation) -> str:
    """Return the kind of degradation that protocols are chosen by: what shrinks is ``bicubic``."""
    shrinks = isinstance(degradation, Sequence) and degradation.shrinks
    return "bicubic" if shrinks else degradation.kind
