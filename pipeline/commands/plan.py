"""``restore plan``: what would run and why, and what it would cost."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError
from pipeline.commands.graph import add_selection, read_graph
from pipeline.commands.reading_params import read_params
from pipeline.commands.table import as_table

if TYPE_CHECKING:
    from pipeline.commands.costs import SetCost, TrainingCost
    from pipeline.settings.params import Params

SUMMARY = "list what would run and why; with --estimate, what it costs"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_selection(parser)
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="also data, disk, steps, and time from a probe of each training (a minute or so)",
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="estimate all of a shipped preset instead, without taking it",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Print the plan; see ``SUMMARY``.

    Raises:
        CommandError: Something that was named does not exist, a stage would stop before it
            begins, or the probe failed.
    """
    if options.preset is not None:
        path = _preset(root, options.preset)
        params = read_params(path)
        work = _all_of(params)
        if options.experiments is not None:
            work = _Work(experiments=_known(options.experiments, params))
        _print_costs(root, path, params, work)
        return SUCCESS
    wanted = _print_stages(root, options)
    path = root / "params.yaml"
    # Without the file nothing is known of what stages read.
    if not options.estimate and not (wanted and path.is_file()):
        return SUCCESS
    params = read_params(path)
    _refuse_faults(root, params, wanted)
    if options.estimate:
        _print_costs(root, path, params, _part_of(params, wanted))
    return SUCCESS


# ------------------------------------------------------------------------ what would run


def _print_stages(root: Path, options: argparse.Namespace) -> Collection[str]:
    from pipeline.graph import dag

    selection = read_graph(root, options.experiments)
    graph = selection.chosen
    if options.force:
        graph = {name: replace(one, stale=one.stale or ("forced",)) for name, one in graph.items()}
    causes = dag.causes(graph)
    if not causes:
        print(selection.nothing_to_do)
        return []
    width = max(len(name) for name in causes)
    for name, why in causes.items():
        if graph[name].stale:
            print(f"{name:<{width}}  {'; '.join(why)}")
        else:
            who = f"{why[-1]} runs" if len(why) == 1 else f"{why[-1]} and {len(why) - 1} more run"
            print(f"{name:<{width}}  if what it reads changes, because {who}")
    certain = sum(bool(graph[name].stale) for name in causes)
    may = f", {len(causes) - certain} may follow" if certain < len(causes) else ""
    print(f"\n{certain} of {len(graph)} stages to run{may}; {_door(options)} does it")
    if selection.left_stale:
        print(selection.left_stale)
    return causes


def _refuse_faults(root: Path, params: "Params", stages: Collection[str]) -> None:
    """Refuse a plan with stages that would stop before they begin."""
    from pipeline.commands.plan_faults import faults_before_running

    sys.stdout.flush()
    faults = faults_before_running(root, params, stages)
    if faults:
        lines = [f"{len(faults)} fault(s) would stop this:", *faults]
        raise CommandError("\n".join(lines).replace("\n", "\n  "))


def _door(options: argparse.Namespace) -> str:
    if options.experiments is None:
        return "`restore run` or `dvc repro`"
    return f"`restore run --experiments {' '.join(options.experiments)}`"


# --------------------------------------------------------------------- what it would cost


@dataclass(frozen=True)
class _Work:
    """What is to be done, by name; the tests of the experiments are understood."""

    experiments: Sequence[str] = ()
    benchmarks: Sequence[str] = ()
    imported: Sequence[str] = ()
    tasks: Sequence[str] = ()
    recognisers: Sequence[str] = ()


def _all_of(params: "Params") -> _Work:
    others = [*params.imported, *params.applied, *params.programs, *params.outside]
    return _Work(
        list(params.experiments),
        list(params.benchmarks),
        others,
        list(params.tasks),
        list(params.recognition),
    )


def _part_of(params: "Params", stages: Collection[str]) -> _Work:
    return _Work(
        [name for name in params.experiments if f"train@{name}" in stages],
        [name for name in params.benchmarks if f"degrade_test@{name}" in stages],
        [
            name
            for section in ("imported", "applied", "programs", "outside")
            for name in getattr(params, section)
            if f"reconstruct_{section}@{name}" in stages
        ],
        [name for name in params.tasks if f"collect@{name}" in stages],
        [name for name in params.recognition if f"learn@{name}" in stages],
    )


