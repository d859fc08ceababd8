"""Settings of the degradations: what ``params.yaml`` may say about each kind.

A class also knows the label of its level, the label in words, and whether what it leaves are
8-bit values.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args

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


_SPACE = "\N{NO-BREAK SPACE}"
_SIGMA = f"\N{GREEK SMALL LETTER SIGMA}{_SPACE}"

Value = float | list[float] | list[int] | FloatRange | QualityRange


class _Kind(Section):
    """What can be one level of a degradation."""

    prefix: ClassVar[str]
    """How the label begins."""
    varied: ClassVar[str]
    """The setting that may have several levels."""
    named: ClassVar[str]
    """The label in words, without the values."""
    rounding: ClassVar[str] = ", rounded to 8 bits"
    """What the words say of a result that is quantised."""
    taught: ClassVar[str]
    """What a network that was trained on it learnt to undo."""

    @property
    def values(self) -> tuple[Value, ...]:
        """What the label says of the level."""
        return (getattr(self, self.varied),)

    @property
    def label(self) -> str:
        """Name of the level in folders and tables."""
        rounded = "_8bit" if self._is_quantised else ""
        return f"{self.prefix}{'_'.join(map(_one, self.values))}{rounded}"

    @property
    def words(self) -> str:
        """The label in words."""
        words = self.named.format(*(_one(value, to="\N{EN DASH}") for value in self.values))
        return words + (self.rounding if self._is_quantised else "")

    @property
    def in_8bit(self) -> bool:
        """Whether what it leaves are 8-bit values."""
        return self._is_quantised

    @property
    def is_random(self) -> bool:
        """Whether chance has a part in the result."""
        return isinstance(getattr(self, self.varied), FloatRange | QualityRange)

    @property
    def _is_quantised(self) -> bool:
        return getattr(self, "quantise", False)


def _one(value: Value, to: str = "-") -> str:
    """Return the value of a single level, or the ends of its range."""
    if isinstance(value, list):
        raise ValueError(f"expected a single level, came {value}; call levels() first")
    if isinstance(value, FloatRange | QualityRange):
        return f"{value.min:g}{to}{value.max:g}"
    return f"{value:g}"


class _Noise(_Kind):
    @property
    def is_random(self) -> bool:
        """Whether chance has a part in the result."""
        return True


Result = Literal["interpolated", "low"]
"""What the network gets: the small image, interpolated back to full size, or the small image
itself."""


class Gaussian(_Noise):
    """Additive white Gaussian noise, ``sigma_8bit`` on the 0-255 scale of the literature."""

    prefix: ClassVar[str] = "gaussian_"
    varied: ClassVar[str] = "sigma_8bit"
    named: ClassVar[str] = f"Gaussian noise, {_SIGMA}{{}}"
    taught: ClassVar[str] = "noise of sigma {}"

    kind: Literal["gaussian"]
    sigma_8bit: Sigma | Annotated[list[Sigma], Field(min_length=1)] | FloatRange
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does; the literature does not."""


class Poisson(_Noise):
    """Shot noise: photons are counted, so that bright pixels are noisier than dark ones."""

    prefix: ClassVar[str] = "poisson_"
    varied: ClassVar[str] = "peak"
    named: ClassVar[str] = f"Poisson noise, peak{_SPACE}{{}}"
    taught: ClassVar[str] = "Poisson noise of peak {}"

    kind: Literal["poisson"]
    peak: Peak | Annotated[list[Peak], Field(min_length=1)] | PeakRange
    """Photons that a white pixel is expected to count; few photons are much noise."""
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does."""


class PoissonGaussian(_Noise):
    """Shot noise and the noise of reading it out.

    A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data, IEEE TIP 17(10), 2008.
    """

    prefix: ClassVar[str] = "poisson_gaussian_"
    varied: ClassVar[str] = "peak"
    named: ClassVar[str] = f"Poisson and Gaussian noise, peak{_SPACE}{{}}, {_SIGMA}{{}}"
    taught: ClassVar[str] = "Poisson and Gaussian noise of peak {}"

    kind: Literal["poisson_gaussian"]
    peak: Peak | Annotated[list[Peak], Field(min_length=1)] | PeakRange
    """Photons that a white pixel is expected to count."""
    sigma_8bit: Sigma | FloatRange
    """Of the Gaussian noise that is added to the counted photons."""
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does."""

    @property
    def values(self) -> tuple[Value, ...]:
        """What the label says of the level."""
        return self.peak, self.sigma_8bit


