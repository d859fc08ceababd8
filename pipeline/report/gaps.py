"""Gaps: measured results beside the published ones, and what could have made the difference."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.literature.published import Published
from pipeline.report.checklist import Check, likely_cause
from pipeline.report.results import Result


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A result that has a published counterpart.

    Args:
        number: Of the gap on the page.
        result: What was measured, with what was published.
        inside: The published number lies inside the interval of ours; none without interval.
        checks: What the run and the paper did, side by side.
        cause: The likely cause, in a sentence.
    """

    number: int
    result: Result
    inside: bool | None
    checks: Sequence[Check]
    cause: str


def find_gaps(
    results: Iterable[Result], check: Callable[[Result, Published], Sequence[Check]]
) -> list[Gap]:
    """Return every result that has a published counterpart, in the given order.

    Args:
        results: One an experiment or classical method, and place.
        check: Fills the checklist of one of them.
    """
    gaps: list[Gap] = []
    for result in results:
        if result.published is None:
            continue
        interval, checks = result.interval, check(result, result.published)
        gaps.append(
            Gap(
                number=len(gaps) + 1,
                result=result,
                inside=None if interval is None else interval.contains(result.published.psnr),
                checks=checks,
                cause=likely_cause(checks),
            )
        )
    return gaps
