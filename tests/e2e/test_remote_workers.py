"""A run on workers that share only Git and a DVC remote with the machine that leads."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.graph.engines.clones import FOLDER_VARIABLE
from tests.shared_toy import clone, git, make_shared_toy
from tests.toy import call, environment, prefect_server, program

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
        for pool in ("restore-pool", "restore-workers"):
            created = ("work-pool", "create", "--type", "process", pool)
            assert call(project, "prefect", *created, **variables).returncode == 0
        deployed = call(project, "prefect", "--no-prompt", "deploy", "--all", **variables)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield variables


@contextmanager
def worker(home: Path, server: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker on a machine whose only folder is ``home``."""
    home.mkdir()
    told = {
        FOLDER_VARIABLE: str(home),
        "TOY_STARTED": str(home / "train.started"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("prefect"), "worker", "start", "--pool", "restore-workers"],
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
    command += ["--experiments", "train", "left"]
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
    assert call(alone, "dvc", "repro", "train", "branch@left", **told).returncode == 0
    assert run.returncode == 0, said
    assert "its worker is gone" in said
    assert "3 stages ran" in said
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