class Grain(_Noise):
    """Noise of a sensor that its camera spread over neighbours; the picture stays sharp.

    Cameras interpolate the colours that a sensor does not see and smooth what they show, so that
    the noise in their files is not that of single pixels.
    """

    prefix: ClassVar[str] = "grain_"
    varied: ClassVar[str] = "peak"
    named: ClassVar[str] = f"Grain, peak{_SPACE}{{}}, {_SIGMA}{{}}, spread over {{}}{_SPACE}px"
    taught: ClassVar[str] = "grain of peak {}"

    kind: Literal["grain"]
    peak: Peak | Annotated[list[Peak], Field(min_length=1)] | PeakRange
    """Photons that a white pixel of the sensor is expected to count."""
    sigma_8bit: Sigma | FloatRange
    """Of the Gaussian noise that is added to the counted photons."""
    spread_px: Width | WidthRange
    """Of the round Gaussian that the noise is convolved with, in pixels; it weakens the noise."""
    quantise: bool
    """Clip and round the noisy image to 8 bits, as a camera does."""
    draws: PositiveInt
    """Stored versions of each training image: unlike other noise it is not drawn anew."""

    @property
    def values(self) -> tuple[Value, ...]:
        """What the label says of the level."""
        return self.peak, self.sigma_8bit, self.spread_px


class Bicubic(_Kind):
    """MATLAB-compatible bicubic downscaling."""

    prefix: ClassVar[str] = "bicubic_x"
    varied: ClassVar[str] = "scale"
    named: ClassVar[str] = "Bicubic downscaling \N{MULTIPLICATION SIGN}{}"
    rounding: ClassVar[str] = ", through 8 bits"
    taught: ClassVar[str] = "bicubic scale {}"

    kind: Literal["bicubic"]
    scale: Scale | Annotated[list[Scale], Field(min_length=1)]
    quantise: bool
    """Clip and round the small image to 8 bits, as a file does; tests on luma do not."""
    result: Result

    @property
    def in_8bit(self) -> bool:
        """Whether what it leaves are 8-bit values."""
        return self.quantise and self.result == "low"


class Jpeg(_Kind):
    """JPEG compression."""

    prefix: ClassVar[str] = "jpeg_"
    varied: ClassVar[str] = "quality"
    named: ClassVar[str] = "JPEG, quality {}"
    taught: ClassVar[str] = "JPEG quality {}"

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
        if self.draws > 1 and not self.is_random:
            raise ValueError(
                "draws above 1 need a quality range or a random phase: nothing else is drawn"
            )
        return self

    @property
    def label(self) -> str:
        """Name of the level in folders and tables: other blocks are another degradation."""
        if self.phase == "aligned":
            return super().label
        phase = "random" if self.phase == "random" else "_".join(map(str, self.phase))
        return f"{super().label}_phase_{phase}"

    @property
    def words(self) -> str:
        """The label in words."""
        if self.phase == "aligned":
            return super().words
        if self.phase == "random":
            return f"{super().words}, blocks anywhere"
        row, column = self.phase
        return f"{super().words}, blocks from row {row}, column {column}"

    @property
    def in_8bit(self) -> bool:
        """Whether what it leaves are 8-bit values."""
        return True

    @property
    def is_random(self) -> bool:
        """Whether chance has a part in the result."""
        return super().is_random or self.phase == "random"


