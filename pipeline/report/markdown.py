"""The answers and the leaderboard as Markdown, for a pull request."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.measuring.score_table import Place
from pipeline.report.answers import Answer
from pipeline.report.comparisons import compare
from pipeline.report.perceptual import Kind, PerceptualBlock, PerceptualRow
from pipeline.report.results import Result
from pipeline.report.words import (
    decimal,
    describe_difference,
    describe_method,
    describe_sureness,
    signed,
)


def as_markdown(
    groups: Mapping[Place, Sequence[Result]],
    answers: Sequence[Answer],
    degradations: Mapping[str, str],
    looks: Iterable[PerceptualBlock],
) -> str:
    """Return a sentence a test, and the rows of each below it, then what images look like.

    Args:
        groups: Results by place.
        answers: Of the tests, by the protocols that they lead with.
        degradations: The levels in words, by their labels.
        looks: Perceptual measures, lower for the better, which decide nothing about the others.
    """
    parts = ["# Results\n"]
    for one in answers:
        words = degradations[one.best.degradation]
        parts.append(f"- {_sentence(one, words)}")
    for one in answers:
        best = one.best
        parts += [
            f"\n## {degradations[best.degradation]}, {best.data_set}, `{best.protocol}`\n",
            "| method | PSNR, dB | SSIM | over the input | to the best |",
            "| --- | ---: | ---: | ---: | --- |",
            *(
                _row(result, best)
                for result in sorted(groups[best.place], key=lambda row: row.psnr, reverse=True)
            ),
        ]
    for block in looks:
        words = degradations[block.degradation]
        parts += [
            f"\n## {words}, {block.data_set}, {block.title} (`{block.measure}`), lower is better\n",
            f"| method | `{block.measure}` | to the input |",
            "| --- | ---: | --- |",
            *(_look(row, block.digits) for row in block.rows),
        ]
    return "\n".join(parts) + "\n"


def _sentence(one: Answer, degradation: str) -> str:
    """Return which network is the best, by how much, how sure that is, and what it costs."""
    best = one.best
    parts = [
        f"**{degradation}**, {best.data_set}: **{best.experiment}** {decimal(best.psnr, 2)} dB, "
        f"{signed(best.gain)} over the input"
    ]
    if one.rival is not None:
        sure = f", {describe_sureness(one.lead)}" if one.lead else ""
        ahead = signed(best.psnr - one.rival.psnr)
        parts.append(f"{ahead} over {describe_method(one.rival.experiment)}{sure}")
    if best.published is not None and best.gap is not None:
        parts.append(f"{signed(best.gap)} to {best.published.system} as published")
    if one.cost is not None:
        parts.append(f"{one.cost.parameters:,} parameters".replace(",", " "))
    return "; ".join(parts) + "."


def _row(result: Result, best: Result) -> str:
    name = describe_method(result.experiment) if result.is_baseline else f"`{result.experiment}`"
    found = None if result is best else compare(result, best)
    to_best = f"{signed(found.mean)} ({describe_difference(found)})" if found else ""
    psnr = f"**{decimal(result.psnr, 2)}**" if result is best else decimal(result.psnr, 2)
    cells = [name, psnr, decimal(result.ssim, 4), signed(result.gain), to_best]
    return f"| {' | '.join(cells)} |"


def _look(row: PerceptualRow, digits: int) -> str:
    names: dict[Kind, str] = {
        "clean": "clean images",
        "input": "degraded input",
        "classical": describe_method(row.name),
        "network": f"`{row.name}`",
    }
    value = "" if row.value is None else decimal(row.value, digits)
    found = row.to_input
    worth = f"{signed(found.mean, digits)} ({describe_difference(found, digits)})" if found else ""
    cells = [names[row.kind], f"**{value}**" if row.is_best else value, worth]
    return f"| {' | '.join(cells)} |"
