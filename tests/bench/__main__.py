"""Measure how fast the project is on this machine: ``python -m tests.bench``.

Every part runs in a process of its own. Writes ``benchmark.jsonl`` with all values,
``benchmark.txt`` with medians and spreads and ``benchmark.png``; with ``--against FILE`` each
figure stands beside that of an earlier ``benchmark.jsonl``. More is better but for seconds and
megabytes; the limit is what the machine gave to bare convolutions or to Pillow in the same run, or,
for the data stages, what is aimed at. Times of a busy machine mean nothing: let it do nothing else.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.measurement import Measurement, as_lines, from_lines
from tests.bench.table import as_text, draw

IN_A_HURRY: Mapping[str, Sequence[str]] = {
    "training": ("--plain", "--rounds=1", "--seconds=0.1", "--networks", "DnCNN-S 17x64"),
    "recognition": ("--rounds=1", "--seconds=0.1", "--networks", "DSCMR, 4096 and 300"),
    "inference": ("--rounds=1", "--megapixels=0.3"),
    "data": ("--images=20",),
    "startup": ("--rounds=1", "--experiments=3"),
    "memory": ("--patches=2000", "--stages", "extract", "degrade_stored"),
}
"""The modules beside this one that print measurements, and what makes each of them hurry."""


def main() -> None:
    """Measure, and write what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(IN_A_HURRY)}")
    parser.add_argument("--sets", type=Path, help="folder with one folder a published image set")
    parser.add_argument("--out", type=Path, default=Path("benchmark"), help="folder to write into")
    parser.add_argument("--against", type=Path, help="benchmark.jsonl of an earlier run")
    parser.add_argument(
        "--quick", action="store_true", help="once and roughly, to see that all of it works"
    )
    options = parser.parse_args()
    unknown = set(options.parts) - set(IN_A_HURRY)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    before = from_lines(options.against.read_text().splitlines()) if options.against else []
    options.out.mkdir(parents=True, exist_ok=True)
    _say(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    now: list[Measurement] = []
    for part in options.parts or IN_A_HURRY:
        command = [sys.executable, "-m", f"tests.bench.{part}"]
        command += IN_A_HURRY[part] if options.quick else ()
        if part == "data" and options.sets:
            command.append(str(options.sets))
        found = _measured(command)
        _say(f"{as_text(found, before)}\n")
        now += found
    (options.out / "benchmark.jsonl").write_text("".join(f"{line}\n" for line in as_lines(now)))
    (options.out / "benchmark.txt").write_text(f"{as_text(now, before)}\n")
    draw(now, options.out / "benchmark.png")
    _say(f"all values, table and picture: {options.out}")


def _measured(command: Sequence[str]) -> list[Measurement]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed, exit code {done.returncode}")
    return from_lines(done.stdout.splitlines())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