class Blur(_Kind):
    """Convolution with a round Gaussian, ``sigma_px`` wide; borders are mirrored."""

    prefix: ClassVar[str] = "blur_"
    varied: ClassVar[str] = "sigma_px"
    named: ClassVar[str] = f"Gaussian blur, {_SIGMA}{{}}{_SPACE}px"
    taught: ClassVar[str] = "blur of {} pixels"

    kind: Literal["blur"]
    sigma_px: Width | Annotated[list[Width], Field(min_length=1)] | WidthRange
    draws: PositiveInt
    """Stored versions of each training image when ``sigma_px`` is a range; otherwise 1."""

    @model_validator(mode="after")
    def _draws_need_something_to_draw(self) -> Self:
        if self.draws > 1 and not self.is_random:
            raise ValueError("draws above 1 need a range of widths: nothing else is drawn")
        return self


Noise = Gaussian | Poisson | PoissonGaussian
"""What training draws anew at every step; everything else is stored."""

NOISE = (Gaussian, Poisson, PoissonGaussian)

Step = Annotated[Noise | Grain | Bicubic | Jpeg | Blur, Field(discriminator="kind")]


class Sequence(Section):
    """Degradations one after the other; the same kind may come twice (second-order).

    A step has one level, which may be a range.
    """

    taught: ClassVar[str] = "several degradations one after the other"

    kind: Literal["sequence"]
    steps: Annotated[list[Step], Field(min_length=1)]
    result: Result
    """Where a step leaves a small image: whether it is interpolated in the end."""
    draws: PositiveInt
    """Stored versions of each training image when something that is stored is drawn; otherwise 1.
    Noise that comes last is drawn anew at every step of the training instead, unless the noisy
    image is still to be interpolated."""

    @property
    def label(self) -> str:
        """Name of the level in folders and tables: those of the steps."""
        return "-".join(step.label for step in self.steps)

    @property
    def words(self) -> str:
        """The label in words."""
        return ", then ".join(step.words for step in self.steps)

    @property
    def in_8bit(self) -> bool:
        """Whether what the last step leaves are 8-bit values."""
        return self.steps[-1].in_8bit and not self.interpolates

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
            if isinstance(getattr(step, step.varied), list):
                raise ValueError(
                    f"step {position} ({step.kind}) must have one {step.varied}, not a list"
                )
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
        if self.draws > 1 and not any(step.is_random for step in self.stored):
            raise ValueError("draws above 1 need a stored step that draws something")
        return self


class Mixture(Section):
    """A training set of several degradations: every patch once for each version of each part."""

    kind: Literal["mixture"]
    of: Annotated[
        list[
            Annotated[Noise | Grain | Bicubic | Jpeg | Blur | Sequence, Field(discriminator="kind")]
        ],
        Field(min_length=2),
    ]


class RealPairs(Section):
    """The degradation is in the photographs: the data set holds degraded partners."""

    prefix: ClassVar[str] = "paired"
    taught: ClassVar[str] = "real pairs"

    kind: Literal["paired"]

    @property
    def label(self) -> str:
        """Name of the level in folders and tables."""
        return self.prefix

    @property
    def words(self) -> str:
        """The label in words."""
        return "Real degradation"

    @property
    def in_8bit(self) -> bool:
        """Whether photographs are 8-bit values."""
        return True


Synthetic = Noise | Grain | Bicubic | Jpeg | Blur | Sequence
"""What can be done to an image."""

Degradation = Annotated[Synthetic | Mixture | RealPairs, Field(discriminator="kind")]

KINDS: Mapping[str, type[Synthetic | RealPairs]] = {
    get_args(one.model_fields["kind"].annotation)[0]: one
    for one in (Gaussian, Poisson, PoissonGaussian, Grain, Bicubic, Jpeg, Blur, Sequence, RealPairs)
}
"""What can be one level, by its ``kind``."""


def measured_as(degradation: Degradation) -> str:
    """Return the kind of degradation that protocols are chosen by: what shrinks is ``bicubic``."""
    shrinks = isinstance(degradation, Sequence) and degradation.shrinks
    return "bicubic" if shrinks else degradation.kind
