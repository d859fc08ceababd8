"""What every file of weights is brought to first: a chain of convolutions in double precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class ForeignWeightsError(ValueError):
    """A file of weights cannot be used; the message says what was expected and what came."""


@dataclass(frozen=True)
class Norm:
    """A batch normalisation with fixed statistics: one value a channel each.

    Args:
        gain: Factor after the normalisation.
        offset: Summand after it.
        mean: What is subtracted first.
        deviation: What is divided by: the root of the variance plus epsilon.
    """

    gain: Values
    offset: Values
    mean: Values
    deviation: Values


@dataclass(frozen=True)
class Layer:
    """One convolution (a cross-correlation, as torch has it) and what normalises its output.

    Args:
        where: Its name in the file.
        weight: ``(out, in, height, width)``; when ``transposed``, inputs come first.
        bias: ``(out,)``.
        norm: None where there is no normalisation.
        transposed: A deconvolution.
    """

    where: str
    weight: Values
    bias: Values
    norm: Norm | None = None
    transposed: bool = False

    @property
    def inputs(self) -> int:
        """Number of feature maps that come in."""
        return int(self.weight.shape[0 if self.transposed else 1])

    @property
    def outputs(self) -> int:
        """Number of feature maps that go out."""
        return int(self.weight.shape[1 if self.transposed else 0])


@dataclass(frozen=True)
class Chain:
    """A network as its file tells it: convolutions with a ReLU between each two.

    Args:
        layers: In order.
        architectures: Networks of ours that it may be, the likeliest first.
        residual: What the file's network does with its last output and the degraded image;
            None where the file does not say it, then it is what our network does.
        skips: Sums within the network: position of a layer, and how many layers had seen what
            is added to its output (0: the image). None where the file does not say it.
    """

    layers: tuple[Layer, ...]
    architectures: tuple[str, ...]
    residual: Literal["added", "subtracted"] | None = None
    skips: Mapping[int, int] | None = None


def layer(
    where: str,
    weight: Values,
    bias: Values | None,
    norm: Norm | None = None,
    *,
    transposed: bool = False,
) -> Layer:
    """Return a layer after checking its values and shapes.

    Args:
        where: Its name in the file.
        weight: As in ``Layer``.
        bias: None for none: zeros then.
        norm: As in ``Layer``.
        transposed: As in ``Layer``.

    Raises:
        ForeignWeightsError: A value is infinite or not a number, or a shape does not fit.
    """
    if weight.ndim != 4 or weight.shape[2:] != (3, 3) or 0 in weight.shape:
        size = "x".join(map(str, weight.shape[2:])) if weight.ndim == 4 else weight.shape
        raise ForeignWeightsError(
            f"{where}: expected filters of 3x3, as all of DnCNN, VDSR and RED-Net are; came {size}"
        )
    outputs = weight.shape[1 if transposed else 0]
    values = {"weights": weight, "bias": np.zeros(outputs) if bias is None else bias}
    if norm is not None:
        values |= {f"{name} of the normalisation": value for name, value in vars(norm).items()}
    for name, value in values.items():
        if name != "weights" and value.shape != (outputs,):
            raise ForeignWeightsError(
                f"{where}: expected {outputs} value(s) for the {name}, one for each of its "
                f"output(s); came an array of shape {value.shape}"
            )
        if not np.isfinite(value).all():
            raise ForeignWeightsError(f"{where}: its {name} are not all finite numbers")
    if norm is not None and (norm.deviation <= 0).any():
        raise ForeignWeightsError(
            f"{where}: expected standard deviations above 0 for its normalisation; came "
            f"{norm.deviation.min():g}: were its statistics ever computed?"
        )
    return Layer(where, weight, values["bias"], norm, transposed)
