"""Settings of the networks, and the table that names them.

An architecture is a key of ``NETWORKS``: the module ``pipeline/models/KEY.py`` has its network,
a class of the same name as its settings here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, create_model, model_validator

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
    def takes_noise_map(self) -> bool:
        """Whether it is told the noise level, as one more channel of its input."""
        return False

    @property
    def input_channels(self) -> int:
        """Channels of the images it restores; the least, 1, of a shared network's."""
        if isinstance(self.channels, SeparateChannels):
            return self.channels.separate
        return 1 if self.channels == "shared" else self.channels

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

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1


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
}
"""The settings of each architecture."""


class _Models(Section):
    def named(self, arch: str) -> Mapping[str, Model]:
        """Return the settings of architecture ``arch`` by name."""
        found: Mapping[str, Model] = getattr(self, arch)
        return found


if TYPE_CHECKING:
    Architecture = str
    Models = _Models
else:
    Architecture = Literal[tuple(NETWORKS)]
    Models = create_model(
        "Models",
        __base__=_Models,
        __doc__="Named settings of each architecture; an architecture may be left out.",
        **{arch: (dict[Name, settings], {}) for arch, settings in NETWORKS.items()},
    )
