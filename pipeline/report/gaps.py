"""Gaps: measured results beside the published ones, and what could have made the difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.literature.draws import Draw
from pipeline.literature.published import Published
from pipeline.report.checklist import Check, likely_cause
from pipeline.report.margins import Margin, margin_of
from pipeline.report.results import Result


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A result that has a published counterpart.

    Args:
        number: Of the gap on the page.
        result: What was measured, with what was published.
        margin: How far apart the two may be although all is the same.
        worth: Whether the gap is within the margin, in a few words.
        checks: What the run and the paper did, side by side.
        cause: What may be the cause, in a few sentences.
    """

    number: int
    result: Result
    margin: Margin
    worth: str
    checks: Sequence[Check]
    cause: str

    @property
    def is_behind(self) -> bool:
        """Tell whether ours is worse, by more than the margin."""
        gap = self.result.gap
        return gap is not None and gap < 0 and not self.margin.covers(gap)


def find_gaps(
    results: Iterable[Result],
    check: Callable[[Result, Published], Sequence[Check]],
    draws: Mapping[tuple[str, str], Draw],
) -> list[Gap]:
    """Return every result that has a published counterpart, in the given order.

    Args:
        results: One an experiment or classical method, and place.
        check: Fills the checklist of one of them.
        draws: How far another draw of the noise moves a mean, by data set and level.
    """
    gaps: list[Gap] = []
    for result in results:
        if result.published is None or result.gap is None:
            continue
        checks = check(result, result.published)
        margin = margin_of(result.published, draws.get((result.data_set, result.degradation)))
        gaps.append(
            Gap(
                number=len(gaps) + 1,
                result=result,
                margin=margin,
                worth=margin.says(result.gap),
                checks=checks,
                cause=_cause(result.gap, margin, checks),
            )
        )
    return gaps


def _cause(gap: float, margin: Margin, checks: Iterable[Check]) -> str:
    if not margin.covers(gap):
        return likely_cause(checks)
    differing = [
        check.item for check in checks if check.verdict == "differs" and check.item != "noise draw"
    ]
    also = f" Different all the same: {', '.join(differing)}." if differing else ""
    return f"Nothing to explain: {margin.causes} may make as much.{also}"
