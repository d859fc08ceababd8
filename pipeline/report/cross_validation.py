"""Cross-validation: recognisers whose tasks differ in the fold that is tested on, put together."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.measuring.statistics import mean, spread
from pipeline.report.recogniser_results import (
    OF_CLASSES,
    SHOWN,
    Recogniser,
    Score,
    Shown,
    interval_of,
)
from pipeline.settings.tasks import FoldSplit, Task


@dataclass(frozen=True, kw_only=True)
class CrossValidated:
    """One recogniser, trained on all folds but one, tested on that one, in turn.

    Args:
        folds: One recogniser a fold, each of clean samples.
        of: How many folds the samples were divided into.
        scores: Of all tested samples together, with the spread over the folds.
    """

    folds: tuple[Recogniser, ...]
    of: int
    scores: tuple[Score, ...]

    @property
    def first(self) -> Recogniser:
        """Which stands for all."""
        return self.folds[0]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, one a fold."""
        return tuple(fold.settings.task for fold in self.folds)


def cross_validate(recognisers: Iterable[Recogniser]) -> list[CrossValidated]:
    """Return what several folds of the same data reached together.

    Args:
        recognisers: All of them; those of other splits are left out.
    """
    groups: dict[object, dict[int, Recogniser]] = {}
    for one in recognisers:
        split = one.first.task.split
        if isinstance(split, FoldSplit) and one.is_of_clean:
            settings = one.settings
            key = (_data(one.first.task), one.model, settings.recipe, settings.keep)
            groups.setdefault(key, {}).setdefault(split.test, one)
    return [_together(tuple(folds.values())) for folds in groups.values() if len(folds) > 1]


def _data(task: Task) -> str:
    """Return all settings of a task but for which folds it tests on and chooses by."""
    plain = task.model_dump(exclude={"split": {"test", "validation"}})
    return repr(plain)


def _together(folds: tuple[Recogniser, ...]) -> CrossValidated:
    split = folds[0].first.task.split
    return CrossValidated(
        folds=folds,
        of=split.folds if isinstance(split, FoldSplit) else len(folds),
        scores=tuple(
            _pooled(folds, measure) for measure in SHOWN[folds[0].kind] if measure not in OF_CLASSES
        ),
    )


def _pooled(folds: tuple[Recogniser, ...], measure: Shown) -> Score:
    values = [fold.values(fold.settings.task, measure) for fold in folds]
    together = np.concatenate(values)
    return Score(
        measure=measure,
        value=mean(together.tolist()),
        interval=interval_of(measure, together),
        samples=len(together),
        runs=len(folds),
        spread=spread([float(one.mean()) for one in values]),
    )
