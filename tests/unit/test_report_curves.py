import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.report.curves import (
    BOTTOM,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    Curve,
    draw_curve,
    even_ticks,
    loss_chart,
    read_curve,
)


def curve(points: int, loss: float = 0.1) -> Curve:
    return Curve(
        step=tuple(100.0 * (n + 1) for n in range(points)),
        loss=tuple(loss / (n + 1) for n in range(points)),
        psnr=tuple(20 + n / points for n in range(points)),
        learning_rate=(0.001,) * points,
    )


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


@pytest.mark.parametrize("points", [1, 2, 7, 1999])
def test_a_curve_of_any_length_lies_inside_its_chart(points: int) -> None:
    for chart in draw_curve(curve(points)):
        drawn = places(chart.path)

        assert len(drawn) <= MOST_POINTS
        assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in drawn)
        assert drawn[-1] == chart.end
        assert chart.end[0] == RIGHT


def test_a_rising_value_rises_on_the_chart() -> None:
    psnr, loss, _ = draw_curve(curve(5))

    heights = [y for _, y in places(psnr.path)]
    assert heights == sorted(heights, reverse=True)
    assert [y for _, y in places(loss.path)] == sorted(y for _, y in places(loss.path))


def test_a_loss_of_zero_is_drawn_on_an_even_scale() -> None:
    _, positive, _ = draw_curve(curve(5))
    _, zero, _ = draw_curve(curve(5, loss=0.0))

    assert "log" in positive.title
    assert "log" not in zero.title


def test_ticks_stand_where_the_values_are() -> None:
    psnr, _, _ = draw_curve(curve(50))
    by_label = {tick.label: tick.position for tick in psnr.y_ticks}

    assert by_label["20.4"] == pytest.approx((by_label["20.2"] + by_label["20.6"]) / 2, abs=0.11)
    assert by_label["20.2"] > by_label["20.6"]


@pytest.mark.parametrize(("low", "high"), [(0, 700), (19.3, 31.7), (0, 1e-3), (0.2, 0.21), (0, 7)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = even_ticks(low, high)

    assert 3 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(len(f"{tick:g}") <= 6 for tick in ticks)


@pytest.mark.parametrize("loss", [1e-6, 0.02, 900.0, 3e7])
def test_a_loss_of_any_size_has_labelled_ticks(loss: float) -> None:
    _, chart, _ = draw_curve(curve(40, loss))

    assert 2 <= len(chart.y_ticks) <= 6
    assert all(TOP <= tick.position <= BOTTOM for tick in chart.y_ticks)


def warning(points: int, loss_at: Callable[[float], float], *, noise: float = 0.0) -> str:
    """Return what is said of a loss that depends on the part of the training that is done."""
    draw = random.Random(points)  # noqa: S311 - no secret
    done = [(n + 1) / points for n in range(points)]
    loss = [loss_at(part) * (1 + noise * draw.gauss(0, 1)) for part in done]
    return loss_chart([100.0 * (n + 1) for n in range(points)], loss).warning


def levels_off(part: float) -> float:
    return max(1 - 2 * part, 0.3)


def turns_up(part: float) -> float:
    return abs(part - 0.5) + 0.1


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("points", [20, 150, 5000])
@pytest.mark.parametrize("loss_at", [levels_off, turns_up])
def test_a_loss_that_has_not_fallen_over_the_second_half_is_warned_of(
    loss_at: Callable[[float], float], points: int, noise: float
) -> None:
    assert "the loss has not fallen" in warning(points, loss_at, noise=noise)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("points", [20, 150, 5000])
def test_a_loss_that_falls_is_not_warned_of(points: int, noise: float) -> None:
    assert warning(points, lambda part: 1 / part, noise=noise) == ""


def test_a_slow_fall_is_seen_in_a_long_training_through_its_noise() -> None:
    assert warning(5000, lambda part: 1 - 0.05 * part, noise=0.05) == ""


def test_single_peaks_do_not_hide_a_fall() -> None:
    def loss_at(part: float) -> float:
        return 100.0 if part in (0.8, 0.95) else 1 / part

    assert warning(40, loss_at) == ""


def test_of_too_few_points_nothing_is_said() -> None:
    assert warning(18, turns_up) == ""
    assert warning(1, turns_up) == ""


def test_a_curve_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.csv"
    path.write_text(
        "step,loss,psnr_train_patches,learning_rate\n100,0.5,20,0.001\n200,0.25,23,0.0005\n"
    )

    assert read_curve(path, "train@net") == Curve(
        step=(100, 200), loss=(0.5, 0.25), psnr=(20, 23), learning_rate=(0.001, 0.0005)
    )


def test_a_missing_curve_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"net.csv: .*'dvc repro train@net'"):
        read_curve(tmp_path / "net.csv", "train@net")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: expected the columns step"),
        ("step,loss\n1,2\n", "line 1: expected the columns step"),
        ("step,loss,psnr_train_patches,learning_rate\n", "at least one step"),
        (
            "step,loss,psnr_train_patches,learning_rate\n1,nan,2,3\n",
            "line 2: expected a finite number for loss, came 'nan'",
        ),
        (
            "step,loss,psnr_train_patches,learning_rate\n1,2,3\n",
            "line 2: expected 4 values, came 3",
        ),
        ("step,loss,psnr_train_patches,learning_rate\n1,a,2,3\n", "line 2: .*'a'"),
    ],
)
def test_a_file_that_is_no_curve_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "net.csv"
    path.write_text(text)

    with pytest.raises(ValueError, match=complaint):
        read_curve(path, "train@net")
