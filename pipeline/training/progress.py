"""A progress bar with loss, score, speed and time left; silent when nobody watches."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tqdm import tqdm

from pipeline.running.several_processes import position
from pipeline.settings.params import Recipe
from pipeline.training.loop import CurvePoint


class Progress:
    """Show on the terminal how far a training is; write nothing into pipes and log files.

    Args:
        experiment: Name to show.
        recipe: Knows how many steps there are and how many samples each has.
        unit: What the samples are, such as patches.
        shown: Puts a score into words.
        done: Steps that were done before, by a run that was interrupted.
    """

    def __init__(
        self,
        experiment: str,
        recipe: Recipe,
        done: int,
        *,
        unit: str = "patches",
        shown: Callable[[float], str],
    ) -> None:
        self.batch = recipe.batch
        self.shown = shown
        self.bar = tqdm(
            desc=experiment,
            total=recipe.steps * recipe.batch,
            initial=done * recipe.batch,
            unit=f" {unit}",
            unit_scale=True,
            disable=None if sys.stderr.isatty() and position() == 0 else True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def advance(self, step: int) -> None:
        """Note how many steps are done; they may be fewer after memory ran out."""
        self.bar.update(step * self.batch - self.bar.n)

    def show(self, point: CurvePoint) -> None:
        """Show a new point of the curve."""
        validation = (
            "" if point.validation is None else f", validation {self.shown(point.validation)}"
        )
        self.bar.set_postfix_str(f"loss {point.loss:.3g}, {self.shown(point.score)}{validation}")
