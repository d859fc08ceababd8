"""``restore ui``: the runs in MLflow's pages, a row each, on this machine alone."""

import argparse
import contextlib
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import ask
from pipeline.graph.supervise import Children
from pipeline.running.environment import MLFLOW_PORT, child_environment

SUMMARY = "look at the runs in MLflow's pages, a row each"

_PATIENCE = 120.0
"""Seconds that MLflow's server may take to answer; mostly it takes ten."""

_LOG = Path(".restore/ui.log")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--port",
        type=int,
        metavar="PORT",
        help=f"of this machine (otherwise {MLFLOW_PORT}, or a free one where that is taken)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="open no browser, only say where the page is"
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Serve MLflow's pages until somebody presses Ctrl-C, and open the table of runs.

    Where ``MLFLOW_TRACKING_URI`` names a server, its own page is opened instead.

    Args:
        root: Folder of the project.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: The port is taken, or MLflow cannot be reached, or does not start.
    """
    port = _usable_port(options.port)
    known = ask(root, "pipeline.running.pages", {}, "preparing MLflow's table of runs")
    sys.stderr.write(known["warnings"])
    if known["store"].startswith(("http://", "https://")):
        _show(f"{known['store'].rstrip('/')}/{known['view']}", browse=not options.no_browser)
        return SUCCESS
    # Being interrupted is how serving ends.
    with Children() as children, contextlib.suppress(KeyboardInterrupt):
        server = _start(root, known["store"], port, children)
        _show(f"http://127.0.0.1:{port}/{known['view']}", browse=not options.no_browser)
        print("Ctrl-C ends it", flush=True)
        server.wait()
        raise CommandError(f"MLflow's server ended by itself; see {root / _LOG}", FAILURE)
    return SUCCESS


def _usable_port(wanted: int | None) -> int:
    fault = _fault_of(MLFLOW_PORT if wanted is None else wanted)
    if fault is None:
        return MLFLOW_PORT if wanted is None else wanted
    if wanted is not None:
        raise CommandError(
            f"port {wanted} cannot be had ({fault}); give another one with --port, or none", USAGE
        )
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _fault_of(port: int) -> Exception | None:
    """Return why a port cannot be had, None if it can."""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return error
    return None


def _start(root: Path, store: str, port: int, children: Children) -> "subprocess.Popen[str]":
    """Start MLflow's server, and return its supervisor when it answers."""
    command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}"]
    with (root / _LOG).open("w", encoding="utf-8") as log:
        server = children.start(
            [*command, "--workers=1", f"--backend-store-uri={store}"],
            cwd=root,
            # Jobs of MLflow's own would be more processes, for nothing that we record.
            environment={**child_environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            output=log,
        )
    until = time.monotonic() + _PATIENCE
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > until:
            raise CommandError(f"MLflow's server does not start; see {root / _LOG}", FAILURE)
        time.sleep(0.1)
    return server


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def _show(address: str, *, browse: bool) -> None:
    print(address, flush=True)
    if browse:
        webbrowser.open(address)
