"""Settings of the networks, and the table that names them.

An architecture is a key of ``NETWORKS``: the module ``pipeline/models/KEY.py`` has its network,
a class of the same name as its settings here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    create_model,
    field_validator,
    model_validator,
)

from pipeline.recogniser_settings import RECOGNISERS, Recogniser
from pipeline.section import Name, Section


class SeparateChannels(Section):
    """A network of its own for each channel; all of them are trained together."""

    separate: PositiveInt
    """How many channels."""


Channels = PositiveInt | Literal["shared"] | SeparateChannels
"""How many channels go through the network together; or ``shared``, one network that each
channel of an image goes through by itself, however many there are; or one network a channel."""


class Model(Section):
    """Architecture and size of a network."""

    channels: Channels

    @property
    def receptive_field(self) -> int | None:
        """Side of the square of input pixels that one output pixel sees; None for all of them."""
        raise NotImplementedError

    @property
    def scale(self) -> int:
        """How many times larger than its input the output is, along each axis."""
        return 1

    @property
    def multiple(self) -> int:
        """Sides of the input that are multiples of this are not padded inside."""
        return 1

    @property
    def image_size(self) -> int | None:
        """Side of the images that it takes; None for images of any size."""
        return None

    @property
    def takes_noise_map(self) -> bool:
        """Whether it is told the noise level, as one more channel of its input."""
        return False

    @property
    def input_channels(self) -> int:
        """Channels of the images it restores; the least, 1, of a shared network's."""
        if isinstance(self.channels, SeparateChannels):
            return self.channels.separate
        return 1 if self.channels == "shared" else self.channels

    @property
    def planes(self) -> int:
        """Channels of its input, the noise-level map included."""
        return self.input_channels + self.takes_noise_map

    def accepts(self, channels: int) -> bool:
        """Tell whether it restores images of so many channels."""
        return self.channels == "shared" or channels == self.input_channels

    @property
    def options(self) -> dict[str, object]:
        """What the constructor of the network takes, with the channels that it sees at once."""
        together = self.channels if isinstance(self.channels, int) else 1
        return {**dict(self), "channels": together}


class DnCNN(Model):
    """Residual CNN denoiser (``pipeline/models/dncnn.py``)."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=3)]
    batch_norm: bool
    residual: bool
    """Whether the network predicts the noise, as it should, or the clean image."""

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1


class VDSR(Model):
    """Very deep super-resolution network (``pipeline/models/vdsr.py``)."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=3)]

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1


class RedNet(Model):
    """Residual encoder-decoder network (``pipeline/models/rednet.py``)."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=4, multiple_of=2)]
    """Convolutions and deconvolutions together: 10, 20 or 30 in the paper."""
    skips: bool
    """Whether every second feature map, and the image, is added to its mirror."""

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1


class SRCNN(Model):
    """Three-layer super-resolution network (``pipeline/models/srcnn.py``)."""

    widths: Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
    """Feature maps of the first and of the second layer: 64 and 32 in the paper."""
    kernels: Annotated[list[PositiveInt], Field(min_length=3, max_length=3)]
    """Sides of the kernels, odd: 9, 1 or 3 or 5, and 5 in the paper."""
    initial: Literal["paper", "he"]
    """First weights: from N(0, 0.001) as in the paper, or He's, which learn soon."""
    residual: bool
    """Whether the interpolated image is added to the output, which the paper does not."""

    @field_validator("kernels")
    @classmethod
    def _are_odd(cls, kernels: list[int]) -> list[int]:
        if any(side % 2 == 0 for side in kernels):
            raise ValueError(f"expected three odd sides, so that a kernel has a centre: {kernels}")
        return kernels

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 1 + sum(side - 1 for side in self.kernels)


