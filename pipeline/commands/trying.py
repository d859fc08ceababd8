"""``restore try``: put a changed experiment to the test, beside the main line."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.graph import read_graph
from pipeline.commands.params_entries import add_to_params, text_with
from pipeline.commands.reading_params import read_params
from pipeline.commands.table import as_table
from pipeline.nearest import nearest_known

if TYPE_CHECKING:
    from pipeline.checking.params_text import NewEntry
    from pipeline.commands.score_comparison import ScorePair, Scores
    from pipeline.graph.trial_workspace import Trial, TrialWorkspace
    from pipeline.settings.params import Params

SUMMARY = "put a changed experiment to the test beside the main line, params.yaml untouched"

_LONGEST_NAME = 100
"""Letters of a name that is made of what is changed."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "experiment", nargs="?", metavar="EXPERIMENT", help="what to change; without it, list tries"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what to change: recipe.KEY, model.KEY, degradation.KEY or train_on.KEY (a KEY may "
        "be KEY.KEY), or another recipe, model, train_on, start or test_on by name",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="of the changed experiment (otherwise what is changed)"
    )
    done = parser.add_mutually_exclusive_group()
    done.add_argument(
        "--keep", metavar="NAME", help="write the changed experiment of a try into params.yaml"
    )
    done.add_argument("--drop", metavar="NAME", help="delete the workspace of a try")


def run(root: Path, options: argparse.Namespace) -> int:
    """Try, list, keep or drop; see ``SUMMARY``.

    Raises:
        CommandError: Something that was named does not exist, the change is refused, or a stage
            failed.
    """
    from pipeline.graph.trial_workspace import TrialBusyError

    if options.experiment is None and (options.changes or options.name):
        raise CommandError("--set and --name need the experiment to change", USAGE)
    if options.experiment is not None and (options.keep or options.drop):
        raise CommandError("--keep and --drop take the name of a try, and nothing else", USAGE)
    if (root.parent / "try.json").is_file():
        raise CommandError(f"this is the workspace of a try: go to {root.parents[3]}", USAGE)
    try:
        if options.keep is not None:
            return _keep(root, options.keep)
        if options.drop is not None:
            return _drop(root, options.drop)
        if options.experiment is None:
            return _list(root)
        return _try(root, options)
    except TrialBusyError as error:
        raise CommandError(str(error)) from error


