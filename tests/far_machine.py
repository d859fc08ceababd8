"""A machine of the tests that sees neither the files of this one nor its other addresses."""

import contextlib
import os
import secrets
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.toy import free_port


@dataclass(frozen=True)
class FarMachine:
    """Where the commands of another machine run."""

    host: str
    """Address at which it reaches this one."""
    disk: Path
    """A folder of this machine that is empty and its own there."""
    prefix: Sequence[str]
    """Words before a command that runs there."""
    here: str = ""
    """Why it is no other machine, where it is not."""


@contextmanager
def far_machine(disk: Path) -> Iterator[FarMachine]:
    """Yield a machine in namespaces of its own, or this one where nobody may make them."""
    name = f"restore-{secrets.token_hex(3)}"
    near, far = f"n{name[-6:]}", f"f{name[-6:]}"
    # Addresses that are for measurements inside of a network, and nobody's.
    subnet = f"198.18.{secrets.randbelow(256)}"
    with ExitStack() as stack:
        try:
            _do("ip", "netns", "add", name)
            stack.callback(_do, "ip", "netns", "delete", name)
            _do("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            _do("ip", "address", "add", f"{subnet}.1/30", "dev", near)
            _do("ip", "link", "set", near, "up")
            _do("ip", "-n", name, "address", "add", f"{subnet}.2/30", "dev", far)
            for link in (far, "lo"):
                _do("ip", "-n", name, "link", "set", link, "up")
            inside = ["ip", "netns", "exec", name, "unshare", "--mount", "sh", "-ec"]
            covered = 'mount -t tmpfs tmpfs "$0" && cd "$0" && exec "$@"'
            _do(*inside, covered, str(disk), "true")
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            yield FarMachine("127.0.0.1", disk, (), here=f"no namespaces: {said.strip()}")
            return
        yield FarMachine(f"{subnet}.1", disk, (*inside, covered, str(disk)))


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextmanager
def git_server(host: str, folder: Path) -> Iterator[str]:
    """Serve the repositories in a folder by Git's own protocol; yield their common address."""
    port = free_port()
    command = ["git", "daemon", "--export-all", f"--base-path={folder}"]
    command += [f"--listen={host}", f"--port={port}", "--reuseaddr"]
    # Its listener is a process of another program of Git, which ends with the group.
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield f"git://{host}:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


@contextmanager
def passed_on(host: str, port: int) -> Iterator[int]:
    """Pass a port on that only this machine can reach; yield its number at ``host``."""
    with _PassOn(host, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class _PassOn(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, 0), _Connection)
        self.target = ("127.0.0.1", port)


class _Connection(socketserver.BaseRequestHandler):
    server: _PassOn

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as there:
            back = threading.Thread(target=_copy, args=(there, self.request))
            back.start()
            _copy(self.request, there)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Send what comes on, until one end is closed; then both are."""
    with contextlib.suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
