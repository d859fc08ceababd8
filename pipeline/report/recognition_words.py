"""Scores of recognisers and settings of their tasks in the words of the page."""

from collections.abc import Mapping

from pipeline.measuring.statistics import Difference, Interval
from pipeline.report.recogniser_results import Score, Shown
from pipeline.report.words import decimal
from pipeline.settings.tasks import (
    DisjointSplit,
    FoldSplit,
    Kind,
    PublishedSplit,
    Task,
)

HEADINGS: Mapping[tuple[Kind, Shown], str] = {
    ("images", "accuracy"): "Accuracy, %",
    ("cube", "accuracy"): "OA, %",
    ("cube", "aa"): "AA, %",
    ("cube", "kappa"): "Kappa",
    ("features", "map_image_to_text"): "mAP, texts by image",
    ("features", "map_text_to_image"): "mAP, images by text",
    ("features", "map"): "mAP, mean",
}
"""Of the columns of scores, by kind of task."""

WHAT: Mapping[Kind, tuple[str, str]] = {
    "images": ("image", "images"),
    "cube": ("pixel", "pixels"),
    "features": ("pair", "pairs"),
}
"""What a sample of each kind of task is called, one and several."""

_PERCENT = {"accuracy", "aa"}

_MANY = 1000
"""Test samples from which on a second digit of a percentage says something."""


def show_value(value: float | None, measure: Shown, samples: int = _MANY) -> str:
    """Return a score as the page writes it: in percent, or as a fraction with three digits.

    Args:
        value: A fraction; None where it is not defined.
        measure: What it is.
        samples: How many it is a mean over.
    """
    if value is None:
        return "not defined"
    if measure in _PERCENT:
        return decimal(100 * value, 2 if samples >= _MANY else 1)
    return decimal(value, 3)


def show_score(score: Score) -> str:
    """Return the value of a score."""
    return show_value(score.value, score.measure, score.samples)


def show_spread(score: Score) -> str:
    """Return the standard deviation of a score over its runs."""
    return "" if score.spread is None else show_value(score.spread, score.measure, score.samples)


def show_interval(score: Score) -> str:
    """Return the bounds of a score's interval."""
    if score.interval is None:
        return "no interval"
    low, high = score.interval.low, score.interval.high
    return (
        f"{show_value(low, score.measure, score.samples)} to "
        f"{show_value(high, score.measure, score.samples)}"
    )


def show_change(change: Difference, measure: Shown) -> str:
    """Return a difference of two scores with its sign: in percentage points, or as a fraction."""
    return _signed(change.mean, measure, change.images)


def describe_change(change: Difference, measure: Shown) -> str:
    """Return what a difference of two scores is worth."""
    if change.interval is None:
        return "one sample: no interval"
    bounds = _bounds(change.interval, measure, change.images)
    return f"within noise, {bounds}" if change.within_noise else bounds


def show_gap(gap: float, measure: Shown) -> str:
    """Return measured minus published, with its sign."""
    return _signed(gap, measure, _MANY)


def _bounds(interval: Interval, measure: Shown, samples: int) -> str:
    low, high = (_signed(end, measure, samples) for end in (interval.low, interval.high))
    return f"{low} to {high}"


def _signed(value: float, measure: Shown, samples: int) -> str:
    text = show_value(value, measure, samples)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def describe_split(task: Task) -> str:
    """Return in words which samples of a task train and which are tested on."""
    split = task.split
    if isinstance(split, PublishedSplit):
        return "tested on the samples that the publisher of the data names"
    if isinstance(split, FoldSplit):
        return f"tested on fold {split.test} of {split.folds}, drawn class by class"
    if isinstance(split, DisjointSplit):
        return (
            f"{100 * split.train:g} % of the rows or columns train, others are tested on, with "
            f"{split.margin} between them"
        )
    words = f"{100 * split.train:g} % of each class, drawn at random, train"
    if task.kind == "cube":
        words += (
            "; windows around test pixels overlap windows around training pixels, which flatters "
            "the scores"
        )
    return words


def describe_size(samples: int) -> str:
    """Return a warning about a small test set; empty for a large one."""
    if samples >= _MANY:
        return ""
    return (
        f"A small test: one sample of {samples} weighs {100 / samples:.2g} percentage "
        f"point{'' if samples == 100 else 's'}, so mind the intervals."
    )


def describe_protocol_name(protocol: str) -> str:
    """Return the name of a split, such as ``random-10``, in words."""
    way, _, value = protocol.partition("-")
    names = {
        "published": "published split",
        "random": f"{value} % random",
        "disjoint": f"{value} % disjoint",
        "folds": f"{value} folds",
    }
    return names.get(way, protocol)
