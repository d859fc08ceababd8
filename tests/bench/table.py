"""Measurements as a table, beside an earlier one, and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.measurement import Measurement

LESS_IS_BETTER = {"s", "MB", "times"}


def as_text(now: Sequence[Measurement], before: Sequence[Measurement] = ()) -> str:
    """Return the measurements as lines of text, those that were measured before beside them."""
    known = {(one.group, one.name, one.unit): one for one in before}
    lines: list[str] = []
    group = ""
    for one in now:
        if one.group != group:
            group = one.group
            lines += ["", group, *([f"  {one.note}"] if one.note else [])]
        lines.append(f"  {_cells(one, known)}")
    return "\n".join(lines[1:])


def _cells(one: Measurement, known: Mapping[tuple[str, str, str], Measurement]) -> str:
    cells = [
        f"{one.name:<45}",
        f"{_number(one.middle):>10} {one.unit:<9}",
        f"±{one.spread:>4.0%} of {len(one.values)}",
    ]
    if one.limit:
        cells.append(f"{one.middle / one.limit:>6.2f} of the limit")
    earlier = known.get((one.group, one.name, one.unit))
    if earlier is not None and earlier.middle:
        change = one.middle / earlier.middle
        cells.append(
            f"{change:>6.2f} times {_number(earlier.middle)} before{_verdict(one, change)}"
        )
    return "  ".join(cells).rstrip()


def _verdict(one: Measurement, change: float) -> str:
    worse = change > 1.1 if one.unit in LESS_IS_BETTER else change < 0.9
    return "  <- worse" if worse else ""


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def draw(now: Sequence[Measurement], path: Path) -> None:
    """Draw each group as bars with the range of its values, and the limit of the machine.

    Args:
        now: The measurements.
        path: PNG file to write.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    groups: dict[str, list[Measurement]] = {}
    for one in now:
        groups.setdefault(f"{one.group} ({one.unit})" if one.unit else one.group, []).append(one)
    heights = [len(ones) + 1.5 for ones in groups.values()]
    figure, axes = pyplot.subplots(
        len(groups),
        figsize=(10, 0.3 * sum(heights)),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
        layout="constrained",
    )
    for (title, ones), axis in zip(groups.items(), axes[:, 0], strict=True):
        places = range(len(ones))
        middles = [one.middle for one in ones]
        ends = [
            [one.middle - min(one.values) for one in ones],
            [max(one.values) - one.middle for one in ones],
        ]
        axis.barh(places, middles, xerr=ends, color="#4878a8", ecolor="#222222", height=0.7)
        for place, one in enumerate(ones):
            if one.limit:
                axis.plot([one.limit] * 2, [place - 0.4, place + 0.4], color="#c44e52", lw=2)
        axis.set_yticks(places, [one.name for one in ones], fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.invert_yaxis()
        axis.set_title(title, fontsize=9, loc="left")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.suptitle("Bars: medians and ranges. Red: the limit that was measured", fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
