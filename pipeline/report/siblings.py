"""The same method on images that were degraded as a paper did: what the difference is worth.

Two benchmarks may have the same images, one degraded in RGB and the other in luma. A method that
was measured on both tells what that is worth, and nobody need guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.literature.papers import Paper
from pipeline.measuring.statistics import difference
from pipeline.report.results import Result
from pipeline.settings.params import Trial


@dataclass(frozen=True, kw_only=True)
class OnTrial:
    """A result and what it is of.

    Args:
        result: What was measured.
        trial: What it was measured on.
        method: Checksum of the weights and the way they were applied, or the classical method.
    """

    result: Result
    trial: Trial
    method: tuple[str, ...]


def effect_of_colour(
    tested: OnTrial, others: Iterable[OnTrial], paper: Paper | None
) -> float | None:
    """Return by how many decibels a result is better than on images degraded as the paper's.

    Args:
        tested: A result.
        others: All results.
        paper: What is known of the published system; none if nothing is.

    Returns:
        None if the paper's colour space is the same or not known, or nothing was measured in it.
    """
    if paper is None:
        return None
    known = {str(kind): conditions.colours for kind, conditions in paper.tests.items()}
    colours = known.get(tested.trial.degradation.kind)
    if colours is None or tested.trial.colour in colours:
        return None
    for other in others:
        same = (other.method, other.result.place) == (tested.method, tested.result.place)
        if same and other.trial.colour in colours:
            return difference(tested.result.psnr, other.result.psnr)
    return None
