"""``restore app``: photographs restored in a browser, on this machine alone."""

import argparse
import importlib.util
import json
import socket
import subprocess
import sys
from pathlib import Path

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError

SUMMARY = "restore photographs in a browser, and look at them before and after"

_PORT = 8600

_MOST_BYTES = 500 * 10**6
"""Of a photograph: 100 megapixels in 16 bits, uncompressed, are more; cameras make less."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--port", type=int, default=_PORT, help=f"of this machine, {_PORT} as without"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="open no browser, only say where the page is"
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Serve the page until somebody presses Ctrl-C.

    Args:
        root: Folder of the project, or any other.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: The extra is not installed, or the port is taken.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise CommandError("the page needs an extra: pip install --editable '.[app]'", USAGE)
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind(("127.0.0.1", options.port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"port {options.port} cannot be had ({error}); give another one with --port", USAGE
            ) from error
    from pipeline.checking.params_file import ParamsError
    from pipeline.photographs.weights_by_name import restoring_weights

    try:
        networks = restoring_weights(root)
    except ParamsError as error:
        raise CommandError(str(error)) from error
    request = {
        "port": options.port,
        "show": not options.no_browser,
        "most_bytes": _MOST_BYTES,
        "networks": {name: (str(folder), colour) for name, (folder, colour) in networks.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.photographs.app"], stdin=subprocess.PIPE, text=True
    )
    try:
        process.communicate(json.dumps(request))
    except KeyboardInterrupt:
        process.terminate()  # where the signal came to this process alone
        process.wait()  # Ctrl-C is how serving ends
        return SUCCESS
    return SUCCESS if process.returncode == 0 else FAILURE
