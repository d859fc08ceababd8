"""The perceptual measures of the last report, ranked for the terminal: lower is better."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pipeline.arrays.tables import read_table
from pipeline.commands import CommandError
from pipeline.commands.fitting_table import Column, fit_table, shorten
from pipeline.measuring.perceptual_measures import MEASURES
from pipeline.report.perceptual import PerceptualLine
from pipeline.report.words import decimal, signed
from pipeline.settings.perceptual import Perceptual

_COLUMNS = [
    Column(title=""),
    Column(title="experiment", right=False, shortest=12),
    Column(title="value"),
    Column(title="to input", leaves=2),
    Column(title="input", leaves=3),
    Column(title="clean", leaves=4),
]


def read_looks(folder: Path) -> list[PerceptualLine]:
    """Return what the last report has of perceptual measures, nothing where none was asked for.

    Args:
        folder: Of the report.

    Raises:
        CommandError: The table cannot be read.
    """
    path = folder / "perceptual.csv"
    try:
        return read_table(path, PerceptualLine) if path.is_file() else []
    except (OSError, ValueError) as error:
        raise CommandError(f"{error}; `dvc repro --force report` writes it again") from error


def rank_looks(lines: Sequence[PerceptualLine], width: int) -> str:
    """Return a table a benchmark, data set, level and measure, the lowest first.

    Args:
        lines: In the order of the report; at least one.
        width: Of the terminal.
    """
    blocks = []
    for place, group in groupby(lines, _place):
        # Where an image has no value there is no mean: such a row is last.
        rows = sorted(group, key=lambda row: math.inf if row.value is None else row.value)
        cells = [_cells(rank, row) for rank, row in enumerate(rows, start=1)]
        used = [place for place, _ in enumerate(_COLUMNS) if any(row[place] for row in cells)]
        table = fit_table(
            [_COLUMNS[place] for place in used],
            [[row[place] for place in used] for row in cells],
            width,
        )
        _, data_set, degradation, measure = place
        by = f"{MEASURES[measure].title} ({measure})"
        heading = f"{data_set}, {degradation}, by {by}, lower is better"
        blocks.append("\n".join([shorten(heading, width), *table.lines]))
    return "\n\n".join(blocks)


def _place(row: PerceptualLine) -> tuple[str, str, str, Perceptual]:
    return (row.benchmark, row.data_set, row.degradation, row.measure)


def _cells(rank: int, row: PerceptualLine) -> list[str]:
    digits = MEASURES[row.measure].digits

    def shown(value: float | None) -> str:
        return "" if value is None else decimal(value, digits)

    to_input = ""
    if row.value is not None and row.value_input is not None:
        to_input = signed(row.value - row.value_input, digits)
    return [
        str(rank),
        row.experiment,
        shown(row.value),
        to_input,
        shown(row.value_input),
        shown(row.value_clean),
    ]