class EDSR(Model):
    """Residual super-resolution network (``pipeline/models/edsr.py``)."""

    width: PositiveInt
    blocks: PositiveInt
    upscale: Literal[1, 2, 3, 4]
    """How many times larger the output is than the input, along each axis."""
    residual_scale: Annotated[float, Field(gt=0)]
    """Factor of each block before it is added: 1 in the paper's baseline, 0.1 in its full size."""
    mean: list[float]
    """What is taken off each channel before and added after, in [0, 1]: that of the images."""
    residual: bool
    """Whether repeated input pixels are added to the output instead, which the paper does not."""

    @model_validator(mode="after")
    def _have_a_mean_each(self) -> Self:
        together = self.channels if isinstance(self.channels, int) else 1
        if len(self.mean) != together:
            raise ValueError(
                f"expected a mean for each channel that the network sees at once, {together}; came "
                f"{self.mean}"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        layers = 2 * self.blocks + 2 + (self.upscale > 1)
        # What comes after the first shuffle sees smaller pixels, of so many of the input's.
        return 2 * layers + {1: 3, 2: 2, 3: 2, 4: 3}[self.upscale]

    @property
    def scale(self) -> int:
        """How many times larger than its input the output is, along each axis."""
        return self.upscale


class EDSRDenoising(Model):
    """Residual blocks for denoising (``pipeline/models/edsr_denoising.py``)."""

    width: PositiveInt
    blocks: PositiveInt
    slope: Annotated[float, Field(ge=0, lt=1)]
    """Of the activations below zero: 0.1 as the source writes it, 0 as EDSR has it."""
    block_end_activation: bool
    """Whether an activation follows the second convolution of a block; EDSR has none there."""
    block_pooling: bool
    """Whether a block ends with averages over 2x2 pixels; EDSR has none."""
    block_skip: bool
    """Whether the input of a block is added to its output, as in EDSR."""
    residual_scale: Annotated[float, Field(gt=0)]
    """Factor of the output of a block before that sum; 1 where there is no sum."""
    body_end_activation: bool
    """Whether an activation follows the convolution behind the blocks; EDSR has none there."""
    tail: Literal["plain", "shuffled"]
    """One convolution; or to twice the size and back, as the source writes it."""
    residual: bool
    """Whether the image is added to the output."""

    @model_validator(mode="after")
    def _scale_what_is_added(self) -> Self:
        if not self.block_skip and self.residual_scale != 1:
            raise ValueError(
                "expected residual_scale: 1 where block_skip is false: no sum, nothing to scale; "
                f"came {self.residual_scale}"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        layers = 2 * self.blocks + (5 if self.tail == "shuffled" else 3)
        # Averages over 2x2 pixels look to one side only.
        return 1 + 2 * layers + (self.blocks if self.block_pooling else 0)


class MWRCANet(Model):
    """Wavelet network with channel attention (``pipeline/models/mwrcanet.py``)."""

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


class MRDN(Model):
    """Multi-scale residual dense network (``pipeline/models/mrdn.py``)."""

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


class RUNet(Model):
    """Residual U-Net, the house network (``pipeline/models/runet.py``)."""

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


NETWORKS: Mapping[str, type[Model]] = {
    "dncnn": DnCNN,
    "vdsr": VDSR,
    "rednet": RedNet,
    "runet": RUNet,
    "srcnn": SRCNN,
    "edsr": EDSR,
    "edsr_denoising": EDSRDenoising,
    "mwrcanet": MWRCANet,
    "mrdn": MRDN,
}
"""The settings of each architecture."""


class _Models(Section):
    def named(self, arch: str) -> Mapping[str, Model]:
        """Return the settings of architecture ``arch``, which restores, by name."""
        found: Mapping[str, Model] = getattr(self, arch)
        return found

    def recognisers(self, arch: str) -> Mapping[str, Recogniser]:
        """Return the settings of architecture ``arch``, which recognises, by name."""
        found: Mapping[str, Recogniser] = getattr(self, arch)
        return found


if TYPE_CHECKING:
    Architecture = str
    RecogniserArchitecture = str
    Models = _Models
else:
    Architecture = Literal[tuple(NETWORKS)]
    RecogniserArchitecture = Literal[tuple(RECOGNISERS)]
    Models = create_model(
        "Models",
        __base__=_Models,
        __doc__="Named settings of each architecture; an architecture may be left out.",
        **{
            arch: (dict[Name, settings], {})
            for arch, settings in {**NETWORKS, **RECOGNISERS}.items()
        },
    )
