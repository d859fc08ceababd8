"""Networks of other people as files that run by themselves, as ``params.yaml`` names them."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from pipeline.section import Name, Section, Source


class Program(Section):
    """A network in a file that some runtime runs, measured like an experiment."""

    kind: Literal["onnx", "torch_export", "spandrel"]
    """What runs it: ONNX Runtime, torch as ``torch.export`` saved it, or spandrel, which knows the
    network from the names of its weights."""
    source: Source
    """The file."""
    channels: Literal["gray", "rgb", "bgr"]
    """Of its images, in their order."""
    values: Annotated[list[float], Field(min_length=2, max_length=2)]
    """What black and white are to it: [0, 1], [0, 255] or [-1, 1] mostly."""
    scale: PositiveInt
    """How many times larger than its input its output is, along each axis."""
    noise_map: bool
    """Whether its input has one more channel, the noise level in the unit of ``values``."""
    test_on: Name
    compare_with: str | None = None
    """System of ``pipeline/literature/published.csv`` put beside it; changes no result."""

    @model_validator(mode="after")
    def _black_below_white(self) -> Self:
        black, white = self.values
        if not black < white:
            raise ValueError(f"values: expected black below white, came {black:g} and {white:g}")
        return self