def _preset(root: Path, name: str) -> Path:
    from pipeline.checking.preset import PresetError, find_preset

    try:
        return find_preset(root, name)
    except PresetError as error:
        raise CommandError(str(error), USAGE) from error


def _known(names: Sequence[str], params: "Params") -> list[str]:
    from pipeline.nearest import nearest_known

    for name in names:
        if name not in params.experiments:
            hint = nearest_known(name, params.experiments)
            raise CommandError(f"there is no experiment '{name}'; {hint}", USAGE)
    return [name for name in params.experiments if name in names]


def _print_costs(root: Path, path: Path, params: "Params", work: _Work) -> None:
    from pipeline.commands.costs import disk_needed, set_costs, task_costs, training_costs
    from pipeline.images.files import ImageError
    from pipeline.images.raw_images import DatasetError

    try:
        sets = set_costs(root, params, work.experiments, work.benchmarks)
        disk = disk_needed(root, params, sets, work.experiments, work.benchmarks, work.imported)
        sets += task_costs(root, params, work.tasks)
    except (DatasetError, ImageError, OSError) as error:
        raise CommandError(str(error)) from error
    print(f"\n{_sets(sets)}\n")
    missing = [one.bytes for one in sets if not one.fetched]
    to_fetch = sum(size or 0 for size in missing)
    free = shutil.disk_usage(root).free
    unknown = " and what is not known yet" if None in missing else ""
    print(f"to fetch: {_size(to_fetch)}{unknown}; {_size(free)} of this disk are free")
    guesses = f", without {', '.join(disk.unknown)} (of unknown size)" if disk.unknown else ""
    parts = ", ".join(f"{what} {_size(size)}" for what, size in disk.parts.items())
    print(f"to write: about {_size(sum(disk.parts.values()))} ({parts}{guesses})")
    if sum(disk.parts.values()) + to_fetch > free:
        print("that is more than is free")
    if work.experiments:
        sys.stdout.flush()
        probe = _probe(path, work.experiments, params.resources.threads)
        costs = training_costs(params, work.experiments, probe["seconds_per_step"])
        print(f"\n{_trainings(costs)}\n")
        total = sum(one.seconds for one in costs)
        print(
            f"trainings one after another: {_duration(total)} on this machine ({probe['device']})"
        )
    elif not work.recognisers:
        print("\nnothing to train")
    if work.recognisers:
        print(
            "not counted: networks that recognise, which learn from samples that are not there yet"
        )


def _probe(path: Path, experiments: Sequence[str], threads: int) -> dict[str, Any]:
    """Time some steps of each training in a process of its own, which may load torch."""
    from pipeline.running.process import compute_environment, usable_threads
    from pipeline.running.request import lifeline

    print("\ntiming some steps of each training ...", flush=True)
    with lifeline() as kept:
        kept["env"] |= compute_environment(usable_threads(threads))
        done = subprocess.run(  # noqa: S603  (this very interpreter)
            [sys.executable, "-m", "pipeline.commands.probe", str(path), *experiments],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            **kept,
        )
    if done.returncode != SUCCESS:
        raise CommandError("the probe failed; its message is above", FAILURE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# -------------------------------------------------------------------------------- tables


def _sets(sets: Iterable["SetCost"]) -> str:
    rows = [
        (
            one.name,
            "?" if one.images is None else f"{one.images:,}",
            "?" if one.bytes is None else _size(one.bytes),
            "here" if one.fetched else "to fetch",
            "must be accepted" if one.must_accept else "",
        )
        for one in sets
    ]
    return as_table([("data set", "images", "size", "state", "terms"), *rows], right={1, 2})


def _trainings(costs: Iterable["TrainingCost"]) -> str:
    rows = [
        (
            one.experiment,
            one.model,
            f"{one.steps:,}",
            str(one.batch),
            f"{one.steps * one.batch:,}",
            f"{one.seconds_per_step * 1000:,.0f} ms",
            _duration(one.seconds),
        )
        for one in costs
    ]
    titles = ("training", "network", "steps", "batch", "patches seen", "a step", "time")
    return as_table([titles, *rows], right=range(2, len(titles)))


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} s"
