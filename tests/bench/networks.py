"""What the networks of params.yaml cost on this machine, beside what they reached.

``python -m tests.bench.networks`` prints a table as Markdown: what ``data/report/networks.csv``
says, and the speed of each training, measured now for a few seconds.
"""

from pipeline.running.process import compute_environment, restart_with, usable_threads

if __name__ == "__main__":
    restart_with(compute_environment(usable_threads(64)))

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.checking.params_file import load_params
from pipeline.commands.probe import probe
from pipeline.settings.params import Params

HEADINGS = (
    "experiment",
    "network",
    "parameters",
    "paper's",
    "receptive field",
    "G multiply-adds at 256x256",
    "test",
    "PSNR",
    "input",
    "gain",
    "s to train",
    "patches/s",
)


def lines(params: Params, table: Path) -> Iterator[str]:
    """Yield the table line by line.

    Args:
        params: What was trained.
        table: ``networks.csv`` of its report.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = {row["experiment"]: row for row in csv.DictReader(file)}
    names = [name for name in params.experiments if name in rows]
    found = probe(params, names)
    yield f"{found['device']}\n"
    yield _line(HEADINGS)
    yield _line(["---"] * len(HEADINGS))
    seconds: dict[str, float] = found["seconds_per_step"]  # type: ignore[assignment]
    for name in names:
        row, recipe = rows[name], params.recipes[params.experiments[name].recipe]
        psnr, before = float(row["psnr"]), float(row["psnr_input"])
        yield _line(
            [
                name,
                row["model"],
                f"{int(row['parameters']):,}",
                f"{int(row['parameters_published']):,}" if row["parameters_published"] else "",
                row["receptive_field"] or "whole image",
                f"{int(row['multiply_adds_256']) / 1e9:.2f}",
                f"{row['data_set']} {row['degradation']} {row['protocol']}",
                f"{psnr:.2f}",
                f"{before:.2f}",
                f"{psnr - before:+.2f}",
                f"{seconds[name] * recipe.steps:.0f}",
                f"{recipe.batch / seconds[name]:.0f}",
            ]
        )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in lines(load_params(Path("params.yaml")), Path("data/report/networks.csv")):
        sys.stdout.write(f"{line}\n")
