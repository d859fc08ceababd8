"""Settings of VDSR: what ``params.yaml`` says of it, and what follows for its images."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.models.parts.settings import Model


class VDSR(Model):
    """Very deep super-resolution network."""

    width: PositiveInt
    depth: Annotated[int, Field(ge=3)]

    @property
    def receptive_field(self) -> int:
        """Side of the square of input pixels that one output pixel sees."""
        return 2 * self.depth + 1
