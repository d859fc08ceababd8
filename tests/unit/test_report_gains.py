from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import pytest

from pipeline.measuring.statistics import Difference, Interval
from pipeline.report.downstream import Degraded, Downstream, Row
from pipeline.report.gains import BOTTOM, HEIGHT, LEFT, RIGHT, SERIES, TOP, WIDTH, draw_gains
from pipeline.report.labels import Label

Point = tuple[float, float]


def table(points: Mapping[str, Point], model: str = "net.small", wide: float = 0.02) -> Downstream:
    """Return a table of restored inputs: PSNR gain and accuracy gain by their names."""
    rows = tuple(
        Row(
            name=f"noisy_{name}",
            by=name,
            psnr=20 + psnr,
            psnr_gain=psnr,
            score=None,
            change=Difference(mean=gain, interval=Interval(gain - wide, gain + wide), images=100),
            own=None,
        )
        for name, (psnr, gain) in points.items()
    )
    empty = Row(name="n", by=None, psnr=20, psnr_gain=None, score=None, change=None, own=None)
    return Downstream(
        task="faces",
        model=model,
        recipe="quick",
        keep="last",
        measure="accuracy",
        samples=100,
        clean=None,
        degraded=(Degraded(label="gaussian_25", words="noise", row=empty, restored=rows),),
    )


def box(label: Label) -> tuple[float, float, float, float]:
    """Return about what a label covers, with narrower letters than are allowed for."""
    wide = 5.5 * len(label.text)
    left = label.x - wide if label.ends else label.x
    return left, label.y - 8, left + wide, label.y + 1


def overlap(one: Label, other: Label) -> bool:
    a, b = box(one), box(other)
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_more_decibels_are_further_right_and_more_accuracy_is_higher() -> None:
    drawn = draw_gains([table({"net": (8.0, 0.2), "tiny": (3.0, 0.1)})])

    assert drawn is not None
    net, tiny = drawn.points
    assert net.x > tiny.x
    assert net.y < tiny.y < drawn.zero
    assert net.high < net.y < net.low
    assert "noisy_net, net.small on faces: PSNR +8.00 dB, +20.0 points" in net.summary


@pytest.mark.parametrize(
    "points",
    [
        {"one": (8.0, 0.2)},
        {"one": (8.0, 0.0), "two": (8.0, 0.0)},
        {"one": (-2.0, -0.3), "two": (0.0, 0.0)},
        {f"experiment_{at}": (at % 7, at % 5 / 20) for at in range(25)},
    ],
)
def test_everything_lies_inside_the_figure(points: Mapping[str, Point]) -> None:
    drawn = draw_gains([table(points)])

    assert drawn is not None
    for point in drawn.points:
        assert LEFT <= point.x <= RIGHT
        assert TOP <= point.high <= point.y <= point.low <= BOTTOM
    assert all(TOP <= tick.position <= BOTTOM for tick in drawn.y_ticks)
    assert all(LEFT <= tick.position <= RIGHT for tick in drawn.x_ticks)
    for label in drawn.labels:
        left, top, right, bottom = box(label)
        assert left >= LEFT - 1
        assert right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.3])
def test_labels_of_near_points_do_not_overlap(gap: float) -> None:
    points = {f"restorer_{at}": (8 + gap * at, 0.2 + gap * at / 50) for at in range(7)}

    drawn = draw_gains([table(points), table({"far": (1.0, 0.0)}, "net.large")])

    assert drawn is not None
    assert len(drawn.labels) == 8
    assert not [pair for pair in combinations(drawn.labels, 2) if overlap(*pair)]


def test_a_restored_input_that_several_recognisers_saw_is_labelled_once() -> None:
    one, other = table({"net": (8.0, 0.2)}), table({"net": (8.0, 0.25)}, "net.large")

    drawn = draw_gains([one, other])

    assert drawn is not None
    assert drawn.series == ("net.small on faces", "net.large on faces")
    assert [point.series for point in drawn.points] == [0, 1]
    assert [label.text for label in drawn.labels] == ["net"]


def test_a_label_stands_at_the_highest_mark_of_its_input() -> None:
    drawn = draw_gains([table({"net": (8.0, 0.0)}), table({"net": (8.0, 0.4)}, "net.large")])

    assert drawn is not None
    low, high = drawn.points
    (label,) = drawn.labels
    assert abs(label.y - high.y) < 15 < abs(label.y - low.y)


def test_an_experiment_that_restored_several_inputs_is_labelled_by_input() -> None:
    found = table({"one": (8.0, 0.2), "two": (3.0, 0.1)})
    (degraded,) = found.degraded
    rows = tuple(replace(row, by="net") for row in degraded.restored)

    drawn = draw_gains([replace(found, degraded=(replace(degraded, restored=rows),))])

    assert drawn is not None
    assert {label.text for label in drawn.labels} == {"noisy_one", "noisy_two"}


def test_a_label_away_from_its_mark_is_joined_to_it() -> None:
    drawn = draw_gains([table({f"restorer_{at}": (8.0, 0.2) for at in range(6)})])

    assert drawn is not None
    joined = [label for label in drawn.labels if label.line]
    assert len(joined) >= 4
    assert all(label.line.startswith(f"M{drawn.points[0].x:g} ") for label in joined)


def test_more_kinds_than_marks_begin_again() -> None:
    drawn = draw_gains([table({"net": (8.0, 0.2)}, f"net.{at}") for at in range(SERIES + 1)])

    assert drawn is not None
    assert [point.series for point in drawn.points] == [*range(SERIES), 0]


def test_tables_without_gains_are_no_series_and_no_table_gives_no_figure() -> None:
    plain = table({"net": (8.0, 0.2)})
    empty = replace(plain, model="net.none", degraded=())

    drawn = draw_gains([empty, plain])

    assert drawn is not None
    assert drawn.series == ("net.small on faces",)
    assert draw_gains([empty]) is None
    assert draw_gains([]) is None


def test_the_figure_names_all_that_its_gains_are_of() -> None:
    images = table({"net": (8.0, 0.2)})
    pairs = replace(images, task="pairs", measure="map")
    without = replace(pairs, degraded=())

    drawn = [draw_gains(tables) for tables in ([images, without], [pairs], [images, pairs, images])]

    assert [one.measure for one in drawn if one] == ["accuracy", "mAP", "accuracy or mAP"]


def test_the_same_tables_give_the_same_figure() -> None:
    tables = [table({f"r{at}": (8 + at / 9, 0.2) for at in range(9)})]

    assert draw_gains(tables) == draw_gains(tables)
