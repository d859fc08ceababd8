"""How long commands take that have nothing to do: ``python -m tests.bench.startup``.

Prints one line of JSON a figure. DVC is asked about a project of many experiments, all of whose
outputs are there: small files in the place of real ones, which DVC looks at in the same way.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.checking.params_file import read_yaml
from tests.bench.measurement import Measurement, print_lines
from tests.project import command_environment, copy_project, run

WITHOUT_TORCH = (
    "check",
    "download",
    "extract",
    "degrade",
    "degrade_test",
    "guard",
    "evaluate",
    "report",
)
"""Stages that have nothing to compute with torch."""

AGAIN = ("repro", "--single-item", "--force", "list_tests")
"""A stage that computes next to nothing: what it costs is DVC's own time, and Python's start."""

OUTPUTS = """\
from pathlib import Path
from dvc.repo import Repo

def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")

with Repo() as repo:
    for out in repo.index.outs:
        path = Path(out.fs_path)
        write(path if path.suffix else path / "file")
    for dependency in repo.index.deps:  # files inside a folder that is an output
        if not dependency.exists:
            write(Path(dependency.fs_path))
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        project = finished_project(Path(folder) / "project", options.experiments)
        print_lines(measure(project, options.rounds))


def finished_project(target: Path, experiments: int) -> Path:
    """Return a project in which everything is up to date."""
    project = copy_project(target, preset="smoke")
    params = read_yaml(project / "params.yaml")
    known = list(params["experiments"].values())
    params["experiments"] = {f"e{n}": known[n % len(known)] for n in range(experiments)}
    # Samples are restored with the weights of experiments that are not there any more.
    for section in ("tasks", "inputs", "restored_inputs", "recognition"):
        params[section] = {}
    (project / "params.yaml").write_text(json.dumps(params, indent=1))
    run(project, sys.executable, "-c", OUTPUTS)
    run(project, "dvc", "commit", "--force")
    status = json.loads(run(project, "dvc", "status", "--json").stdout)
    if status:
        raise RuntimeError(f"expected a project with nothing to do, came {sorted(status)}")
    return project


def measure(project: Path, rounds: int) -> Iterator[Measurement]:
    """Yield the seconds of each command."""
    stages = len(run(project, "dvc", "stage", "list", "--all").stdout.splitlines())
    nothing = f"nothing to do, {stages} stages"
    commands: dict[str, Sequence[str]] = {
        "restore --help": ("restore", "--help"),
        f"dvc repro, {nothing}": ("dvc", "repro"),
        f"restore run, {nothing}": ("restore", "run"),
        "restore plan": ("restore", "plan"),
        **{
            f"stage {name} begins": (sys.executable, "-m", f"stages.{name}", "--help")
            for name in WITHOUT_TORCH
        },
        "stage train begins": (sys.executable, "-m", "stages.train", "--help"),
    }
    again: dict[str, Sequence[str]] = {
        f"one stage again by dvc repro, {stages} stages": ("dvc", *AGAIN),
        f"one stage again as restore run does, {stages} stages": (
            *(sys.executable, "-m", "pipeline.graph.unhurried_dvc"),
            *AGAIN,
        ),
    }
    # What runs again leaves others with something to do.
    for name, found in [*_timed(project, commands, rounds), *_timed(project, again, rounds)]:
        yield Measurement("start-up", name, "s", tuple(found[1:]))  # the first fills the caches


def _timed(
    project: Path, commands: Mapping[str, Sequence[str]], rounds: int
) -> list[tuple[str, list[float]]]:
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    environment = command_environment(project)
    for _ in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - start)
    return [*seconds.items()]


if __name__ == "__main__":
    main()