# ------------------------------------------------------------------------------------ to try


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A try that may run: nothing about it is wrong.

    Args:
        trial: What it is.
        entries: Those of ``params.yaml`` that it needs, the experiment last.
        text: That of the ``params.yaml`` of its workspace.
        params: Those of the main line.
    """

    trial: "Trial"
    entries: "Sequence[NewEntry]"
    text: str
    params: "Params"


class NothingChangesError(CommandError):
    """A value is to become what it is already.

    Args:
        reason: What to tell.
        change: ``KEY=VALUE`` that changes nothing.
    """

    def __init__(self, reason: str, change: str) -> None:
        super().__init__(reason, USAGE)
        self.change = change


def plan(
    root: Path,
    experiment: str,
    changes: Sequence[str],
    params: "Params",
    name: str | None = None,
) -> Planned:
    """Return what to try, if it can be.

    Args:
        root: Folder of the project.
        experiment: What to change.
        changes: Each ``KEY=VALUE``.
        params: Those of the project.
        name: Of the changed experiment; None for one made of the changes.

    Raises:
        CommandError: There is no such experiment, or a change is refused.
        NothingChangesError: One of the changes changes nothing.
    """
    from pipeline.graph.trial_workspace import Trial, TrialWorkspace

    _refuse_unknown(experiment, params)
    name, entries = _entries(root, experiment, changes, name, params)
    trial = Trial(
        name=name, experiment=experiment, changes=tuple(changes), entries=_by_section(entries)
    )
    text = text_with(root / "params.yaml", entries)
    _refuse_another(TrialWorkspace(root, name).read(), trial)
    return Planned(trial=trial, entries=entries, text=text, params=params)


def carry_out(root: Path, planned: Planned) -> "list[ScorePair]":
    """Run a try, and return how it compares with its original.

    Raises:
        CommandError: Its workspace cannot be written, or a stage failed.
        TrialBusyError: It is being run already.
    """
    from pipeline.graph.trial_workspace import TrialWorkspace

    workspace = TrialWorkspace(root, planned.trial.name)
    with workspace.alone():
        _refuse_another(workspace.read(), planned.trial)
        _prepare(workspace, planned.trial, planned.text)
        _run(workspace, planned.trial)
        pairs = _compared(workspace, planned.trial, planned.params, planned.entries)
        workspace.write(replace(planned.trial, result=_result(pairs)))
    return pairs


def _try(root: Path, options: argparse.Namespace) -> int:
    from pipeline.graph.trial_workspace import TrialWorkspace

    params = read_params(root / "params.yaml")
    planned = plan(root, options.experiment, options.changes, params, options.name)
    pairs = carry_out(root, planned)
    _print_result(TrialWorkspace(root, planned.trial.name), planned.trial, pairs)
    return SUCCESS


def _refuse_unknown(experiment: str, params: "Params") -> None:
    if experiment in params.experiments:
        return
    hint = nearest_known(experiment, params.experiments)
    for kind, section in (
        ("has published weights, which nobody trains here", params.imported),
        ("applies the weights of an experiment: try that", params.applied),
        ("is a program, which nobody trains here", params.programs),
        ("was restored elsewhere", params.outside),
        ("recognises, and only networks that restore can be tried", params.recognition),
    ):
        if experiment in section:
            hint = f"'{experiment}' {kind}"
    raise CommandError(f"there is no experiment '{experiment}'; {hint}", USAGE)


def _entries(
    root: Path, experiment: str, texts: Sequence[str], name: str | None, params: "Params"
) -> "tuple[str, list[NewEntry]]":
    """Return the name of the changed experiment, and what it needs in params.yaml."""
    from pipeline.checking.changed_experiment import (
        ChangeError,
        SameValueError,
        changed_entries,
        name_of,
        parse_change,
    )
    from pipeline.section import NAME

    if not texts:
        raise CommandError(
            f"nothing to try: say what to change of {experiment}, such as --set recipe.steps=3000",
            USAGE,
        )
    try:
        changes = [parse_change(text) for text in texts]
        name = name or name_of(experiment, changes)
        if not re.fullmatch(NAME, name):
            raise CommandError(f"--name {name}: expected letters, digits, _ and -", USAGE)
        if len(name) > _LONGEST_NAME:
            raise CommandError(f"{name}: too long for a name; give --name NAME", USAGE)
        networks = (params.experiments, params.imported, params.applied)
        taken = (*networks, params.programs, params.outside)
        if name in {*chain.from_iterable(taken), *params.recognition}:
            raise CommandError(
                f"params.yaml has '{name}' already: `restore run --experiments {name}` brings it "
                "up to date; or give --name NAME",
                USAGE,
            )
        return name, changed_entries(_written(root), experiment, changes, name)
    except SameValueError as error:
        raise NothingChangesError(str(error), error.change.text) from error
    except ChangeError as error:
        raise CommandError(str(error), USAGE) from error


def _written(root: Path) -> Any:  # noqa: ANN401  (ruamel's maps)
    """Return params.yaml with its numbers as they are written."""
    from ruamel.yaml import YAML

    return YAML().load(root / "params.yaml")


def _by_section(entries: "Sequence[NewEntry]") -> dict[str, dict[str, Any]]:
    from pipeline.checking.params_text import plain

    return {".".join(entry.section): {entry.name: plain(entry.value)} for entry in entries}


def _refuse_another(before: "Trial | None", trial: "Trial") -> None:
    """Refuse a name that stands for another try; the same one goes on."""
    if before is None:
        return
    if (before.experiment, set(before.changes)) != (trial.experiment, set(trial.changes)):
        raise CommandError(
            f"there is a try {before.name} of {before.experiment} with "
            f"{', '.join(before.changes)}: give another --name, or delete that with "
            f"`restore try --drop {before.name}`",
            USAGE,
        )


def _prepare(workspace: "TrialWorkspace", trial: "Trial", text: str) -> None:
    from pipeline.graph.dag import GraphError
    from pipeline.graph.trial_workspace import TrialSourceError

    print(f"try {trial.name}, in {workspace.folder.relative_to(workspace.root)}", file=sys.stderr)
    workspace.write(trial)
    try:
        workspace.prepare(text)
    except (GraphError, TrialSourceError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the workspace of the try cannot be written: {error}") from error


def _run(workspace: "TrialWorkspace", trial: "Trial") -> None:
    """Bring both evaluations up to date; the main line's cache has most of them."""
    from pipeline.graph import dag
    from pipeline.graph.launch import open_launch

    stages = [f"evaluate@{name}" for name in (trial.experiment, trial.name)]
    graph = read_graph(workspace.project, None).whole
    # MLflow keeps files where its first user was: that must not be the workspace.
    _ask_tracker(workspace, {})
    try:
        with open_launch(workspace.root, door="restore try", warn=_warn) as launch:
            code = workspace.run(stages, launch.environment)
            lost = dag.lost_to_cache(workspace.project, graph) if code == SUCCESS else {}
            launch.succeeded = code == SUCCESS and not lost
    finally:
        _ask_tracker(workspace, {"mark": {trial.name: trial.experiment}})
    if code != SUCCESS:
        raise CommandError(
            f"the try {trial.name} stopped: `dvc repro` ended with exit code {code}, its last "
            "words are above; the same command goes on from there"
        )
    if lost:
        raise CommandError("\n".join(f"{name}: {why}" for name, why in lost.items()))


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _ask_tracker(workspace: "TrialWorkspace", request: dict[str, Any]) -> dict[str, Any]:
    """Ask the main line's tracker; its faults cost no result."""
    from pipeline.commands.elsewhere import ask

    try:
        answer: dict[str, Any] = ask(
            workspace.root, "pipeline.running.trial_records", request, "asking the tracker"
        )
    except CommandError as error:
        _warn(str(error))
        return {}
    return answer


