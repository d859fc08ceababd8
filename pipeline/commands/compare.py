"""``restore compare``: two experiments, by what they reached, how they are set, what they cost."""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.reading_params import read_params

if TYPE_CHECKING:
    from pipeline.commands.report_tables import ReportTables
    from pipeline.measuring.score_table import Place
    from pipeline.report.comparisons import ComparisonRow
    from pipeline.settings.params import Params

SUMMARY = "compare two experiments: results, settings, cost"

_NONE = "-"
"""A setting that one of the two has not."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    for name, dest in (("A", "one"), ("B", "other")):
        parser.add_argument(
            dest, metavar=name, help="an experiment, or a classical method of the last report"
        )
    parser.add_argument(
        "--all",
        action="store_true",
        help="by every protocol, not by that alone which a trial leads with",
    )


@dataclass(frozen=True)
class _Pair:
    """The two, and how wide what is said of them may be."""

    one: str
    other: str
    width: int


def run(root: Path, options: argparse.Namespace) -> int:
    """Print what two experiments differ by; see ``SUMMARY``.

    Raises:
        CommandError: A name is not known, there is no report, or the two cannot be compared.
    """
    from pipeline.commands.report_tables import read_report

    params = read_params(root / "params.yaml")
    report = read_report(root)
    pair = _Pair(options.one, options.other, shutil.get_terminal_size().columns)
    _refuse_unknown(pair, params, report)
    found = _compared(pair, params, report, every_protocol=options.all)
    if found:
        print(f"{_differences(pair, found, report)}\n")
    print(f"{_settings(pair, params)}\n", flush=True)
    print(_costs(pair, root, params))
    if not found:
        raise CommandError(_why_not(pair, params, report))
    return SUCCESS


def _refuse_unknown(pair: _Pair, params: "Params", report: "ReportTables") -> None:
    from pipeline.nearest import nearest_known

    measured = {row.experiment for rows in report.places.values() for row in rows}
    known = measured | report.original.keys() | _entries(params).keys()
    for name in (pair.one, pair.other):
        if name not in known:
            raise CommandError(
                f"{name}: neither params.yaml nor the last report has such an experiment; "
                f"{nearest_known(name, known)}",
                USAGE,
            )
    if pair.one == pair.other:
        raise CommandError(f"{pair.one}: expected two experiments, came one twice", USAGE)


def _entries(params: "Params") -> dict[str, Any]:
    sections = ("experiments", "imported", "applied", "programs", "outside")
    return {name: entry for one in sections for name, entry in getattr(params, one).items()}


# ------------------------------------------------------------------------ what they reached


def _compared(
    pair: _Pair, params: "Params", report: "ReportTables", *, every_protocol: bool
) -> "list[ComparisonRow]":
    from pipeline.measuring.protocols import first_places

    one, other = (report.original.get(name, name) for name in (pair.one, pair.other))
    leading = first_places(trial for trials in params.benchmarks.values() for trial in trials)
    found = (
        report.comparison(place, one, other)
        for place in report.places
        if every_protocol or place in leading
    )
    return [row for row in found if row is not None]


def _differences(pair: _Pair, found: "Sequence[ComparisonRow]", report: "ReportTables") -> str:
    from pipeline.commands.fitting_table import Column, fit_table, shorten
    from pipeline.measuring.statistics import Difference, Interval
    from pipeline.report.words import describe_difference, signed

    def described(row: "ComparisonRow") -> str:
        known = None if row.low is None or row.high is None else Interval(row.low, row.high)
        return describe_difference(
            Difference(mean=row.difference, interval=known, images=row.images)
        )

    columns = [
        Column(title="data set, level", right=False, shortest=16),
        Column(title="protocol", right=False, leaves=1),
        Column(title="images", leaves=2),
        Column(title="dB"),
        Column(title="95 %", right=False),
    ]
    rows = [
        [
            f"{row.data_set}, {row.degradation}",
            row.protocol,
            str(row.images),
            signed(row.difference),
            described(row),
        ]
        for row in found
    ]
    heading = f"PSNR of {_called(pair.one, report)} minus {_called(pair.other, report)}"
    lines = fit_table(columns, rows, pair.width).lines
    return "\n".join([shorten(heading, pair.width), *lines])


def _called(name: str, report: "ReportTables") -> str:
    """Return the name, and whose mean stands for it where it was run several times."""
    runs = report.runs.get(report.original.get(name, name))
    return name if runs is None else f"{name} (mean of {runs} runs)"


def _why_not(pair: _Pair, params: "Params", report: "ReportTables") -> str:
    one, other = (report.original.get(name, name) for name in (pair.one, pair.other))
    if one == other:
        return (
            f"{pair.one} and {pair.other} are runs of one experiment, which differ in their random "
            "numbers alone; data/report/repetitions.csv has their spread"
        )
    places = {name: _places_of(name, report) for name in (one, other)}
    for name, measured in places.items():
        if not measured:
            return (
                f"the last report has no results of {name}; `restore run --experiments {name}` "
                "measures it"
            )
    common = [place for place in places[one] if place in places[other]]
    if any(report.comparison(place, one, other) for place in common):
        return f"no protocol that a trial leads with measured {one} and {other}; --all shows others"
    if common:
        return (
            f"not comparable: {one} and {other} were measured at the same places, such as "
            f"{', '.join(common[0])}, but the report has no difference of the two: they were given "
            "other degraded images, or are classical methods that are not the best"
        )
    return (
        f"not comparable: {one} and {other} have no benchmark in common "
        f"({_tested_on(one, params, places[one])}; {_tested_on(other, params, places[other])})"
    )


def _places_of(name: str, report: "ReportTables") -> "list[Place]":
    return [
        place
        for place, rows in report.places.items()
        if any(row.experiment == name for row in rows)
    ]


def _tested_on(name: str, params: "Params", places: "Sequence[Place]") -> str:
    entry = _entries(params).get(name)
    if entry is not None:
        return f"{name} is tested on {entry.test_on}"
    levels = dict.fromkeys(" ".join(place[:2]) for place in places)
    return f"{name} is measured on {', '.join(levels)}"


# ------------------------------------------------------------------------- how they are set


def _settings(pair: _Pair, params: "Params") -> str:
    from pipeline.commands.fitting_table import Column, fit_table
    from pipeline.running.runs import flattened

    parts = [_resolved(name, params) for name in (pair.one, pair.other)]
    common = parts[0].keys() & parts[1].keys()
    if not common:
        return "their settings have nothing in common: classical methods have none in params.yaml"
    one, other = (
        dict(flattened({key: part for key, part in whole.items() if key in common}, "."))
        for whole in parts
    )
    rows = [
        [key, _written(one, key), _written(other, key)]
        for key in dict.fromkeys([*one, *other])
        if _written(one, key) != _written(other, key)
    ]
    if not rows:
        return "their settings are the same"
    columns = [
        Column(title="settings", right=False, shortest=16),
        Column(title=pair.one, right=False, shortest=12),
        Column(title=pair.other, right=False, shortest=12),
    ]
    return "\n".join(fit_table(columns, rows, pair.width).lines)


def _resolved(name: str, params: "Params") -> dict[str, Any]:
    """Return all that params.yaml says of an experiment, by section."""
    from pipeline.checking.training_sets import bank_of, degradation_of
    from pipeline.settings.params import Applied

    entry = _entries(params).get(name)
    if entry is None:  # a classical method
        return {}
    found = {"experiment": entry}
    if hasattr(entry, "arch"):
        found["model"] = params.models.named(entry.arch)[entry.model]
    trained = params.experiments.get(entry.weights if isinstance(entry, Applied) else name)
    if trained is not None:
        found |= {
            "recipe": params.recipes[trained.recipe],
            "pairs": params.pairs[trained.train_on],
            "patches": bank_of(trained, params),
            "degradation": degradation_of(trained, params),
        }
    return {key: one.model_dump(mode="json", exclude_none=True) for key, one in found.items()}


def _written(settings: dict[str, Any], key: str) -> str:
    if key not in settings:
        return _NONE
    value = settings[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -------------------------------------------------------------------------- what they cost


def _costs(pair: _Pair, root: Path, params: "Params") -> str:
    from pipeline.commands.fitting_table import Column, fit_table
    from pipeline.commands.tracked_runs import ask_of_weights

    cards = {name: _card(root, name, params) for name in (pair.one, pair.other)}
    unknown = {
        name: card["weights_sha256"]
        for name, card in cards.items()
        if name in params.experiments and card and "training_seconds" not in card
    }
    recorded = ask_of_weights(root, unknown)
    seconds = {name: card.get("training_seconds") for name, card in cards.items()}
    seconds |= {name: record["seconds"] for name, record in recorded.items()}
    rows = [
        ["parameters", *(_counted(card.get("parameters")) for card in cards.values())],
        [
            "multiply-adds of 256x256",
            # An ensemble computes more than the network whose weights it has.
            *(
                _counted(None if name in params.applied else card.get("multiply_adds_256"))
                for name, card in cards.items()
            ),
        ],
        ["training steps", *(_whole(card.get("steps")) for card in cards.values())],
        ["training seconds", *(_whole(duration) for duration in seconds.values())],
    ]
    columns = [
        Column(title="cost", right=False, shortest=16),
        Column(title=pair.one, shortest=12),
        Column(title=pair.other, shortest=12),
    ]
    shown = [row for row in rows if set(row[1:]) != {_NONE}]
    return "\n".join(fit_table(columns, shown, pair.width).lines) if shown else "no known cost"


def _card(root: Path, name: str, params: "Params") -> dict[str, Any]:
    """Return what is known of the weights that an entry uses; nothing of others."""
    from pipeline.commands.model_cards import read_card

    entry = params.applied.get(name)
    return read_card(root, f"data/models/{name if entry is None else entry.weights}")


def _counted(count: int | None) -> str:
    from pipeline.commands.fitting_table import shorten_count

    return _NONE if count is None else shorten_count(count)


def _whole(number: float | None) -> str:
    return _NONE if number is None else f"{number:,.0f}"
