"""What the settings of all networks that recognise have in common.

How many classes there are, and what a sample looks like, is a fact of the task and no setting.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from pipeline.section import Section

Share = Annotated[float, Field(ge=0, lt=1)]

ROW = Field(strict=False)
"""A list of a YAML file stands for a row of fixed length."""


class Recogniser(Section):
    """Architecture and size of a network that recognises."""

    takes: ClassVar[str]
    """The kind of task that it is for."""

    @property
    def options(self) -> dict[str, object]:
        """What the constructor of the network takes, beside the facts of the task."""
        return dict(self)


class ImageRecogniser(Recogniser):
    """Architecture and size of a network that recognises images."""

    takes = "images"


class CubeRecogniser(Recogniser):
    """Architecture and size of a network that recognises the pixels of a cube."""

    takes = "cube"

    window: Annotated[int, Field(ge=3)]
    """Side of the square of pixels around the one to recognise; odd."""
    fit_on: Literal["all", "train"]
    """Pixels that the components are found from: all, as published; or those of training alone,
    which lets nothing of the test in."""

    @field_validator("window")
    @classmethod
    def _has_a_centre(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"expected an odd window, so that it has a centre; came {window}")
        return window
