"""``restore app``: photographs restored in a browser, on this machine alone."""

import argparse
import importlib.util
import socket
from pathlib import Path

from pipeline.commands import INTERRUPTED, SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import hand_over

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
        CommandError: The extra is not installed, the port is taken, or ``params.yaml`` or a card
            cannot be read.
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
    from pipeline.photographs.weights_by_name import restoring_weights

    try:
        networks = restoring_weights(root)
    except (OSError, ValueError) as error:  # of params.yaml, or of a card
        raise CommandError(str(error)) from error
    request = {
        "port": options.port,
        "show": not options.no_browser,
        "most_bytes": _MOST_BYTES,
        "networks": {name: (str(folder), colour) for name, (folder, colour) in networks.items()},
    }
    code = hand_over("pipeline.photographs.app", request)
    return SUCCESS if code == INTERRUPTED else code  # which is how serving ends
