"""Serve the page in a process of its own: a request comes in as JSON, a browser does the rest."""

import asyncio
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipeline.running.process import compute_environment, restart_with
from pipeline.running.workers import count_workers

if __name__ == "__main__":
    restart_with(compute_environment(count_workers()))

from nicegui import app, background_tasks, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.machine.devices import pick_device
from pipeline.photographs.app.desk import Desk
from pipeline.photographs.app.size_limit import SizeLimit
from pipeline.photographs.working import Wish, Workshop
from pipeline.running.request import read_request

_HOST = "127.0.0.1"

_NOTHING = Wish("auto", None, None, 2, 1.0, None, preview=True, shown=True)


def main() -> None:
    """Serve until interrupted: ``{"port", "show", "most_bytes", "networks"}``."""
    request: dict[str, Any] = read_request()
    networks = {
        name: (Path(folder), colour) for name, (folder, colour) in request["networks"].items()
    }
    workshop = Workshop(_NOTHING, pick_device(count_workers()))
    most_bytes: int = request["most_bytes"]
    # Only pages of this machine's own address: not those that give theirs another name.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])
    app.add_middleware(SizeLimit, most_bytes=most_bytes)
    with tempfile.TemporaryDirectory(prefix="restore-") as place, ThreadPoolExecutor(1) as worker:

        def page() -> None:
            folder = Path(tempfile.mkdtemp(dir=place))
            Desk(workshop, networks, worker, folder, most_bytes).build()

        app.on_startup(lambda: background_tasks.create(_say(request["port"])))
        ui.run(
            page,
            host=_HOST,
            port=request["port"],
            title="restore",
            dark=None,
            show=request["show"],
            reload=False,
            show_welcome_message=False,
        )


async def _say(port: int) -> None:
    """Say where the page is, as soon as it can be asked for."""
    while True:
        try:
            _, asking = await asyncio.open_connection(_HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            asking.close()
            break
    sys.stdout.write(f"photographs are restored at http://{_HOST}:{port}/ (Ctrl-C ends)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
