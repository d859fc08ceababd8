"""``restore sweep``: try every combination of some values, and rank what came of it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError
from pipeline.commands.reading_params import read_params
from pipeline.commands.table import as_table
from pipeline.commands.trying import NothingChangesError, Planned, carry_out, plan

if TYPE_CHECKING:
    from pipeline.commands.score_comparison import ScorePair
    from pipeline.settings.params import Params

SUMMARY = "try every combination of some values beside the main line, and rank them"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="what to change")
    parser.add_argument(
        "changes",
        nargs="+",
        metavar="KEY=VALUE,VALUE",
        help="what to change, as for `restore try --set`, with several values between commas",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Run the tries one after the other; see ``SUMMARY``.

    Raises:
        CommandError: One of them cannot be tried, so that none has run.
    """
    from pipeline.graph.trial_workspace import TrialBusyError

    params = read_params(root / "params.yaml")
    asked = [
        _planned(root, options.experiment, one, params) for one in _combinations(options.changes)
    ]
    planned = [one for one in asked if one is not None]
    if not planned:
        raise CommandError(
            f"nothing to try: {options.experiment} has each of these values already", USAGE
        )
    found: list[tuple[Planned, Sequence[ScorePair]]] = []
    failed = 0
    for number, one in enumerate(planned, 1):
        print(f"{number} of {len(planned)}: {', '.join(one.trial.changes)}", file=sys.stderr)
        try:
            found.append((one, carry_out(root, one)))
        except (CommandError, TrialBusyError) as error:
            failed += 1
            print(f"restore: {error}", file=sys.stderr)
    if found:
        print(f"\n{_ranked(options.experiment, found)}\n")
        print(
            "`restore try --keep NAME` writes one of them into params.yaml, `restore ui` has curves"
        )
    if failed:
        raise CommandError(f"{failed} of {len(planned)} tries failed, see above", FAILURE)
    return SUCCESS


def _planned(
    root: Path, experiment: str, changes: Sequence[str], params: "Params"
) -> Planned | None:
    """Return what to try of a combination, or None for the main line, which is ranked anyway."""
    left = list(changes)
    while left:
        try:
            return plan(root, experiment, left, params)
        except NothingChangesError as error:
            left.remove(error.change)
    return None


def _combinations(changes: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each choice of one value for every key, as ``restore try`` takes them."""
    choices = []
    for text in changes:
        key, equals, values = text.partition("=")
        if not equals:
            raise CommandError(
                f"{text}: expected KEY=VALUE,VALUE such as recipe.steps=500,1000", USAGE
            )
        choices.append([f"{key}={value.strip()}" for value in _split(values)])
    return list(dict.fromkeys(product(*choices)))


def _split(values: str) -> Iterator[str]:
    """Yield what stands between commas, those within brackets left alone."""
    depth = start = 0
    for at, letter in enumerate(values):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            yield values[start:at]
            start = at + 1
    yield values[start:]


def _ranked(experiment: str, found: "Sequence[tuple[Planned, Sequence[ScorePair]]]") -> str:
    """Return the tries by the PSNR of the first test, the original among them."""
    from pipeline.report.words import decimal, describe_difference, signed

    rows: list[tuple[float, tuple[str, ...]]] = []
    for one, pairs in found:
        name, changes = one.trial.name, ", ".join(one.trial.changes)
        if not pairs:
            rows.append((float("-inf"), (name, changes, "", "on other images", "")))
            continue
        first = pairs[0]
        difference = (signed(first.difference.mean), describe_difference(first.difference))
        rows.append((first.after[0], (name, changes, decimal(first.after[0], 2), *difference)))
    measured = [pairs[0] for _, pairs in found if pairs]
    place = "PSNR"
    if measured:
        psnr = measured[0].before[0]
        rows.append((psnr, (experiment, "as it is", decimal(psnr, 2), "", "")))
        place = f"PSNR on {' '.join(measured[0].place)}"
    rows.sort(key=lambda row: -row[0])
    titles = ("try", "changes", place, "difference", "")
    return as_table([titles, *(cells for _, cells in rows)], right={2, 3})
