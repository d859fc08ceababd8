"""Settings of HybridSN: what ``params.yaml`` says of it, and what its constructor takes."""

from typing import Annotated, Self

from pydantic import PositiveInt, model_validator

from pipeline.models.recogniser_parts.settings import ROW, CubeRecogniser, Share


class HybridSN(CubeRecogniser):
    """3-D, then 2-D convolutions on windows."""

    components: PositiveInt
    """Principal components that replace the bands."""
    whiten: bool
    """Whether each component is brought to a variance of 1."""
    spectral: list[Annotated[tuple[PositiveInt, PositiveInt], ROW]]
    """Feature maps, and depth along the spectrum, of each 3x3 3-D convolution; none for 2-D
    convolutions only."""
    spatial: list[PositiveInt]
    """Feature maps of each 3x3 2-D convolution; none for 3-D convolutions only."""
    hidden: list[PositiveInt]
    """Units of the fully connected layers before the last."""
    dropout: Share
    hidden_activation: bool
    """Whether a ReLU follows those layers; the source forgot it."""

    @model_validator(mode="after")
    def _leave_something(self) -> Self:
        convolutions = len(self.spectral) + len(self.spatial)
        if self.window <= 2 * convolutions:
            raise ValueError(
                f"expected a window of at least {2 * convolutions + 1}, as each of the "
                f"{convolutions} convolutions takes 2 pixels of it; came {self.window}"
            )
        taken = sum(depth - 1 for _, depth in self.spectral)
        if self.components <= taken:
            raise ValueError(
                f"expected at least {taken + 1} components, as the spectral convolutions take "
                f"{taken} of them; came {self.components}"
            )
        return self

    @property
    def options(self) -> dict[str, object]:
        """What the constructor takes; ``fit_on`` is for who has the pixels."""
        return {name: value for name, value in super().options.items() if name != "fit_on"}