# ------------------------------------------------------------------------------ what came of it


def _compared(
    workspace: "TrialWorkspace", trial: "Trial", params: "Params", entries: "Sequence[NewEntry]"
) -> "list[ScorePair]":
    """Compare the two experiments where their benchmarks lead."""
    from pipeline.commands.score_comparison import compare_scores
    from pipeline.measuring.protocols import named_places

    before, after = (_scores(workspace, name) for name in (trial.experiment, trial.name))
    tested_on = params.benchmarks[entries[-1].value["test_on"]]
    if params.experiments[trial.experiment].test_on != entries[-1].value["test_on"]:
        return []  # images of one name may be other images there
    return compare_scores(before, after, named_places(tested_on))


def _scores(workspace: "TrialWorkspace", name: str) -> "Scores":
    from pipeline.arrays.tables import read_table
    from pipeline.measuring.score_table import SCORES, Score

    found: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = {}
    path = workspace.project / "data" / "evaluated" / name / SCORES
    try:
        for row in read_table(path, Score, f"evaluate@{name}"):
            found.setdefault(row.place, {})[row.image] = (row.psnr, row.ssim)
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error
    return found


def _result(pairs: "Sequence[ScorePair]") -> str:
    """Return the leading difference in a few words."""
    from pipeline.report.words import describe_difference, signed

    if not pairs:
        return "measured on another benchmark, nothing to compare"
    first = pairs[0]
    place = " ".join(first.place)
    return f"{signed(first.difference.mean)} dB ({describe_difference(first.difference)}), {place}"


def _print_result(
    workspace: "TrialWorkspace", trial: "Trial", pairs: "Sequence[ScorePair]"
) -> None:
    if pairs:
        print(f"\n{_table(trial, pairs)}\n")
        print(
            "differences are means over the test images in dB, with 95 % intervals over these "
            "images; the two trainings\ndiffer in their random numbers too, which no interval over "
            "images shows"
        )
    else:
        print(f"\n{trial.name} and {trial.experiment} were measured on different benchmarks:")
        print(f"\n{_own_table(workspace, trial)}")
    print(f"training: {_durations(workspace, trial)}")
    print("next:")
    print(f"  restore try --keep {trial.name}   # into params.yaml; nothing is trained again")
    print(f"  restore try --drop {trial.name}   # delete the workspace")


def _table(trial: "Trial", pairs: "Sequence[ScorePair]") -> str:
    from pipeline.report.words import decimal, describe_difference, signed

    def shown(scores: tuple[float, float]) -> str:
        return f"{decimal(scores[0], 2)} ({decimal(scores[1], 4)})"

    titles = ("data set, level", "protocol", "images", trial.experiment, "tried", "difference", "")
    rows = [
        (
            f"{pair.place[0]}, {pair.place[1]}",
            pair.place[2],
            str(pair.difference.images),
            shown(pair.before),
            shown(pair.after),
            signed(pair.difference.mean),
            describe_difference(pair.difference),
        )
        for pair in pairs
    ]
    return as_table([titles, *rows], right={2, 3, 4, 5})


