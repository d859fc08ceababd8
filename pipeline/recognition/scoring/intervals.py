"""How sure a score of a recogniser is: intervals of 95 % over test samples.

A test set may have 10,000 samples and more, too many to draw anew 10,000 times; and of samples
that are right or wrong the distribution is known. So shares have intervals by formulas that hold
for few samples too, also where all of them are right; average precisions, which may be anything
from 0 to 1, have the bootstrap, and Student's t where they are many.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from pipeline.measuring.statistics import CONFIDENCE, Difference, Interval, mean_interval

MOST_RESAMPLED = 1000
"""Samples that are drawn anew for a bootstrap; of more the means are normal to all that shows."""

_Z = float(ndtri((1 + CONFIDENCE) / 2))


def share_interval(right: float, samples: int) -> Interval:
    """Return the interval of a share: E. B. Wilson's score interval, JASA 1927.

    Its bounds stay in [0, 1] and have a distance also where nothing, or all, is right.

    Args:
        right: How many samples are right. The mean over several runs may have a fraction; it varies
            less than one run does, so that the interval is rather too wide than too narrow.
        samples: How many there are, at least one.
    """
    share, spread = right / samples, _Z**2 / samples
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def share_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    """Compare two shares of right answers to the same samples.

    The interval is that of A. Agresti and Y. Min (Statistics in Medicine 2005): Wald's, with half a
    sample more in each of the four cells of right and wrong. It counts the samples that only one
    of the two has right, as McNemar's test does.

    Args:
        one: ``(N,)``, 1 for a right answer and 0 for a wrong one, or means of these over runs.
        other: The same of the other, in the same order.

    Returns:
        The first minus the second, between -1 and 1.
    """
    differences = one - other
    samples = len(differences) + 2
    total, squares = math.fsum(differences), math.fsum(differences**2) + 1
    middle = total / samples
    half = _Z * math.sqrt((squares - total * middle) / samples**2)
    return Difference(
        mean=total / len(differences),
        interval=Interval(max(-1.0, middle - half), min(1.0, middle + half)),
        images=len(differences),
    )


def precision_interval(values: NDArray[np.float64]) -> Interval | None:
    """Return the interval of a mean of average precisions, or of differences of them.

    Args:
        values: ``(N,)``, one a query.

    Returns:
        None for a single query.
    """
    if len(values) <= MOST_RESAMPLED:
        width = len(str(len(values)))
        return mean_interval({f"{at:0{width}}": float(one) for at, one in enumerate(values)})
    middle = float(values.mean())
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(middle - half, middle + half)


def precision_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    """Compare two means of average precisions of the same queries.

    Args:
        one: ``(N,)`` in [0, 1].
        other: The same of the other, in the same order.
    """
    differences = one - other
    return Difference(
        mean=math.fsum(differences) / len(differences),
        interval=precision_interval(differences),
        images=len(differences),
    )
