"""The points of a training curve on disk: what a training wrote, and what a report draws."""

from dataclasses import dataclass
from typing import Annotated

from pipeline.arrays.tables import Number

_Fraction = Annotated[float, Number(".4f")]
_Short = Annotated[float, Number(".6g")]


@dataclass(frozen=True, kw_only=True)
class RestoringPoint:
    """A logged step of a network that learns to restore.

    Args:
        step: Steps done.
        loss: The recipe's loss.
        psnr_train_patches: Of the restored training patches, in decibels.
        learning_rate: Of the optimiser.
    """

    step: int
    loss: _Short
    psnr_train_patches: Annotated[float, Number(".4f")]
    learning_rate: _Short


@dataclass(frozen=True, kw_only=True)
class RecognisingPoint:
    """A logged step of a network that learns to recognise.

    Args:
        step: Steps done.
        loss: The recipe's loss.
        accuracy_train: Of the training samples, in [0, 1].
        accuracy_validation: Score of the validation part, in [0, 1]; None without one.
        learning_rate: Of the optimiser.
    """

    step: int
    loss: _Short
    accuracy_train: _Fraction
    accuracy_validation: _Fraction | None
    learning_rate: _Short