def _own_table(workspace: "TrialWorkspace", trial: "Trial") -> str:
    """Return what the tried experiment and its original reached, each on its own benchmark."""
    from pipeline.measuring.statistics import mean
    from pipeline.report.words import decimal

    rows = [
        (name, *place, str(len(images)), decimal(mean([psnr for psnr, _ in images.values()]), 2))
        for name in (trial.experiment, trial.name)
        for place, images in _scores(workspace, name).items()
    ]
    titles = ("experiment", "data set", "level", "protocol", "images", "PSNR")
    return as_table([titles, *rows], right={4, 5})


def _durations(workspace: "TrialWorkspace", trial: "Trial") -> str:
    """Say how long both trainings took, as far as the tracker knows."""
    import json

    weights = {}
    for name in (trial.experiment, trial.name):
        card = workspace.project / "data" / "models" / name / "card.json"
        try:
            weights[name] = json.loads(card.read_text(encoding="utf-8"))["weights_sha256"]
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"{card}: expected the card of trained weights: {error}") from error
    seconds = _ask_tracker(workspace, {"seconds": weights}).get("seconds", {})
    shown = [
        f"{name} {'of unknown length' if seconds.get(name) is None else f'{seconds[name]:,.0f} s'}"
        for name in weights
    ]
    return ", ".join(shown)


# ------------------------------------------------------------------------------- list, keep, drop


def _list(root: Path) -> int:
    from pipeline.graph.trial_workspace import TrialWorkspace

    rows = [
        (one.name, one.experiment, ", ".join(one.changes), one.result or "not finished")
        for workspace in TrialWorkspace.all(root)
        if (one := workspace.read()) is not None
    ]
    if rows:
        print(as_table([("try", "of", "changes", "result"), *rows]))
    else:
        print("no tries; `restore try EXPERIMENT --set recipe.steps=3000` makes one")
    return SUCCESS


def _known(root: Path, name: str) -> "tuple[TrialWorkspace, Trial]":
    from pipeline.graph.trial_workspace import TrialWorkspace

    workspaces = {one.folder.name: one for one in TrialWorkspace.all(root)}
    trial = workspaces[name].read() if name in workspaces else None
    if trial is None:
        raise CommandError(f"there is no try '{name}'; {nearest_known(name, workspaces)}", USAGE)
    return workspaces[name], trial


def _keep(root: Path, name: str) -> int:
    """Write the entries of a try into params.yaml: what was tried, whatever changed since."""
    workspace, trial = _known(root, name)
    with workspace.alone():
        if trial.result is None:
            again = " ".join(f"--set {change}" for change in trial.changes)
            raise CommandError(
                f"the try {name} is not finished: `restore try {trial.experiment} {again} --name "
                f"{name}` goes on"
            )
        add_to_params(root / "params.yaml", _to_keep(root, trial))
    print(
        f"params.yaml names it 'experiments.{name}' now; `restore run --experiments {name}` or "
        "`dvc repro` takes its results\nfrom the cache, without training, unless something else "
        f"has changed; `restore try --drop {name}` deletes the workspace"
    )
    return SUCCESS


def _to_keep(root: Path, trial: "Trial") -> "list[NewEntry]":
    """Return the entries that were tried, as near as can be to how a person would write them."""
    from pipeline.checking.changed_experiment import ChangeError, changed_entries, parse_change
    from pipeline.checking.params_text import NewEntry

    tried = [
        NewEntry(section=tuple(section.split(".")), name=name, value=value)
        for section, entries in trial.entries.items()
        for name, value in entries.items()
    ]
    changes = [parse_change(text) for text in trial.changes]
    try:
        now = changed_entries(_written(root), trial.experiment, changes, trial.name)
    except (ChangeError, KeyError):
        return tried  # what was changed is not there any more
    return now if _by_section(now) == trial.entries else tried


def _drop(root: Path, name: str) -> int:
    workspace, _ = _known(root, name)
    with workspace.alone():
        workspace.remove()
    print(f"the workspace of {name} is deleted; what it computed stays in the cache of DVC")
    return SUCCESS
