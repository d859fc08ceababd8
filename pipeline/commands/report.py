"""``restore report``: what was reached, each benchmark ranked, as wide as the terminal is."""

import argparse
import shutil
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.reading_params import read_params

if TYPE_CHECKING:
    from pipeline.commands.fitting_table import Column
    from pipeline.commands.report_tables import ReportTables
    from pipeline.measuring.score_table import Place
    from pipeline.report.results import ResultRow
    from pipeline.settings.params import Trial

SUMMARY = "print the results of the last report, each benchmark ranked"

_RECOGNISED = ("recogniser", "train_on", "input", "psnr", "samples", "measure", "value")
"""Columns that the table of what was recognised has at least."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--benchmark",
        metavar="NAME",
        help="only this entry of benchmarks in params.yaml, or this data set",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="by every protocol, not by that alone which a trial leads with, and with all columns",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Print the results; see ``SUMMARY``.

    Raises:
        CommandError: There is no report, it cannot be read, or it has nothing of what was asked.
    """
    from pipeline.commands.report_tables import REPORT, read_report

    report = read_report(root)
    width = shutil.get_terminal_size().columns
    shown = _asked_for(root, report, options.benchmark, every_protocol=options.all)
    if shown:
        print(_ranked(report, shown, width, everything=options.all))
    elif options.benchmark is not None or report.places:
        raise CommandError(_nothing(options.benchmark))
    else:
        print("nothing was restored")
    _print_looks(root, options.benchmark, width)
    if options.benchmark is None:
        _print_recognised(root, width)
    print(f"\n{REPORT / 'index.html'}")
    return SUCCESS


# ------------------------------------------------------------------------ what is asked for


def _asked_for(
    root: Path, report: "ReportTables", name: str | None, *, every_protocol: bool
) -> "list[Place]":
    """Return the places to show, in the order of the report."""
    from pipeline.measuring.protocols import first_places

    if name is None and every_protocol:
        return list(report.places)
    benchmarks = read_params(root / "params.yaml").benchmarks
    trials = [trial for benchmark in benchmarks.values() for trial in benchmark]
    if name is not None:
        trials = _named(name, benchmarks, trials)
    wanted = first_places(trials)
    if every_protocol:
        levels = {place[:2] for place in wanted}
        return [place for place in report.places if place[:2] in levels]
    return [place for place in report.places if place in wanted]


def _named(
    name: str, benchmarks: "Mapping[str, list[Trial]]", trials: "Iterable[Trial]"
) -> "list[Trial]":
    from pipeline.nearest import nearest_known

    if name in benchmarks:
        return benchmarks[name]
    found = [trial for trial in trials if trial.dataset == name]
    if not found:
        known = {*benchmarks, *(trial.dataset for trial in trials)}
        raise CommandError(
            f"--benchmark {name}: params.yaml tests on no such benchmark or data set; "
            f"{nearest_known(name, known)}",
            USAGE,
        )
    return found


def _nothing(benchmark: str | None) -> str:
    if benchmark is None:
        return (
            "the last report has nothing of what the benchmarks of params.yaml lead with; "
            "`dvc repro` or `restore run` brings it up to date, and --all shows what it has"
        )
    return (
        f"the last report has nothing of {benchmark}; `dvc repro` or `restore run` brings it up "
        "to date"
    )


# --------------------------------------------------------------------------- ranked tables


def _ranked(
    report: "ReportTables", places: "Sequence[Place]", width: int, *, everything: bool
) -> str:
    """Return a table a place, whose columns are as wide in all of them."""
    from pipeline.commands.fitting_table import fit_table, shorten

    ranked = {
        place: sorted(report.places[place], key=lambda row: row.psnr, reverse=True)
        for place in places
    }
    cells = [
        _cells(report, place, rank, row, rows[0])
        for place, rows in ranked.items()
        for rank, row in enumerate(rows, start=1)
    ]
    columns = [
        column
        for column in _columns(everything=everything)
        if any(one[column.title] for one in cells)
    ]
    known = [[one[column.title] for column in columns] for one in cells]
    table = fit_table(columns, known, width)
    titles, lines = table.lines[0], iter(table.lines[1:])
    blocks = []
    for (data_set, degradation, protocol), rows in ranked.items():
        images = max(row.images for row in rows)
        count = f"{images} image" if images == 1 else f"{images} images"
        heading = f"{data_set}, {degradation}, by {protocol}, {count}"
        own = [next(lines) for _ in rows]
        blocks.append("\n".join([shorten(heading, width), titles, *own]))
    notes = _notes(table.without, width, everything=everything)
    return "\n\n".join([*blocks, textwrap.fill(notes, width)])


