"""What the settings of all networks that restore have in common."""

from typing import Literal

from pydantic import PositiveInt

from pipeline.section import Section


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
