"""Who may speak to the project's Prefect server: those who can read a file of the project.

Whoever may ask the server to run something runs code as the user. So every request needs a secret
that only the user can read, no page of another origin may ask, and the server's database is the
project's own. ``prefect`` finds address and secret in ``prefect.toml``, which is there while
``restore serve`` runs.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

HOST = "127.0.0.1"

SETTINGS = "prefect.toml"
"""File of the project's folder that Prefect reads its settings from."""

_WRITTEN_BY_US = "# Written by `restore serve`, and removed when it ends.\n"


def read_secret(root: Path) -> str:
    """Return the secret of the project's server, ``restore:...``, drawn when first asked for.

    Raises:
        OSError: It can neither be read nor written.
    """
    path = root / ".restore" / "prefect-secret"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        drawn = _private_file(path, f"restore:{secrets.token_urlsafe(24)}\n")
        with contextlib.suppress(FileExistsError):  # another process was faster; its secret counts
            os.link(drawn, path)
        drawn.unlink()
    path.chmod(0o600)
    return path.read_text().strip()


def server_environment(root: Path, port: int) -> dict[str, str]:
    """Return the variables that make a server the project's own, and close it to others."""
    return {
        "PREFECT_HOME": str(root / ".restore" / "prefect"),
        "PREFECT_SERVER_API_AUTH_STRING": read_secret(root),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port}",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    }


def client_environment(root: Path, url: str) -> dict[str, str]:
    """Return the variables that lead Prefect's client to the project's server, past any proxy."""
    direct = ",".join(filter(None, [os.environ.get("no_proxy", os.environ.get("NO_PROXY")), HOST]))
    return {
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": read_secret(root),
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def remember_server(root: Path, url: str, supervisor: int) -> None:
    """Record that the project's server at ``url`` runs below the process ``supervisor``."""
    started = psutil.Process(supervisor).create_time()
    record = {"url": url, "supervisor": supervisor, "started": started}
    path = _record(root)
    _private_file(path, json.dumps(record)).replace(path)


def running_server(root: Path) -> str | None:
    """Return the address of the project's server, None where none is running.

    The process tells, not the port: who answers there may be anybody.
    """
    try:
        record: dict[str, Any] = json.loads(_record(root).read_text())
        started = psutil.Process(record["supervisor"]).create_time()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return str(record["url"]) if started == record.get("started") else None


@contextlib.contextmanager
def leading(root: Path, url: str) -> Iterator[bool]:
    """Lead ``prefect`` in the project's folder to its server at ``url``, while the block runs.

    Yields:
        Whether it does; a ``prefect.toml`` that the user wrote is left alone.
    """
    path = root / SETTINGS
    if path.exists() and not path.read_text().startswith(_WRITTEN_BY_US):
        yield False
        return
    secret = read_secret(root)
    content = f'{_WRITTEN_BY_US}[api]\nurl = "{url}"\nauth_string = "{secret}"\n'
    _private_file(path, content).replace(path)
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)


def _record(root: Path) -> Path:
    return root / ".restore" / "prefect-server.json"


def _private_file(path: Path, content: str) -> Path:
    """Write a new file beside ``path`` that nobody else can read, and return its path."""
    place = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    return place
