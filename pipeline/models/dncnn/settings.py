"""Settings of DnCNN: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.models.parts.settings import Model


class DnCNN(Model):
    """Residual CNN denoiser."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=3)]
    batch_norm: bool
    residual: bool
    """Whether the network predicts the noise, as it should, or the clean image."""

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1
