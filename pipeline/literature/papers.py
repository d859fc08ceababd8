"""What is known of how published systems were trained and tested: ``papers.toml``."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from pipeline.arrays.written_text import TextError, read_text
from pipeline.degradations.settings import FloatRange
from pipeline.nearest import nearest_known
from pipeline.section import Section
from pipeline.settings.params import Layout, TrialColour

SHIPPED = Path(__file__).with_name("papers.toml")
"""The facts that come with the project."""

PerLevel = PositiveInt | dict[str, PositiveInt]
"""A number, or one by the label of the level where each level has a network of its own."""

Kernel = Literal["matlab", "opencv", "pil"]
"""Whose bicubic interpolation made the low-resolution images."""


class Trained(Section):
    """One kind of degradation that a network learned to undo."""

    kind: Literal[
        "gaussian",
        "poisson",
        "poisson_gaussian",
        "grain",
        "bicubic",
        "jpeg",
        "blur",
        "sequence",
        "paired",
    ]
    levels: (
        Annotated[list[NonNegativeFloat], Field(min_length=1)]
        | FloatRange
        | Literal["tested"]
        | None
    ) = None
    """A list, a range, or the tested one, for which there is a network of its own."""

    @model_validator(mode="after")
    def _levels_of_kind(self) -> Self:
        if (self.levels is None) != (self.kind in {"sequence", "paired"}):
            raise ValueError(
                "expected levels for every kind but 'sequence' and 'paired', which have none"
            )
        return self


class Conditions(Section):
    """How the images of one kind of test were degraded, where that is known."""

    colours: Annotated[list[TrialColour], Field(min_length=1)] | None = None
    """Colour spaces of the images when they are degraded."""
    kernel: Kernel | None = None
    quantised: bool | None = None
    """The noisy or the low-resolution image was clipped and rounded to 8 bits."""


class Paper(Section):
    """One published system; what is not known is None."""

    reference: str
    parameters: PerLevel | None = None
    parameters_merged: PositiveInt | None = None
    """The same after the batch normalisation is merged into the convolutions."""
    published_as: list[Layout] = []  # noqa: RUF012  (pydantic copies it)
    """Layouts in which the authors themselves published weights."""
    receptive_field: PositiveInt | None = None
    training_set: str | None = None
    training_images: PositiveInt | None = None
    patch_size: PerLevel | None = None
    """Side of a clean patch, in pixels."""
    steps: PositiveInt | None = None
    batch: PositiveInt | None = None
    trained: Annotated[list[Trained], Field(min_length=1)] | None = None
    """What one network was trained on, all kinds together."""
    tests: dict[Literal["gaussian", "bicubic", "jpeg", "paired"], Conditions] = {}  # noqa: RUF012  (pydantic copies it)
    from_memory: list[str] = []  # noqa: RUF012
    """Which of these were not read in their source."""

    @model_validator(mode="after")
    def _remembered_is_given(self) -> Self:
        for name in self.from_memory:
            if name not in self.model_fields_set - {"reference", "from_memory"}:
                given = self.model_fields_set - {"reference", "from_memory"}
                raise ValueError(
                    f"from_memory names '{name}', which is not given; {nearest_known(name, given)}"
                )
        return self


_PAPERS = TypeAdapter(dict[str, Paper])


def read_papers(path: Path = SHIPPED) -> dict[str, Paper]:
    """Read the facts by name of the system, as ``published.csv`` names it.

    Raises:
        ValueError: The file is not TOML, or a key or value in it is wrong; the message has one
            line a fault.
    """
    try:
        return _PAPERS.validate_python(tomllib.loads(read_text(path)))
    except (tomllib.TOMLDecodeError, TextError, RecursionError) as error:
        raise ValueError(f"{path}: expected TOML, but {error}") from error
    except ValidationError as error:
        faults = [
            f"  {'.'.join(map(str, fault['loc']))}: {fault['msg']}; came {fault['input']!r}"
            for fault in error.errors(include_url=False)
        ]
        raise ValueError("\n".join([f"{path} has {len(faults)} fault(s):", *faults])) from error