def _columns(*, everything: bool) -> "list[Column]":
    from pipeline.commands.fitting_table import Column

    more = [
        Column(title="95 %", leaves=7),
        Column(title="input", leaves=6),
        Column(title="published", leaves=8),
    ]
    return [
        Column(title=""),
        Column(title="experiment", right=False, shortest=12),
        *([Column(title="network", right=False, leaves=9, shortest=12)] if everything else []),
        Column(title="PSNR"),
        Column(title="gain", leaves=2),
        Column(title="to best", right=False, leaves=1),
        Column(title="SSIM", leaves=3),
        *(more if everything else []),
        Column(title="params", leaves=4),
        Column(title="MAdds", leaves=5),
    ]


def _cells(
    report: "ReportTables", place: "Place", rank: int, row: "ResultRow", best: "ResultRow"
) -> dict[str, str]:
    from pipeline.commands.fitting_table import shorten_count
    from pipeline.measuring.statistics import difference
    from pipeline.report.words import decimal, signed

    network = report.networks.get(row.experiment)
    runs = report.runs.get(row.experiment)
    adds = None if network is None else network.multiply_adds_256
    bounds = (row.psnr_low, row.psnr_high)
    return {
        "": str(rank),
        "experiment": row.experiment if runs is None else f"{row.experiment} ({runs} runs)",
        "network": row.model,
        "PSNR": decimal(row.psnr, 2),
        "gain": signed(difference(row.psnr, row.psnr_input)),
        "to best": _to_best(report, place, row, best),
        "SSIM": decimal(row.ssim, 4),
        "95 %": " to ".join(decimal(bound, 2) for bound in bounds if bound is not None),
        "input": decimal(row.psnr_input, 2),
        "published": "" if row.psnr_published is None else decimal(row.psnr_published, 2),
        "params": "" if network is None else shorten_count(network.parameters),
        "MAdds": "" if adds is None else shorten_count(adds),
    }


def _to_best(report: "ReportTables", place: "Place", row: "ResultRow", best: "ResultRow") -> str:
    """Return the difference to the best row, as far as the two were given the same images."""
    from pipeline.measuring.statistics import difference
    from pipeline.report.comparisons import SAME_INPUT
    from pipeline.report.words import signed

    if row is best:
        return ""
    found = report.comparison(place, row.experiment, best.experiment)
    if found is not None:
        return signed(found.difference) + (" within noise" if found.within_noise else "")
    # Of the classical methods the report compares the best alone, image by image.
    other_input = abs(difference(row.psnr_input, best.psnr_input)) > SAME_INPUT
    if other_input or row.images != best.images:
        return "other input"
    return signed(difference(row.psnr, best.psnr))


def _notes(without: Collection[str], width: int, *, everything: bool) -> str:
    notes = (
        "PSNR in dB; gain: over the input; to best: mean difference to the first row on the same "
        "images, within noise where another choice of images could turn its sign; MAdds: "
        "multiply-adds for 256x256 restored pixels."
    )
    if without:
        names = ", ".join(without)
        return f"{notes} No room in {width} columns: {names} (COLUMNS=160 makes it)."
    return notes if everything else f"{notes} --all: every protocol, more columns."


def _print_looks(root: Path, name: str | None, width: int) -> None:
    from pipeline.commands.report_looks import rank_looks, read_looks
    from pipeline.commands.report_tables import REPORT

    lines = [
        line
        for line in read_looks(root / REPORT)
        if name is None or name in {line.benchmark, line.data_set}
    ]
    if lines:
        print(f"\n{rank_looks(lines, width)}")


# ------------------------------------------------------------------------------ recognition


def _print_recognised(root: Path, width: int) -> None:
    from pipeline.arrays.tables import read_mappings
    from pipeline.commands.fitting_table import Column, fit_table
    from pipeline.commands.report_tables import REPORT

    path = root / REPORT / "recognition.csv"
    try:
        rows = read_mappings(path, (*_RECOGNISED, "low", "high")) if path.is_file() else []
        cells = [_recognised(row) for row in rows]
    except (OSError, ValueError) as error:
        raise CommandError(f"{error}; `dvc repro --force report` writes it again") from error
    if not cells:
        return
    columns = [
        Column(title="recogniser", right=False, shortest=16),
        Column(title="trained on", right=False, leaves=1, shortest=12),
        Column(title="input", right=False, shortest=12),
        Column(title="PSNR", leaves=2),
        Column(title="samples", leaves=4),
        Column(title="measure", right=False),
        Column(title="value"),
        Column(title="95 %", leaves=3),
    ]
    print("\n".join(["", *fit_table(columns, cells, width).lines]))


def _recognised(row: "Mapping[str, str]") -> list[str]:
    from pipeline.report.words import decimal

    def rounded(column: str, digits: int) -> str:
        return decimal(float(row[column]), digits) if row[column] else ""

    bounds = " to ".join(filter(None, (rounded("low", 3), rounded("high", 3))))
    known = {"psnr": rounded("psnr", 2), "value": rounded("value", 3)}
    return [*(known.get(column, row[column]) for column in _RECOGNISED), bounds]
