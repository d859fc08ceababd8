"""The commands of ``docs/operations/compose.yaml`` as plain processes of this machine."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from tests.project import ROOT
from tests.toy import environment, free_port

COMPOSE = ROOT / "docs/operations/compose.yaml"

SECRETS = {
    "POSTGRES_PASSWORD": "postgres-password-of-the-test",
    "S3_USER": "s3-user",
    "S3_PASSWORD": "s3-password-of-the-test",
    "PREFECT_AUTH": "restore:prefect-password-of-the-test",
}
"""What an environment file of the compose file has; nothing that no secret is in."""

_PATIENCE = 90.0


class Services:
    """What of the compose file runs here, each at a port of its own.

    Args:
        home: An empty folder that everybody may enter.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: dict[str, Any] = YAML(typ="safe", pure=True).load(COMPOSE)
        self.ports = {name: free_port() for name in ("postgres", "s3", "mlflow", "prefect")}
        self._places = {
            "postgres:5432": f"127.0.0.1:{self.ports['postgres']}",
            "s3:9000": f"127.0.0.1:{self.ports['s3']}",
            "--host=0.0.0.0": "--host=127.0.0.1",
            "--port=5000": f"--port={self.ports['mlflow']}",
            "--port=4200": f"--port={self.ports['prefect']}",
            "127.0.0.1:4200": f"127.0.0.1:{self.ports['prefect']}",
        }

    def url(self, service: str) -> str:
        """Return the address of a service that speaks HTTP."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def log(self, service: str) -> str:
        """Return what a service has printed."""
        return (self._home / f"{service}.log").read_text(errors="replace")

    def command(self, service: str) -> tuple[list[str], dict[str, str]]:
        """Return the command and the variables of a service, with the addresses of this machine."""
        described = self._file["services"][service]
        words = [self._filled(word) for word in described["command"]]
        variables = {key: self._filled(text) for key, text in described["environment"].items()}
        options = words[1:] if words[0] == "python" else ["-m", *words]
        return [sys.executable, *options], environment(**variables, HOME=str(self._home))

    @contextmanager
    def running(self, service: str) -> Iterator[None]:
        """Run a service."""
        command, variables = self.command(service)
        with self._process(service, command, env=variables, cwd=self._home):
            yield

    def do(self, service: str) -> None:
        """Run a service that ends by itself."""
        command, variables = self.command(service)
        subprocess.run(command, env=variables, cwd=self._home, check=True, timeout=_PATIENCE)

    @contextmanager
    def postgres(self) -> Iterator[None]:
        """Run the Postgres of this machine with the databases of the compose file.

        Skips the test where there is none.
        """
        programs = _postgres_programs()
        if programs is None:
            pytest.skip("no Postgres here: `apt-get install postgresql` brings it")
        password = self._home / "password"
        password.write_text(SECRETS["POSTGRES_PASSWORD"])
        data = self._home / "postgres"
        data.mkdir()
        own: dict[str, Any] = {"cwd": data}
        if os.getuid() == 0:  # Postgres refuses to run as root
            user = pwd.getpwnam("nobody")
            own |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(data, user.pw_uid, user.pw_gid)
            password.chmod(0o644)
        name = self._file["services"]["postgres"]["environment"]["POSTGRES_USER"]
        made: list[str | Path] = [
            programs / "initdb",
            f"--pgdata={data}",
            f"--username={name}",
            "--no-sync",
        ]
        made += [f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
        subprocess.run(made, check=True, capture_output=True, **own)
        started = [programs / "postgres", "-D", data, "-p", str(self.ports["postgres"])]
        started += ["-k", data, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with self._process("postgres", started, **own):
            self._create_databases(name)
            yield

    def _create_databases(self, user: str) -> None:
        import psycopg2

        address = f"postgresql://{user}:{SECRETS['POSTGRES_PASSWORD']}@127.0.0.1"
        address += f":{self.ports['postgres']}/postgres"
        connection = _until(lambda: psycopg2.connect(address), psycopg2.OperationalError)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in self._file["configs"]["databases"]["content"].splitlines():
                cursor.execute(statement)
        connection.close()

    @contextmanager
    def s3(self) -> Iterator[None]:
        """Run a server of the package moto that speaks S3."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1"]
        command += ["-p", str(self.ports["s3"])]
        with self._process("s3", command, env=environment(), cwd=self._home):
            wait_for(self.url("s3"))
            yield

    @contextmanager
    def _process(self, service: str, command: list[Any], **how: Any) -> Iterator[None]:
        with (self._home / f"{service}.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **how)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _filled(self, text: str) -> str:
        """Put the values of variables into a text as Docker does, then the addresses of here."""
        text = re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda m: SECRETS.get(m[1], m[2]), text)
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text


def _postgres_programs() -> Path | None:
    """Return the folder with Postgres' programs, which Debian keeps out of the way."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def wait_for(url: str) -> None:
    """Wait until something answers at an address."""
    _until(lambda: requests.get(url, timeout=5), OSError)


def _until(ask: Callable[[], Any], refusal: type[Exception]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except refusal:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextmanager
def all_services(home: Path) -> Iterator[Services]:
    """Run all services of the compose file, begun side by side."""
    services = Services(home)
    with ExitStack() as stack:
        stack.enter_context(services.postgres())
        stack.enter_context(services.running("prefect"))
        stack.enter_context(services.s3())
        services.do("bucket")
        stack.enter_context(services.running("mlflow"))
        wait_for(f"{services.url('mlflow')}/health")
        wait_for(f"{services.url('prefect')}/api/health")
        yield services
