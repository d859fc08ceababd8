"""Which samples of a task train, choose and test.

All draws are made class by class from generators keyed by the seed, the task and the class: what
one class draws depends on no other. Folds alone leave out the task: the tasks of a cross-validation
differ in name and share the folds.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.randomness import generator
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.labelled.samples import UNLABELLED, Part
from pipeline.settings.tasks import DisjointSplit, FoldSplit, PublishedSplit, RandomSplit

Split = PublishedSplit | RandomSplit | FoldSplit | DisjointSplit
Labels = NDArray[np.int16]
Parts = NDArray[np.uint8]

_ROUNDING = 1e-9
"""What a product of a share and a count may lack of a whole number."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classes:
    """The labels of a task and what is needed to speak of them.

    Args:
        name: Of the task.
        names: Of the classes.
        labels: ``(N,)``, or ``(H, W)`` of a cube; ``UNLABELLED`` where there is none.
    """

    name: str
    names: tuple[str, ...]
    labels: Labels

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many samples each class has."""
        return np.bincount(self.labels[self.labels != UNLABELLED], minlength=len(self.names))

    def shuffled(self, among: NDArray[np.bool_], *key: str | int) -> list[NDArray[np.int64]]:
        """Return the positions of each class's samples in the flattened labels, in random order.

        Args:
            among: The shape of the labels, true where a sample counts.
            key: What the order depends on, beside the class.
        """
        flat, allowed = self.labels.ravel(), among.ravel()
        return [
            generator(*key, name).permutation(np.flatnonzero((flat == number) & allowed))
            for number, name in enumerate(self.names)
        ]

    @property
    def remedy(self) -> str:
        """What to do about a class with too few samples."""
        if self.labels.ndim == 2:
            return f"leave it out by naming it under tasks.{self.name}.ignore"
        return "give it more samples, or take it out of the data"


def split_samples(
    classes: Classes, split: Split, seed: int, published: NDArray[np.bool_] | None = None
) -> Parts:
    """Return the part of every sample.

    Args:
        classes: The samples' labels.
        split: How to split.
        seed: Of ``params.yaml``.
        published: ``(N,)``, true where the publisher tests; None if nobody says.

    Returns:
        The shape of the labels, values of ``Part``; samples without a label are in no part.

    Raises:
        DatasetError: A part would lack a class, or the split does not suit the data.
    """
    if isinstance(split, DisjointSplit):
        return _disjoint(classes, split)
    _require_samples(classes, split)
    if isinstance(split, RandomSplit):
        return _random(classes, split, seed)
    if isinstance(split, FoldSplit):
        return _folds(classes, split, seed)
    return _published(classes, split, seed, published)


def _require_samples(classes: Classes, split: PublishedSplit | RandomSplit | FoldSplit) -> None:
    """Refuse classes with fewer samples than there are parts, or folds, to be in."""
    if isinstance(split, FoldSplit):
        needed, why = split.folds, f"one for each of {split.folds} folds"
    elif split.validation:
        needed, why = 3, "one each to train, to choose and to test"
    else:
        needed, why = 2, "one each to train and to test"
    for name, count in zip(classes.names, classes.counts, strict=True):
        if count < needed:
            raise DatasetError(
                f"task '{classes.name}': class '{name}' has {count} sample(s); expected {needed} "
                f"or more, {why}: {classes.remedy}"
            )


# ---------------------------------------------------------------------- class by class


def _random(classes: Classes, split: RandomSplit, seed: int) -> Parts:
    counts = classes.counts
    left = 2 if split.validation else 1
    train = _allot(counts, split.train, counts - left)
    validation = _allot(counts, split.validation, counts - train - 1)
    parts = _nothing(classes)
    drawn = classes.shuffled(classes.labels != UNLABELLED, seed, classes.name, "split")
    for order, trained, chosen in zip(drawn, train, validation, strict=True):
        parts[order[:trained]] = Part.TRAIN
        parts[order[trained : trained + chosen]] = Part.VALIDATION
        parts[order[trained + chosen :]] = Part.TEST
    return parts.reshape(classes.labels.shape)


def _published(
    classes: Classes, split: PublishedSplit, seed: int, test: NDArray[np.bool_] | None
) -> Parts:
    if test is None:
        raise DatasetError(
            f"tasks.{classes.name}.split: expected 'random' or 'folds', as nobody published which "
            "samples of this set to test on (images of your own: FOLDER/train/CLASS and "
            "FOLDER/test/CLASS say it); came 'published'"
        )
    training = classes.shuffled(~test, seed, classes.name, "split")
    counts = np.array([len(order) for order in training])
    chosen = _allot(counts, split.validation, counts - 1)
    parts = _nothing(classes)
    parts[test.ravel() & (classes.labels.ravel() != UNLABELLED)] = Part.TEST
    for order, count in zip(training, chosen, strict=True):
        parts[order[:count]] = Part.VALIDATION
        parts[order[count:]] = Part.TRAIN
    used = [Part.TRAIN, Part.TEST, *([Part.VALIDATION] if split.validation else [])]
    for part in used:
        for name in _absent(_counted(classes, parts)[:, part], classes):
            raise DatasetError(
                f"task '{classes.name}': class '{name}' has no sample for the part "
                f"'{part.name.lower()}' as published: {classes.remedy}, or split at random"
            )
    return parts.reshape(classes.labels.shape)


def _folds(classes: Classes, split: FoldSplit, seed: int) -> Parts:
    parts = _nothing(classes)
    roles = np.full(split.folds, Part.TRAIN, np.uint8)
    roles[split.test] = Part.TEST
    if split.validation is not None:
        roles[split.validation] = Part.VALIDATION
    # Each class goes on where the last one ended, so that the folds are equal as a whole, too.
    begun = 0
    for order in classes.shuffled(classes.labels != UNLABELLED, seed, "folds"):
        parts[order] = roles[(begun + np.arange(len(order))) % split.folds]
        begun += len(order)
    return parts.reshape(classes.labels.shape)


def _allot(counts: NDArray[np.int64], share: float, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many samples of each class make a share of all.

    Largest remainders: together they are that share, rounded down, as far as each class gives one
    at least and no more than ``most``.
    """
    if not share:
        return np.zeros_like(counts)
    quotas = counts * share
    allotted: NDArray[np.int64] = np.clip(
        np.floor(quotas + _ROUNDING).astype(np.int64), 1, np.maximum(most, 0)
    )
    missing = int(share * counts.sum() + _ROUNDING) - int(allotted.sum())
    remainders = quotas - allotted
    order = [n for n in np.argsort(-remainders, kind="stable") if remainders[n] > _ROUNDING]
    open_to_more = [n for n in order if allotted[n] < most[n]]
    allotted[open_to_more[: max(missing, 0)]] += 1
    return allotted


