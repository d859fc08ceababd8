"""``restore lineage``: where a result comes from, stage by stage back to the raw data."""

import argparse
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import SUCCESS, USAGE, CommandError

if TYPE_CHECKING:
    from pipeline.graph.recorded_stages import RecordedStage

SUMMARY = "say where a file, an experiment or a run comes from, back to the raw data"

_RUN = re.compile(r"[0-9a-f]{32}")
"""Ids of MLflow."""


@dataclass(frozen=True)
class _Asked:
    """What was asked for, as it was written, and as a path from where the command was given."""

    text: str
    path: Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "target",
        # Now: the command runs in the project's folder, wherever it was given. DVC may have linked
        # the file to its cache, so links are not followed.
        type=lambda text: _Asked(text, Path(os.path.normpath(Path(text).absolute()))),
        metavar="FILE|EXPERIMENT|RUN",
        help="something that a stage wrote, below data/; an experiment, another key of params.yaml "
        "or a stage; or the id of a run in MLflow",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Print the chain of stages; see ``SUMMARY``.

    Raises:
        CommandError: What was asked for is not known, or is not what the record says.
    """
    from pipeline.graph.recorded_stages import RecordError, last_of, read_recorded

    try:
        stages = read_recorded(root)
    except RecordError as error:
        raise CommandError(str(error)) from error
    asked: _Asked = options.target
    path = _path_in(root, asked, stages)
    if path is not None:
        fault = _check_file(root, path, stages)
        _print_chain(root, [_maker(path, stages)], stages)
        if fault:
            raise CommandError(fault)
        return SUCCESS
    experiment = asked.text
    if _RUN.fullmatch(experiment):
        experiment = _experiment_of(root, experiment)
    _print_chain(root, last_of(_stages_of(experiment, stages), stages), stages)
    return SUCCESS


# ------------------------------------------------------------------------ what is asked for


def _path_in(root: Path, asked: _Asked, stages: "Mapping[str, RecordedStage]") -> str | None:
    """Return what was asked for as a path of the project; None if it is a name."""
    from pipeline.graph.recorded_stages import makers_of

    if any(asked.text in (name, name.rpartition("@")[2]) for name in stages):
        return None
    for path in (asked.path, root / asked.text):
        if path.is_relative_to(root):
            known = path.relative_to(root).as_posix()
            if path.exists() or makers_of(known, stages):
                return known
    if "/" in asked.text:
        raise CommandError(
            f"{asked.text}: no such file in this project, and no stage wrote it", USAGE
        )
    return None


def _maker(path: str, stages: "Mapping[str, RecordedStage]") -> str:
    from pipeline.graph.recorded_stages import makers_of

    makers = makers_of(path, stages)
    names = dict.fromkeys(makers.values())
    if not names:
        raise CommandError(
            f"{path}: no stage in dvc.lock wrote this; expected something below data/", USAGE
        )
    if len(names) > 1:
        raise CommandError(
            f"{path}: {len(names)} stages wrote into this; name one of: {', '.join(makers)}", USAGE
        )
    return next(iter(names))


def _stages_of(name: str, stages: "Mapping[str, RecordedStage]") -> list[str]:
    from pipeline.graph.dag import key_of
    from pipeline.nearest import nearest_known

    found = [stage for stage in stages if name in (stage, key_of(stage))]
    if not found:
        hint = nearest_known(name, {*stages, *map(key_of, stages)})
        raise CommandError(
            f"{name}: no such file, and no stage in dvc.lock ran for such an experiment; {hint}",
            USAGE,
        )
    return found


def _experiment_of(root: Path, run: str) -> str:
    """Return the experiment of a run, once its weights are known to be those that are here."""
    from pipeline.commands.lineage_tree import DIGITS, describe_run
    from pipeline.commands.model_cards import read_card
    from pipeline.commands.tracked_runs import ask_of_run

    record = ask_of_run(root, run)
    if record is None:
        raise CommandError(f"{run}: MLflow has no such run; `mlflow ui` shows those it has", USAGE)
    experiment, weights = record["experiment"], record["weights"]
    if experiment is None:
        names = ", ".join(record["below"]) or "none"
        raise CommandError(
            f"{run}: this is the run of a command, {record['name']}; name an experiment that it "
            f"ran: {names}",
            USAGE,
        )
    here = read_card(root, f"data/models/{experiment}").get("weights_sha256")
    if weights is None or weights != here:
        raise CommandError(
            f"{run}: this run of {experiment} ({describe_run(record)}) left "
            f"{'no weights' if weights is None else f'the weights {weights[:DIGITS]}'}, and "
            f"data/models/{experiment} has {'none' if here is None else here[:DIGITS]}: dvc.lock "
            "records the last run alone"
        )
    return str(experiment)


def _check_file(root: Path, path: str, stages: "Mapping[str, RecordedStage]") -> str | None:
    """Print whether a file is what its stage wrote, and return what to say if it is not."""
    from pipeline.commands.lineage_tree import DIGITS
    from pipeline.graph.dag import GraphError, read_cache_folder
    from pipeline.graph.recorded_stages import checksum_of, makers_of, recorded_checksum

    if not (root / path).is_file():
        return None
    ((out, name),) = makers_of(path, stages).items() or [("", "")]
    if not out:
        return None
    try:
        recorded = recorded_checksum(read_cache_folder(root), out, stages[name].writes[out], path)
    except GraphError as error:
        raise CommandError(str(error)) from error
    found = checksum_of(root / path)
    if recorded is None:
        print(f"{path}  {found[:DIGITS]}, which DVC's cache has no list of any more to check by")
    elif found == recorded:
        print(f"{path}  {found[:DIGITS]}, as {name} wrote it")
    else:
        print(f"{path}  {found[:DIGITS]}")
        return (
            f"{path}: is not what {name} wrote; that had the checksum "
            f"{recorded[:DIGITS] or '(none: it wrote no such file)'}, and the chain above is its; "
            f"`dvc checkout {out}` brings it back"
        )
    return None


def _print_chain(root: Path, names: list[str], stages: "Mapping[str, RecordedStage]") -> None:
    from pipeline.commands.lineage_tree import LineageTree

    tree = LineageTree(root, stages, shutil.get_terminal_size().columns)
    tree.ask_of_runs(names)
    for name in names:
        print("\n".join(tree.lines(name)))
