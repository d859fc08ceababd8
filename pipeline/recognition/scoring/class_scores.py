"""Scores of what was recognised: accuracies, Cohen's kappa, and mean average precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.nearest import nearest_known

Measure = Literal["accuracy", "map_image_to_text", "map_text_to_image"]
"""What a value is: 1 for a sample whose class was recognised and 0 for another; or the average
precision of the texts that an image found, or of the images that a text found."""

_BLOCK = 1 << 22
"""Similarities that are computed at once, so that memory does not grow with the square."""


@dataclass(frozen=True)
class ClassScore:
    """How one class was recognised.

    Args:
        name: Of the class.
        support: Test samples that belong to it.
        predicted: Test samples that were taken for it.
        recall: Share of its samples that were found; None without any.
        precision: Share of what was taken for it that belongs to it; None without any.
    """

    name: str
    support: int
    predicted: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Confusion:
    """How often each class was taken for each.

    Args:
        classes: Names, in the order of rows and columns.
        counts: ``(C, C)``, test samples; a row is a true class, a column a predicted one.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """How many samples were tested."""
        return int(self.counts.sum())

    @cached_property
    def by_class(self) -> tuple[ClassScore, ...]:
        """Support, recall and precision of each class."""
        right = np.diagonal(self.counts).tolist()
        true, taken = self.counts.sum(axis=1).tolist(), self.counts.sum(axis=0).tolist()
        return tuple(
            ClassScore(name, support, predicted, _share(hits, support), _share(hits, predicted))
            for name, support, predicted, hits in zip(self.classes, true, taken, right, strict=True)
        )

    @property
    def overall_accuracy(self) -> float:
        """Share of the samples that were recognised (OA), in [0, 1]."""
        return int(np.trace(self.counts)) / self.samples

    @property
    def average_accuracy(self) -> float:
        """Mean of the recalls of the classes that have test samples (AA), in [0, 1]."""
        recalls = [one.recall for one in self.by_class if one.recall is not None]
        return sum(recalls) / len(recalls)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what chance brings, at most 1.

        None where chance would agree always: one class is all there is, true and predicted.
        """
        # Whole numbers of Python, so that nothing overflows and nothing is rounded before the end.
        samples = self.samples
        chance = sum(one.support * one.predicted for one in self.by_class)
        if chance == samples**2:
            return None
        return (samples * int(np.trace(self.counts)) - chance) / (samples**2 - chance)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def count_confusion(
    labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> Confusion:
    """Count how often each class was taken for each.

    Args:
        labels: Names of the true classes, one a sample.
        predicted: Names of the predicted ones, in the same order.
        classes: Names of all classes.

    Raises:
        ValueError: There is no sample, the numbers of both differ, or a name is not a class.
    """
    if len(labels) != len(predicted) or not len(labels):
        raise ValueError(
            f"expected as many predictions as labels, and at least one; came {len(labels)} labels "
            f"and {len(predicted)} predictions"
        )
    position = {name: number for number, name in enumerate(classes)}
    unknown = next((name for name in (*labels, *predicted) if name not in position), None)
    if unknown is not None:
        raise ValueError(f"unknown class '{unknown}'; {nearest_known(unknown, position)}")
    size = len(position)
    cells = np.array([position[name] for name in labels]) * size
    cells += np.array([position[name] for name in predicted])
    counts = np.bincount(cells, minlength=size**2).reshape(size, size)
    return Confusion(tuple(classes), counts.astype(np.int64))


def average_precisions(
    queries: NDArray[np.floating],
    items: NDArray[np.floating],
    query_labels: NDArray[np.integer],
    item_labels: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return how well each query finds the items of its class.

    The definition that DSCMR was measured by (L. Zhen et al., CVPR 2019; the repository
    penghu-cs/DSCMR): all items, the partner of the query among them, are ranked by their cosine
    similarity to the query. At the rank of each item of the query's class stands a precision: the
    share of that class down to there. Their mean is the average precision (R = all: no rank is
    left out), and 0 where no item has the query's class. Items of equal similarity keep their
    order; a vector of length 0 has the similarity 0 to all.

    Args:
        queries: ``(N, D)``, representations of one kind.
        items: ``(M, D)``, representations of the other kind.
        query_labels: ``(N,)``, classes of the queries.
        item_labels: ``(M,)``, classes of the items.

    Returns:
        ``(N,)`` in [0, 1]; their mean is the mAP.

    Raises:
        ValueError: A value is not finite, or there is no item.
    """
    if not len(items) or not (np.isfinite(queries).all() and np.isfinite(items).all()):
        raise ValueError(
            f"expected finite representations and at least one item; came {len(items)} items, and "
            f"{_not_finite(queries)} queries and {_not_finite(items)} items that are not finite"
        )
    found = np.zeros(len(queries))
    towards, ranks = _directions(items).T, np.arange(1, len(items) + 1)
    for start in range(0, len(queries), max(1, _BLOCK // len(items))):
        block = np.s_[start : start + max(1, _BLOCK // len(items))]
        order = np.argsort(-(_directions(queries[block]) @ towards), axis=1, kind="stable")
        hits = item_labels[order] == query_labels[block, None]
        precisions = hits * hits.cumsum(axis=1) / ranks
        found[block] = precisions.sum(axis=1) / hits.sum(axis=1).clip(min=1)
    return found


def _directions(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return vectors of length 1, and of length 0 for those that have no direction."""
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    result = np.zeros_like(exact)
    np.divide(exact, lengths, out=result, where=lengths > 0)
    return result


def _not_finite(vectors: NDArray[np.floating]) -> int:
    return int((~np.isfinite(vectors)).any(axis=1).sum()) if vectors.size else 0
