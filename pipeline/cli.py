"""Console script ``restore``: the commands of people, the short ones in full.

Each command imports what it needs when it runs, so that help and errors come at once.
"""

import argparse
import atexit
import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import (
    FAILURE,
    INTERRUPTED,
    SUCCESS,
    USAGE,
    CommandError,
    app,
    compare,
    data,
    export,
    export_benchmark,
    init,
    lineage,
    photo,
    plan,
    report,
    sweep,
    trying,
    ui,
    weights,
)
from pipeline.commands.graph import add_engine, add_selection, read_engine, read_graph
from pipeline.graph.project import ProjectError, find_other_code, find_root

if TYPE_CHECKING:
    from pipeline.graph.supervise import Children


def start() -> int:
    """Run one command with the code of the project that it is given in, if it has its own."""
    try:
        own = find_other_code(Path.cwd())
    except OSError:  # such as a folder that was deleted: the command says so
        own = None
    if own is None:
        return main()
    # Children too, such as those that restore photographs, wherever they run.
    paths = filter(None, [str(own), os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.path.insert(0, str(own))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipeline"]:
        del sys.modules[name]
    code: int = importlib.import_module("pipeline.cli").main()
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, print its errors as messages, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        root = Path.cwd() if options.anywhere else find_root(Path.cwd())
        # Prefect and DVC take their settings, and the stages their paths, from the folder.
        os.chdir(root)
        code: int = options.command(root, options)
    except ProjectError as error:
        return _complain(str(error), USAGE)
    except CommandError as error:
        return _complain(str(error), error.code)
    except KeyboardInterrupt:
        return _complain("interrupted; give the same command again to go on", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except OSError as error:  # the system's own words say what it refuses, and where
        if os.environ.get("RESTORE_TRACEBACK"):
            traceback.print_exc()
        return _complain(f"{error}\n(RESTORE_TRACEBACK=1 shows where)", FAILURE)
    return code


def _complain(message: str, code: int) -> int:
    print(f"restore: {message}", file=sys.stderr)
    return code


# ------------------------------------------------------------------------ what is asked


@dataclass(frozen=True)
class _Command:
    run: Callable[[Path, argparse.Namespace], int]
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    anywhere: bool = False
    """Whether it can be given outside of a project."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restore", description="Image-restoration experiments: run, serve, look after."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        description = f"{command.summary[0].upper()}{command.summary[1:]}."
        one = commands.add_parser(name, help=command.summary, description=description)
        command.add_options(one)
        one.set_defaults(command=command.run, anywhere=command.anywhere)
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument(
        "--parallel",
        type=_positive,
        metavar="N",
        help="at most this many stages at once (otherwise as many as cores and GPUs allow)",
    )
    parser.add_argument(
        "--stop-on-failure",
        action="store_true",
        help="start no more stages after a failure (otherwise those that do not need it go on)",
    )
    parser.add_argument(
        "--hours",
        type=_hours,
        metavar="H",
        help="how long the run may take; then its stages write checkpoints, and the next goes on",
    )
    parser.add_argument(
        "--retries",
        type=_retries,
        default=0,
        metavar="N",
        help="try a stage again, this often at most, when a server or a machine failed it",
    )
    add_engine(parser)


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=_positive,
        metavar="PORT",
        help="where Prefect's server shall be, on this machine (otherwise as pyproject.toml says)",
    )


def _add_doctor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="do not try to start Prefect's server")


def _add_preset_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the preset; without it, list them")
    parser.add_argument(
        "--force", action="store_true", help="replace your own edits too, keeping a copy of them"
    )


def _add_no_options(_parser: argparse.ArgumentParser) -> None:
    """Leave the command without options."""


def _positive(text: str) -> int:
    return _at_least(1, text)


def _retries(text: str) -> int:
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a number of at least {least}, came {text}")
    return number


def _hours(text: str) -> float:
    hours = float(text)
    if not hours > 0:
        raise argparse.ArgumentTypeError(f"expected a number of hours above 0, came {text}")
    return hours


# ------------------------------------------------------------------------- the commands


def _run(root: Path, options: argparse.Namespace) -> int:
    from pipeline.graph import dag

    engine, engine_options = read_engine(options)
    selection = read_graph(root, options.experiments)
    if not options.force and not dag.affected(selection.chosen):
        print(selection.nothing_to_do)
        return SUCCESS

    from pipeline.graph.prefect_server import find_or_borrow

    server = _connect(lambda children: find_or_borrow(root, children))
    from pipeline.graph.lost_server import LostServer

    lost = LostServer(server["PREFECT_API_URL"])
    from pipeline.graph.flow import run_here  # Prefect reads its settings when it is imported

    well, message = run_here(
        options.experiments,
        parallel=options.parallel,
        keep_going=not options.stop_on_failure,
        force=options.force,
        engine=engine,
        engine_options=engine_options,
        hours=options.hours,
        retries=options.retries,
        when_known=lambda well, message: lost.watch(SUCCESS if well else FAILURE, message),
    )
    if not well:
        raise CommandError(message)
    print(message)
    return SUCCESS


def _serve(root: Path, options: argparse.Namespace) -> int:
    from pipeline.graph.prefect_access import leading, running_server
    from pipeline.graph.prefect_server import use_or_start

    print("looking for Prefect's server, or starting it ...", flush=True)
    server = _connect(lambda children: use_or_start(root, options.port, children, print))
    from pipeline.graph.lost_server import LostServer

    lost = LostServer(server["PREFECT_API_URL"])
    from pipeline.graph.flow import (
        serve_deployment,  # Prefect reads its settings when it is imported
    )

    url = server["PREFECT_API_URL"]
    ours = url == running_server(root)
    # Being interrupted is how serving ends.
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        led = stack.enter_context(leading(root, url)) if ours else False
        secret = server["PREFECT_API_AUTH_STRING"] if ours else None
        lost.watch(
            FAILURE,
            "start `restore serve` again; stages that run go on, and end without it",
            lost="so nothing can be asked of this project",
        )
        serve_deployment(lambda: _print_next_steps(root, url, secret, led=led))
    return SUCCESS


def _doctor(root: Path, options: argparse.Namespace) -> int:
    from pipeline.commands import doctor

    worst = SUCCESS
    for name, finding in doctor.examine(root, fast=options.fast):
        print(f"{finding.verdict:<5} {name:<20} {finding.found}", flush=True)
        if finding.verdict != "ok" and finding.mend:
            print(f"{'':<26} -> {finding.mend}")
        if finding.verdict == "fail":
            worst = FAILURE
    return worst


def _preset(root: Path, options: argparse.Namespace) -> int:
    from pipeline.checking.params_file import ParamsError
    from pipeline.checking.preset import PresetError, list_presets, take_preset

    if options.name is None:
        presets = list_presets(root)
        width = max((len(name) for name in presets), default=0)
        for name, headline in presets.items():
            print(f"{name:<{width}}  {headline}")
        return SUCCESS
    try:
        copy = take_preset(root, options.name, force=options.force)
    except (PresetError, ParamsError) as error:
        raise CommandError(str(error)) from error
    if copy is not None:
        print(f"your own settings are kept in {copy.name}")
    print(f"params.yaml is now the preset '{options.name}'; `restore plan` says what it changes")
    return SUCCESS


def _add_schema_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--page", action="store_true", help="the same as a page in Markdown, for people"
    )


def _schema(_root: Path, options: argparse.Namespace) -> int:
    import json

    from pipeline.checking.editor_schema import editor_schema
    from pipeline.checking.params_page import params_page

    print(params_page() if options.page else json.dumps(editor_schema(), indent=2))
    return SUCCESS


_COMMANDS = {
    "init": _Command(init.run, init.SUMMARY, init.add_options, anywhere=True),
    "run": _Command(
        _run, "bring the experiments up to date, stages side by side", _add_run_options
    ),
    "serve": _Command(
        _serve, "offer the experiments to Prefect: pages, triggers, logs", _add_serve_options
    ),
    "plan": _Command(plan.run, plan.SUMMARY, plan.add_options),
    "try": _Command(trying.run, trying.SUMMARY, trying.add_options),
    "sweep": _Command(sweep.run, sweep.SUMMARY, sweep.add_options),
    "doctor": _Command(
        _doctor, "check the installation and say how to mend it", _add_doctor_options
    ),
    "preset": _Command(
        _preset, "list the shipped versions of params.yaml, or take one", _add_preset_options
    ),
    "photo": _Command(photo.run, photo.SUMMARY, photo.add_options, anywhere=True),
    "ui": _Command(ui.run, ui.SUMMARY, ui.add_options),
    "app": _Command(app.run, app.SUMMARY, app.add_options, anywhere=True),
    "data": _Command(data.run, data.SUMMARY, data.add_options),
    "import": _Command(weights.run, weights.SUMMARY, weights.add_options),
    "export": _Command(export.run, export.SUMMARY, export.add_options),
    "export-benchmark": _Command(
        export_benchmark.run, export_benchmark.SUMMARY, export_benchmark.add_options
    ),
    "report": _Command(report.run, report.SUMMARY, report.add_options),
    "compare": _Command(compare.run, compare.SUMMARY, compare.add_options),
    "lineage": _Command(lineage.run, lineage.SUMMARY, lineage.add_options),
    "schema": _Command(
        _schema, "print the JSON schema of params.yaml, for editors", _add_schema_options
    ),
}


# ---------------------------------------------------------------------- shared by them


def _connect(find_server: "Callable[[Children], dict[str, str]]") -> dict[str, str]:
    """Lead Prefect to the server that ``find_server`` returns; one started for it ends with us."""
    from pipeline.graph.prefect_server import ServerError
    from pipeline.graph.supervise import Children
    from pipeline.running.environment import NO_TELEMETRY

    children = Children()
    # Not before: Prefect sends its last events while the interpreter shuts down, and waits.
    atexit.register(children.close)
    try:
        server = find_server(children)
    except ServerError as error:
        raise CommandError(str(error)) from error
    os.environ |= {**NO_TELEMETRY, **server}
    return server


def _print_next_steps(root: Path, url: str, secret: str | None, *, led: bool) -> None:
    command = "prefect deployment run restore/train-all --watch"
    steps = [f"\nserving restore/train-all; pages at {url.removesuffix('/api')}; Ctrl-C ends it"]
    if secret:
        steps.append(f"the pages ask for this password, which nobody else knows: {secret}")
    steps.append(f"next, in another terminal, in {root}:")
    if secret and not led:  # a prefect.toml of the user's own is in the way
        steps.append(f"  export PREFECT_API_URL={url} PREFECT_API_AUTH_STRING={secret}")
    steps += [
        f"  {command}",
        f"  {command} -p 'experiments=[\"NAME\"]' -p parallel=1 -p keep_going=false -p force=true",
        "  restore ui   # compare the runs",
    ]
    print("\n".join(steps), flush=True)


if __name__ == "__main__":
    sys.exit(main())
