import re

import pytest

from pipeline.measuring.statistics import Difference, Interval
from pipeline.report.recogniser_results import SHOWN, Score, Shown
from pipeline.report.recognition_words import (
    HEADINGS,
    describe_change,
    describe_protocol_name,
    describe_size,
    describe_split,
    show_change,
    show_interval,
    show_score,
    show_spread,
    show_value,
)
from pipeline.settings.tasks import DisjointSplit, Task
from tests.recognised import cube_task, fold_task, image_task

MINUS = "\N{MINUS SIGN}"

DISJOINT = cube_task().model_copy(
    update={"split": DisjointSplit(kind="disjoint", train=0.4, validation=0.1, margin=8)}
)


def score(value: float | None, measure: Shown = "accuracy", samples: int = 100) -> Score:
    interval = None if value is None else Interval(value - 0.1, value + 0.1)
    return Score(
        measure=measure, value=value, interval=interval, samples=samples, runs=2, spread=0.0123
    )


def difference(mean: float, wide: float | None, samples: int = 100) -> Difference:
    interval = None if wide is None else Interval(mean - wide, mean + wide)
    return Difference(mean=mean, interval=interval, images=samples)


@pytest.mark.parametrize(
    ("value", "measure", "samples", "text"),
    [
        (0.7814, "accuracy", 10_000, "78.14"),
        (0.785, "accuracy", 200, "78.5"),
        (1.0, "aa", 200, "100.0"),
        (0.98163, "kappa", 10_000, "0.982"),
        (-0.02, "kappa", 100, f"{MINUS}0.020"),
        (0.7161, "map", 100, "0.716"),
        (None, "kappa", 1, "not defined"),
    ],
)
def test_a_value_is_written_in_percent_or_as_a_fraction(
    value: float | None, measure: Shown, samples: int, text: str
) -> None:
    assert show_value(value, measure, samples) == text


def test_a_score_has_an_interval_and_a_spread_in_its_own_unit() -> None:
    assert (show_score(score(0.5)), show_interval(score(0.5))) == ("50.0", "40.0 to 60.0")
    assert show_interval(score(0.5, "map")) == "0.400 to 0.600"
    assert (show_spread(score(0.5)), show_spread(score(0.5, "map"))) == ("1.2", "0.012")
    assert show_interval(score(None, "kappa")) == "no interval"


@pytest.mark.parametrize(
    ("found", "text", "worth"),
    [
        (difference(0.2, 0.1), "+20.0", "+10.0 to +30.0"),
        (difference(-0.2, 0.1), f"{MINUS}20.0", f"{MINUS}30.0 to {MINUS}10.0"),
        (difference(0.0, 0.1), "0.0", f"within noise, {MINUS}10.0 to +10.0"),
        (difference(0.0001, None), "0.0", "one sample: no interval"),
    ],
)
def test_a_change_has_a_sign_and_what_it_is_worth(found: Difference, text: str, worth: str) -> None:
    assert show_change(found, "accuracy") == text
    assert describe_change(found, "accuracy") == worth


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (image_task(), "the samples that the publisher of the data names"),
        (cube_task(), "10 % of each class, drawn at random, train; windows .* overlap"),
        (DISJOINT, "40 % of the rows or columns train, .* with 8 between them"),
        (fold_task(2), "fold 2 of 5"),
    ],
)
def test_a_split_is_described(task: Task, words: str) -> None:
    assert re.search(words, describe_split(task))


@pytest.mark.parametrize(
    ("samples", "words"),
    [(1000, ""), (100, "one sample of 100 weighs 1 percentage point,"), (40, "weighs 2.5 ")],
)
def test_a_small_test_is_said_to_be_small(samples: int, words: str) -> None:
    assert words in describe_size(samples)
    assert bool(describe_size(samples)) == bool(words)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("published", "published split"),
        ("random-10", "10 % random"),
        ("disjoint-40", "40 % disjoint"),
        ("folds-5", "5 folds"),
        ("else", "else"),
    ],
)
def test_the_name_of_a_split_has_words(protocol: str, words: str) -> None:
    assert describe_protocol_name(protocol) == words


def test_everything_that_is_shown_has_a_heading() -> None:
    assert set(HEADINGS) == {(kind, one) for kind, shown in SHOWN.items() for one in shown}
