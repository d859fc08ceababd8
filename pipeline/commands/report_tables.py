"""The tables of the last report as commands read them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.arrays.tables import read_table
from pipeline.commands import CommandError
from pipeline.measuring.score_table import Place
from pipeline.report.comparisons import ComparisonRow
from pipeline.report.network_table import NetworkRow
from pipeline.report.repetitions import RepetitionRow
from pipeline.report.results import ResultRow

REPORT = Path("data") / "report"
"""Folder of the report, in that of the project."""

Row = TypeVar("Row", ResultRow, ComparisonRow, NetworkRow, RepetitionRow)


@dataclass(frozen=True, kw_only=True)
class ReportTables:
    """What the last report says of restoration.

    Args:
        places: What was reached, by place, in the order of the report: one row an experiment, with
            the means over its repetitions, and one a classical method.
        runs: How many repetitions each experiment has that has any.
        original: Name of the experiment that another one repeats, by its name.
        compared: Differences between two of them, the first minus the second, by place and names.
        networks: What the networks cost, by experiment.
    """

    places: Mapping[Place, list[ResultRow]]
    runs: Mapping[str, int]
    original: Mapping[str, str]
    compared: Mapping[tuple[Place, str, str], ComparisonRow]
    networks: Mapping[str, NetworkRow]

    def comparison(self, place: Place, one: str, other: str) -> ComparisonRow | None:
        """Return ``one`` minus ``other``; None if the two were not given the same images."""
        found = self.compared.get((place, one, other))
        if found is not None:
            return found
        turned = self.compared.get((place, other, one))
        return None if turned is None else _turned(turned)


def read_report(root: Path) -> ReportTables:
    """Return the tables of the last report.

    Args:
        root: Folder of the project.

    Raises:
        CommandError: There is none, or a table is not what the report writes.
    """
    results = _read(root, "results.csv", ResultRow)
    repeated = {
        (row.experiment, row.data_set, row.degradation, row.protocol): row
        for row in _read(root, "repetitions.csv", RepetitionRow)
    }
    places: dict[Place, list[ResultRow]] = {}
    for row in results:
        place = (row.data_set, row.degradation, row.protocol)
        if row.repetition_of is None:
            mean = repeated.get((row.experiment, *place))
            places.setdefault(place, []).append(row if mean is None else _averaged(row, mean))
    return ReportTables(
        places=places,
        runs={row.experiment: row.runs for row in repeated.values()},
        original={row.experiment: row.repetition_of for row in results if row.repetition_of},
        compared={
            ((row.data_set, row.degradation, row.protocol), row.experiment, row.other): row
            for row in _read(root, "comparisons.csv", ComparisonRow)
        },
        networks={row.experiment: row for row in _read(root, "networks.csv", NetworkRow)},
    )


def _read(root: Path, name: str, row_type: type[Row]) -> list[Row]:
    try:
        return read_table(root / REPORT / name, row_type, "report")
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error


def _averaged(row: ResultRow, mean: RepetitionRow) -> ResultRow:
    return replace(
        row, psnr=mean.psnr, ssim=mean.ssim, psnr_low=mean.psnr_low, psnr_high=mean.psnr_high
    )


def _turned(row: ComparisonRow) -> ComparisonRow:
    return replace(
        row,
        experiment=row.other,
        other=row.experiment,
        difference=-row.difference,
        low=None if row.high is None else -row.high,
        high=None if row.low is None else -row.low,
    )
