"""A small project for tests of the orchestration: real DVC, stages that take no time.

``seed`` feeds ``branch@left`` and ``branch@right``, both feed ``join``; ``aside`` needs nobody.
Files in the project's folder tell a stage how to behave: ``NAME.fail``, ``NAME.sleep``;
``NAME.unreachable`` says how often something outside fails it; with a
model card ``NAME.card`` it evaluates those weights, and with ``NAME.steps``, how many steps it has,
it says that it has done one.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

from pipeline.graph.prefect_access import client_environment
from pipeline.graph.prefect_server import local_url, start_server
from pipeline.graph.supervise import Children

GRAPH = """\
vars:
  - settings.yaml
stages:
  seed:
    cmd: python work.py seed
    deps:
      - raw.txt
    outs:
      - out/seed
  branch:
    foreach: ${branches}
    do:
      cmd: python work.py branch@${key} ${item.text} out/seed
      deps:
        - out/seed
      params:
        - settings.yaml:
            - branches.${key}
      outs:
        - out/branch@${key}
      meta:
        cpus: ${cpus}
  join:
    cmd: python work.py join - out/branch@left out/branch@right
    deps:
      - out/branch@left
      - out/branch@right
    outs:
      - out/join
  aside:
    cmd: python work.py aside
    outs:
      - out/aside
"""

SETTINGS = """\
cpus: 1
branches:
  left: {text: one}
  right: {text: two}
"""

WORK = """\
import json, os, signal, subprocess, sys, time
from pathlib import Path

name, text, inputs = sys.argv[1], (sys.argv[2:] or ["-"])[0], sys.argv[3:]

def checkpoint(*_):
    Path(f"{name}.checkpoint").touch()
    sys.exit(1)

def trace(event):
    with open("trace", "a") as file:
        file.write(f"{event} {name}\\n")

signal.signal(signal.SIGTERM, checkpoint)
print(f"working on {name} with {os.environ.get('RESTORE_CORES')} core(s)")
trace("begin")
if Path(f"{name}.steps").exists():
    from pipeline.running.progress_file import Progress, note_progress
    steps = int(Path(f"{name}.steps").read_text())
    note_progress(Progress(step=1, steps=steps, values={"train/loss": 0.5}))
if Path(f"{name}.fail").exists():
    sys.exit(f"{name} was told to fail")
outside = Path(f"{name}.unreachable")
if outside.exists() and int(outside.read_text()):
    outside.write_text(str(int(outside.read_text()) - 1))
    print(f"{name} was told to reach nobody")
    sys.exit(75)
if Path(f"{name}.sleep").exists():
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "toy-helper"])
    Path(f"{name}.started").touch()
    time.sleep(float(Path(f"{name}.sleep").read_text()))
    helper.kill()
    helper.wait()
Path("out").mkdir(exist_ok=True)
content = [Path(path).read_text() for path in inputs]
Path("out", name).write_text(" ".join([text, *content]))
if Path(f"{name}.card").exists():
    from pipeline.running.evaluation_record import log_evaluation
    weights = json.loads(Path(f"{name}.card").read_text())["weights_sha256"]
    log_evaluation(name, weights, {"set": {"y-float": {"psnr": 30.0}}}, {}, [])
trace("end")
"""

DVC_CONFIG = """\
[core]
    no_scm = true
    analytics = false
"""


def make_toy(root: Path) -> Path:
    """Make the project in the folder ``root``; nothing has run in it."""
    files = {
        "dvc.yaml": GRAPH,
        "settings.yaml": SETTINGS,
        "work.py": WORK,
        "raw.txt": "raw",
        ".dvc/config": DVC_CONFIG,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def copy_toy(done: Path, root: Path) -> Path:
    """Copy a toy, with all that has run in it, to the new folder ``root``."""
    return Path(shutil.copytree(done, root, symlinks=True))


def edit(path: Path, old: str, new: str) -> None:
    """Replace a piece of text that must be there."""
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path} has no {old!r}")
    path.write_text(text.replace(old, new))


def gather(root: Path) -> None:
    """Add a stage ``digest`` that lists what the others have written so far."""
    with (root / "dvc.yaml").open("a") as file:
        file.write(
            "  digest:\n    cmd: echo digest >> runs && ls out > digest\n    deps: [out]\n"
            "    outs: [digest]\n    meta: {gathers: true}\n"
        )


def trace(root: Path) -> list[str]:
    """Return what began and ended in the toy since the last call, in order of time."""
    path = root / "trace"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def prefect_server(home: Path) -> Iterator[dict[str, str]]:
    """Run a Prefect server of the folder ``home``; yield the variables that lead commands to it."""
    port = free_port()
    with Children() as children:
        start_server(children, port=port, log=home / "log", root=home, ui=False)
        yield client_environment(home, local_url(port))


def program(name: str) -> str:
    """Return a console script of this environment."""
    return str(Path(sys.executable).parent / name)


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for commands in the toy: this Python first, nothing reported."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    silent = {"DO_NOT_TRACK": "1", "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    return {**os.environ, **silent, "PATH": path, **variables}


MARK = "RESTORE_TEST_MARK"
"""A variable that tells the processes of a test from all others."""


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes whose environment has the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def outputs(lock: bytes) -> dict[str, dict[str, str]]:
    """Return the checksums of the outputs of each stage in the content of a ``dvc.lock``."""
    stages: dict[str, Any] = YAML(typ="safe").load(lock)["stages"]
    return {
        name: {output["path"]: output["md5"] for output in stage["outs"]}
        for name, stage in stages.items()
    }


def call(root: Path, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of this environment in the toy, to its end."""
    return subprocess.run(
        [program(command[0]), *command[1:]],
        cwd=root,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
