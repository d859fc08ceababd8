"""Settings of RedNet: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.models.parts.settings import Model


class RedNet(Model):
    """Residual encoder-decoder network."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=4, multiple_of=2)]
    """Convolutions and deconvolutions together: 10, 20 or 30 in the paper."""
    skips: bool
    """Whether every second feature map, and the image, is added to its mirror."""

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1
