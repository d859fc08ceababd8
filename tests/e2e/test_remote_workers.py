"""A run on workers that share only Git and a DVC remote with the machine that leads."""

import errno
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.graph.engines.clones import FOLDER_VARIABLE
from tests.far_machine import FarMachine, far_machine, git_server, passed_on
from tests.pools import POOLS
from tests.shared_toy import clone, git, make_shared_toy, move_remote
from tests.toy import call, environment, prefect_server, program

if TYPE_CHECKING:
    from tests.s3_server import S3Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the variables that lead commands to a Prefect server that knows of the workers."""
    home = tmp_path_factory.mktemp("prefect")
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "prefect.yaml", project)
    (project / "pipeline").symlink_to(ROOT / "pipeline")
    with prefect_server(home) as found:
        variables = {**found, "PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT)}
        for pool, kind in POOLS.items():
            created = ("work-pool", "create", "--type", kind, pool)
            assert call(project, "prefect", *created, **variables).returncode == 0
        deployed = call(project, "prefect", "--no-prompt", "deploy", "--all", **variables)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield variables


@contextmanager
def worker(
    home: Path, server: Mapping[str, str], prefix: Sequence[str] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker on a machine whose only folder is ``home``."""
    home.mkdir()
    told = {
        FOLDER_VARIABLE: str(home),
        "TOY_STARTED": str(home / "train.started"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*prefix, program("prefect"), "worker", "start", "--pool", "restore-workers"],
            cwd=home,
            env=environment(**server, **told),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        for one in flows_of(home):
            one.kill()
        process.wait(timeout=60)


def wait_for(path: Path, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not come within {seconds:g} s"
        time.sleep(0.1)


def test_a_worker_that_dies_is_replaced_by_one_that_goes_on_from_its_checkpoint(
    tmp_path: Path, server: dict[str, str]
) -> None:
    head = make_shared_toy(tmp_path)
    command = [program("restore"), "run", "--engine", "workers", "--engine-options", "silence=20"]
    command += ["--experiments", "train"]
    with subprocess.Popen(
        command,
        cwd=head,
        env=environment(**server),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            with worker(tmp_path / "one", server) as first:
                wait_for(tmp_path / "one/train.started")
                first.kill()
                for flow in flows_of(tmp_path / "one"):
                    flow.send_signal(signal.SIGTERM)
                wait_for(tmp_path / "remote/restore/checkpoints/data/checkpoints/net/a.pt")
                time.sleep(1)  # its last words to the server
            with worker(tmp_path / "other", server):
                said, _ = run.communicate(timeout=240)
        finally:
            run.kill()

    alone = clone(tmp_path, "alone")
    (alone / "data/checkpoints/net").mkdir(parents=True)
    (alone / "data/checkpoints/net/a.pt").write_text("half of it was done elsewhere")
    told = {"TOY_STARTED": str(tmp_path / "alone.started")}
    assert call(alone, "dvc", "repro", "train", **told).returncode == 0
    assert run.returncode == 0, said
    assert "its worker is gone" in said
    assert "1 stage ran" in said
    assert lock(head) == lock(alone)
    assert not (head / "trace").exists()
    assert not (head / "data").exists()


def flows_of(folder: Path) -> list[psutil.Process]:
    """Return the processes in which Prefect runs flows of a worker."""
    found = []
    for process in psutil.process_iter():
        try:
            of_worker = process.environ().get(FOLDER_VARIABLE) == str(folder)
            if of_worker and "prefect.engine" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def lock(root: Path) -> dict[str, object]:
    stages: dict[str, object] = YAML(typ="safe").load(root / "dvc.lock")["stages"]
    return stages


def test_what_is_not_pushed_is_refused_before_anything_starts(
    tmp_path: Path, server: dict[str, str]
) -> None:
    head = make_shared_toy(tmp_path)
    git(head, "commit", "--quiet", "--allow-empty", "--message=Empty")

    refused = call(head, "restore", "run", "--engine", "workers", **server)

    assert refused.returncode == 1
    assert "is not in the Git remote 'origin'" in refused.stderr
    assert not any((tmp_path / "remote").iterdir())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarMachine]:
    """Yield a machine that does not have the folders of the tests, if such a one can be had."""
    with far_machine(tmp_path_factory.getbasetemp()) as found:
        yield found


@pytest.fixture(scope="module")
def s3(machine: FarMachine, tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """Yield a server of S3 that both machines reach."""
    for needed in ("dvc_s3", "moto.server"):
        pytest.importorskip(needed, reason="the extra [services] is not installed")
    from tests.s3_server import s3_server

    with s3_server(machine.host, tmp_path_factory.mktemp("s3")) as running:
        yield running


def test_the_other_machine_has_neither_files_nor_other_addresses_of_the_head(
    machine: FarMachine, tmp_path: Path, server: dict[str, str]
) -> None:
    if machine.here:
        pytest.skip(machine.here)
    look = "import os, socket, sys; print(os.path.exists(sys.argv[1])); "
    look += "print(socket.socket().connect_ex(('127.0.0.1', int(sys.argv[2]))))"
    port = str(urlsplit(server["PREFECT_API_URL"]).port)

    seen = subprocess.run(
        [*machine.prefix, sys.executable, "-c", look, str(tmp_path), port],
        capture_output=True,
        text=True,
        check=True,
    )

    assert seen.stdout.split() == ["False", str(errno.ECONNREFUSED)]


def test_machines_that_share_git_and_s3_alone_get_the_results_of_one_another(
    tmp_path: Path, server: dict[str, str], machine: FarMachine, s3: "S3Server"
) -> None:
    head = make_toy_on(s3, tmp_path)
    assert call(head, "dvc", "repro", "seed").returncode == 0
    before = (head / "dvc.lock").read_bytes()
    (head / "trace").unlink()
    command = ["restore", "run", "--engine", "workers", "--experiments", "left"]
    with ExitStack() as stack:
        api = urlsplit(server["PREFECT_API_URL"])
        port = stack.enter_context(passed_on(machine.host, int(api.port or 80)))
        reached = {
            **server,
            **s3.variables,
            "PREFECT_API_URL": f"http://{machine.host}:{port}{api.path}",
            "PREFECT_HOME": str(tmp_path / "far/prefect"),
            "NO_PROXY": f"{server['NO_PROXY']},{machine.host}",
            "no_proxy": f"{server['NO_PROXY']},{machine.host}",
        }
        stack.enter_context(worker(tmp_path / "far", reached, machine.prefix))
        repository = stack.enter_context(git_server(machine.host, tmp_path)) + "/origin.git"
        told = ["--engine-options", f"repository={repository}"]
        ran = call(head, *command, *told, **server)
    alone = clone(tmp_path, "alone")
    (alone / "dvc.lock").write_bytes(before)
    pulled = call(alone, "dvc", "repro", "--pull", "branch@left", **s3.variables)

    said = ran.stdout + ran.stderr + (tmp_path / "far/log").read_text()
    assert ran.returncode == 0, said
    assert "1 stage ran" in ran.stdout
    assert pulled.returncode == 0, pulled.stderr
    assert lock(head) == lock(alone)
    for root in (head, alone):
        assert (root / "out/branch@left").read_text() == "one -"
        assert not (root / "trace").exists()
    stored = b"".join(path.read_bytes() for path in files_of(server))
    assert b"branch@left" in stored
    assert s3.secret.encode() not in stored + said.encode()


def make_toy_on(s3: "S3Server", base: Path, settings: Mapping[str, str] | None = None) -> Path:
    """Make a toy whose remote is on S3, with what opens it in a file that Git ignores.

    Args:
        s3: The server.
        base: Where the toy goes.
        settings: Of the remote, in that file, in place of those that would work.
    """
    head = make_shared_toy(base)
    move_remote(head, url=f"s3://{s3.bucket}/toy", endpointurl=s3.url)
    own = {
        "access_key_id": s3.variables["AWS_ACCESS_KEY_ID"],
        "secret_access_key": s3.variables["AWS_SECRET_ACCESS_KEY"],
        **(settings or {}),
    }
    lines = "".join(f"    {key} = {value}\n" for key, value in own.items())
    (head / ".dvc/config.local").write_text(f"['remote \"shared\"']\n{lines}")
    return head


def files_of(server: Mapping[str, str]) -> list[Path]:
    """Return what the Prefect server has written, its database first of all."""
    return [path for path in Path(server["PREFECT_HOME"]).rglob("*") if path.is_file()]


def test_a_wrong_key_of_the_remote_is_refused_before_anything_starts(
    tmp_path: Path, server: dict[str, str], s3: "S3Server"
) -> None:
    head = make_toy_on(s3, tmp_path, {"secret_access_key": "another-secret"})

    refused = call(head, "restore", "run", "--engine", "workers", **server)

    assert refused.returncode == 1
    assert "the DVC remote 'shared' cannot be written and read" in refused.stderr
    assert "signature we calculated does not match" in refused.stderr
    assert "another-secret" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("url", "s3://nosuch/toy", "bucket does not exist"),
        ("endpointurl", "http://127.0.0.1:9", "Could not connect"),
    ],
)
def test_what_is_wrong_with_a_remote_on_s3_is_said_in_one_line(
    setting: str, value: str, expected: str, tmp_path: Path, s3: "S3Server"
) -> None:
    head = make_toy_on(s3, tmp_path, {setting: value})

    refused = call(head, "python", "-m", "pipeline.graph.engines.exchange", "check")

    assert refused.returncode == 1
    assert refused.stderr.startswith("the DVC remote 'shared' cannot be written and read: ")
    assert expected in refused.stderr
    assert refused.stderr.count("\n") == 1
