"""Run a stage function from the command line that ``dvc.yaml`` gives it.

The signature is the interface: each argument is either an option of the command line (a path,
a name, or the name of an entry of ``params.yaml``, which is then delivered instead of its
name) or a whole section of ``params.yaml``.
"""

import argparse
import errno
import inspect
import logging
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from pipeline.checking.params_file import load_params
from pipeline.running.passing import MAY_PASS, PassingError
from pipeline.running.process import compute_environment, restart_with, usable_threads
from pipeline.running.several_processes import (
    is_one_of_several,
    position,
    processes_each,
    processes_here,
    start_processes,
)
from pipeline.settings.params import Params

PARAMS = Path("params.yaml")

_INTERRUPTED = 128 + signal.SIGINT
"""Exit code, as a shell gives it."""

ENTRY_SECTIONS = {
    "dataset": "datasets",
    "task": "tasks",
    "bank": "patches",
    "degradation": "degradations",
    "model": "models",
    "recipe": "recipes",
    "trials": "benchmarks",
    "results": "outside",
    "program": "programs",
    "published": "imported",
}
"""Options that name an entry of ``params.yaml``, and the section that has it."""

SECTIONS = {
    "seed": "seed",
    "threads": "resources.threads",
    "resources": "resources",
    "tile": "inference.tile",
    "precision": "inference.precision",
    "pairs": "pairs",
    "experiments": "experiments",
    "benchmarks": "benchmarks",
    "imported": "imported",
    "applied": "applied",
    "outside": "outside",
    "programs": "programs",
    "tasks": "tasks",
    "inputs": "inputs",
    "restored_inputs": "restored_inputs",
    "recognition": "recognition",
    "accepted_overlaps": "accepted_overlaps",
}
"""Arguments that receive a whole section of ``params.yaml``, or one value that all share."""


def prepare_to_compute() -> None:
    """Start this process again with the threads and the allocator that a network needs.

    To be called by a stage's file before it imports torch, which takes a second each time. A
    training of several processes goes on in those, and this process ends with them.
    """
    try:
        resources = load_params(PARAMS).resources
        threads = usable_threads(resources.threads)
    except ValueError:
        return  # the stage meets the same fault, and ``run_stage`` says what is wrong
    processes = resources.train.processes if _is_training() else 1
    if processes > 1 and not is_one_of_several():
        try:
            each = threads // processes_each(processes)
            sys.exit(start_processes(processes, compute_environment(max(1, each))))
        except ValueError as error:
            sys.exit(f"stage train failed: {error}")
    restart_with(compute_environment(max(1, threads // processes_here())))


def _is_training() -> bool:
    module = sys.modules["__main__"].__spec__
    return module is not None and module.name == "stages.train"


def run_stage(stage: Callable[..., None], *, afterwards: Callable[[], None] | None = None) -> None:
    """Call ``stage`` with what its command line and ``params.yaml`` say, and exit.

    The whole of ``params.yaml`` is validated first, whatever part of it the stage uses.

    Args:
        stage: A keyword-only function.
        afterwards: Called when the stage's outputs are whole.
    """
    # The project says what it did; libraries (matplotlib says much) only what went wrong.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("pipeline").setLevel(logging.INFO)
    try:
        params = load_params(PARAMS)
        stage(**_arguments(stage, params))
    except (ValueError, OSError, RuntimeError) as error:
        message = _explain(stage.__name__, error)
        if not isinstance(error, PassingError):
            sys.exit(message)
        sys.stderr.write(f"{message}\n")
        sys.exit(MAY_PASS)
    except KeyboardInterrupt:
        sys.stderr.write(f"stage {stage.__name__} was interrupted\n")
        sys.exit(_INTERRUPTED)
    if afterwards is not None:
        afterwards()


def option_names(stage: Callable[..., None]) -> list[str]:
    """Return the arguments of ``stage`` that its command line gives."""
    return [name for name in inspect.signature(stage).parameters if name not in SECTIONS]


def _arguments(stage: Callable[..., None], params: Params) -> dict[str, Any]:
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{stage.__name__}", description=inspect.getdoc(stage)
    )
    parameters = inspect.signature(stage).parameters
    for name in option_names(stage):
        kind = Path if parameters[name].annotation is Path else str
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = vars(parser.parse_args())
    for name, section in ENTRY_SECTIONS.items():
        if name in given:
            try:
                given[name] = _entry(params, section, given[name])
            except (KeyError, AttributeError) as error:
                raise ValueError(
                    f"--{name} {given[name]}: {PARAMS} has no such entry in '{section}'"
                ) from error
    sections = {name: attrgetter(SECTIONS[name])(params) for name in parameters if name in SECTIONS}
    return {**given, **sections}


def _entry(params: Params, section: str, name: str) -> object:
    """Return an entry of a section; one of ``models`` is named ``arch.name``."""
    found: Any = getattr(params, section)
    for part in name.split("."):
        found = found[part] if isinstance(found, Mapping) else getattr(found, part)
    if isinstance(found, Mapping):  # an architecture without the name of a model
        raise KeyError(name)
    return found


def _explain(stage: str, error: Exception) -> str:
    """Return a message for people; the traceback only where nobody foresaw the error."""
    foreseen = isinstance(error, ValueError | OSError) or type(error).__module__.startswith(
        ("pipeline", "stages")
    )
    if os.environ.get("RESTORE_TRACEBACK") or not foreseen:
        traceback.print_exc()
    message = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        free = shutil.disk_usage(Path.cwd()).free / 2**20
        message = f"{message}; {free:.0f} MiB are free: make room and start again, nothing is lost"
    if is_one_of_several():
        stage = f"{stage} (process {position()})"
    return f"stage {stage} failed: {message}\n(RESTORE_TRACEBACK=1 shows where)"
