"""The first answers: which network is the best on each test, by how much, and how sure that is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.measuring.score_table import Place
from pipeline.measuring.statistics import Difference
from pipeline.report.comparisons import compare, have_same_input
from pipeline.report.cost_figure import CostFigure, draw_costs
from pipeline.report.network_table import Network
from pipeline.report.results import Result


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one test says, by the protocol that it leads with.

    Args:
        best: The network with the highest PSNR.
        equals: Other networks whose difference to it is within noise, the best first.
        rival: The best classical method on the same degraded images; None if there is none.
        lead: Of the network over ``rival``, image by image.
        cost: Of the network; None of what others restored, for example.
        figures: PSNR against each kind of cost, for all networks of the test.
    """

    best: Result
    equals: Sequence[Result]
    rival: Result | None
    lead: Difference | None
    cost: Network | None
    figures: Sequence[CostFigure]


def answer(
    groups: Mapping[Place, Sequence[Result]],
    headline: Collection[Place],
    networks: Iterable[Network],
) -> list[Answer]:
    """Return an answer for each test that networks were measured on, in the order of the table.

    Args:
        groups: Results by place.
        headline: Places of the protocol that each trial leads with.
        networks: What the networks cost.
    """
    costs = {network.result.experiment: network for network in networks}
    return [
        _answer(results, costs)
        for place, results in groups.items()
        if place in headline and not all(result.is_baseline for result in results)
    ]


def _answer(results: Sequence[Result], costs: Mapping[str, Network]) -> Answer:
    best = max((one for one in results if not one.is_baseline), key=lambda result: result.psnr)
    same = [one for one in results if one is not best and have_same_input(one, best)]
    # A method that leaves the image alone is the input.
    methods = [one for one in same if one.is_baseline and one.gain != 0]
    rival = max(methods, key=lambda result: result.psnr, default=None)
    others = [one for one in same if not one.is_baseline]
    return Answer(
        best=best,
        equals=sorted(
            (one for one in others if _is_equal(best, one)), key=lambda one: one.psnr, reverse=True
        ),
        rival=rival,
        lead=None if rival is None else compare(best, rival),
        cost=costs.get(best.experiment),
        figures=draw_costs([best, *others], methods, costs),
    )


def _is_equal(best: Result, other: Result) -> bool:
    found = compare(best, other)
    return found is not None and found.within_noise is True