def _nothing(classes: Classes) -> Parts:
    return np.full(classes.labels.size, Part.NONE, np.uint8)


def _counted(classes: Classes, parts: Parts) -> NDArray[np.int64]:
    """Return how many samples of each class are in each part, ``(classes, values of Part)``."""
    labelled = classes.labels.ravel() != UNLABELLED
    table = np.zeros((len(classes.names), len(Part)), np.int64)
    np.add.at(table, (classes.labels.ravel()[labelled], parts.ravel()[labelled]), 1)
    return table


def _absent(counts: NDArray[np.int64], classes: Classes) -> list[str]:
    return [name for name, count in zip(classes.names, counts, strict=True) if not count]


# ------------------------------------------------------------------------- side by side


@dataclass(frozen=True)
class _Direction:
    axis: int
    backwards: bool

    def __str__(self) -> str:
        ends = ("top", "bottom") if self.axis == 0 else ("left", "right")
        return f"{('rows', 'columns')[self.axis]} from the {ends[self.backwards]}"


_DIRECTIONS = [_Direction(axis, backwards) for axis in (0, 1) for backwards in (False, True)]


def _disjoint(classes: Classes, split: DisjointSplit) -> Parts:
    """Lay training, validation and test side by side along one of four directions.

    Taken is the one in which the least represented class has the largest share of its samples in
    the part that has least of it; of several, the first.
    """
    used = [Part.TRAIN, *([Part.VALIDATION] if split.validation else []), Part.TEST]
    counts = np.maximum(classes.counts, 1)[:, None]
    best: tuple[tuple[int, float], _Direction, Parts] | None = None
    for direction, parts in _candidates(classes, split, used):
        shares = _counted(classes, parts)[:, used] / counts
        merit = (-int((shares == 0).sum()), float(shares.min()))
        if best is None or merit > best[0]:
            best = merit, direction, parts
    if best is None:
        raise DatasetError(
            f"tasks.{classes.name}.split: expected room for {len(used)} parts with margins of "
            f"{split.margin} between them in a scene of "
            f"{classes.labels.shape[0]} rows and {classes.labels.shape[1]} columns; there is none "
            f"with train {split.train} and validation {split.validation}"
        )
    _, direction, parts = best
    _require_all_classes(classes, parts, used, direction)
    _log.info("task '%s': parts lie side by side along the %s", classes.name, direction)
    return parts


def _candidates(
    classes: Classes, split: DisjointSplit, used: Sequence[Part]
) -> Iterator[tuple[_Direction, Parts]]:
    labelled = classes.labels != UNLABELLED
    for direction in _DIRECTIONS:
        lines = _lines(split, classes.labels.shape[direction.axis], len(used))
        if lines is not None:
            lines = lines[::-1] if direction.backwards else lines
            whole = lines[:, None] if direction.axis == 0 else lines[None, :]
            yield direction, np.where(labelled, whole, np.uint8(Part.NONE))


def _lines(split: DisjointSplit, length: int, used: int) -> Parts | None:
    """Return the part of each row, or column, or None if they do not fit."""
    train = max(1, round(split.train * length))
    validation = max(1, round(split.validation * length)) if split.validation else 0
    test = length - train - validation - split.margin * (used - 1)
    if test < 1:
        return None
    runs = [(train, Part.TRAIN), (split.margin, Part.NONE)]
    if validation:
        runs += [(validation, Part.VALIDATION), (split.margin, Part.NONE)]
    runs += [(test, Part.TEST)]
    return np.repeat([np.uint8(part) for _, part in runs], [count for count, _ in runs])


def _require_all_classes(
    classes: Classes, parts: Parts, used: Sequence[Part], direction: _Direction
) -> None:
    counted = _counted(classes, parts)
    lacking = {part: _absent(counted[:, part], classes) for part in used}
    if any(lacking.values()):
        lines = [
            f"  {part.name.lower()} lacks {', '.join(names)}"
            for part, names in lacking.items()
            if names
        ]
        raise DatasetError(
            "\n".join(
                [
                    f"task '{classes.name}': no direction gives each part samples of each class; "
                    f"in the best, along the {direction},",
                    *lines,
                    f"name these classes under tasks.{classes.name}.ignore, or change the shares "
                    "or the margin",
                ]
            )
        )
