"""Stages on a Ray cluster of two nodes and as jobs of submitit: real ones, all on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.graph.supervise import Children
from tests.project import ROOT
from tests.toy import (
    MARK,
    call,
    edit,
    environment,
    free_port,
    make_toy,
    marked,
    prefect_server,
    trace,
)

pytestmark = pytest.mark.slow

SBATCH = """\
#!/bin/sh
cp "$1" asked
SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=3 setsid sh "$1" >/dev/null 2>&1 &
echo Submitted batch job 7
"""
SRUN = """\
#!/bin/sh
shift 5
exec "$@"
"""
"""What stands for Slurm where there is none; ``srun`` has five words of options."""

SLURM = ["slurm", "cluster=local", "silence=3"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the variables that lead commands to a Prefect server of these tests' own."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as variables:
        yield {**variables, "PREFECT_HOME": str(home)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the lock file that ``dvc repro`` leaves."""
    root = make_toy(tmp_path_factory.mktemp("done"))
    assert call(root, "dvc", "repro").returncode == 0
    return lock(root)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Ray cluster with a node of one core and one of two."""
    ray = pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("ray")
    port = str(free_port())
    found = f"{ray.util.get_node_ip_address()}:{port}"
    with Children() as nodes:
        head = ("--head", "--port", port, "--include-dashboard=false", "--num-cpus", "1")
        started = [start_node(nodes, folder / "head", *head)]
        started += [start_node(nodes, folder / "node", "--address", found, "--num-cpus", "2")]
        yield found
        for node in started:  # they take long to end by themselves
            supervisor = psutil.Process(node.pid)
            for process in [*supervisor.children(recursive=True), supervisor]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def start_node(nodes: Children, log: Path, *options: str) -> "subprocess.Popen[str]":
    """Start a node of Ray that ends with ``nodes`` at the latest."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
    with log.open("w") as output:
        node = nodes.start(command, cwd=ROOT, environment=surroundings(), output=output)
    wait_for(log, lambda: "Ray runtime started" in log.read_text())
    return node


@pytest.fixture(params=["ray", "slurm"])
def engine(request: pytest.FixtureRequest) -> list[str]:
    """Return the words that name an engine and its options."""
    if request.param == "ray":
        return ["ray", f"address={request.getfixturevalue('address')}"]
    pytest.importorskip("submitit")
    return SLURM


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return make_toy(tmp_path / "toy")


def surroundings(**variables: str) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return environment(RAY_USAGE_STATS_ENABLED="0", PYTHONPATH=paths, **variables)


def lock(root: Path) -> Any:
    return YAML(typ="safe", pure=True).load(root / "dvc.lock")


def begin(root: Path, engine: list[str], *stages: str, **variables: str) -> "subprocess.Popen[str]":
    """Run stages of a toy on an engine, without Prefect and DVC."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine_driver", *engine, "--", *stages],
        cwd=root,
        env=surroundings(**{MARK: str(root), **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def drive(root: Path, engine: list[str], *stages: str, **variables: str) -> str:
    """Return what was printed while stages ran on an engine, to their end."""
    with begin(root, engine, *stages, **variables) as driver:
        return driver.communicate(timeout=90)[0]


def wait_for(path: Path, come: Callable[[], bool] | None = None, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not (come or path.exists)():
        assert time.monotonic() < deadline, f"{path.name} did not come within {seconds:g} s"
        time.sleep(0.05)


def left_behind(root: Path, seconds: float = 15.0) -> list[object]:
    """Return the processes of a toy that are still there after some time."""
    deadline = time.monotonic() + seconds
    while (found := marked(str(root))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return list(found)


def test_stages_on_the_nodes_of_ray_leave_the_lock_file_of_dvc_and_too_large_ones_are_cut(
    toy: Path, address: str, server: dict[str, str], expected: Any
) -> None:
    edit(toy / "settings.yaml", "cpus: 1", "cpus: 1000")

    ended = call(toy, "restore", "run", "--engine", "ray", "--address", address, **server)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert lock(toy) == expected
    assert "branch@left asks for 1000 core(s)" in said
    assert "working on branch@left with 2 core(s)" in said
    assert call(toy, "dvc", "status", "--quiet").returncode == 0


def test_stages_as_jobs_leave_the_lock_file_of_dvc_and_a_failure_spares_the_others(
    toy: Path, server: dict[str, str], expected: Any
) -> None:
    pytest.importorskip("submitit")
    (toy / "branch@left.fail").touch()
    command = ("restore", "run", "--engine", "slurm", "--engine-options", "cluster=local")

    failed = call(toy, *command, **server)
    (toy / "branch@left.fail").unlink()
    ended = call(toy, *command, **server)

    assert failed.returncode == 1
    assert "    branch@left was told to fail" in failed.stderr.splitlines()
    assert "not run because of that: join" in failed.stderr
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 stages ran" in ended.stdout
    assert lock(toy) == expected


def test_lines_and_exit_codes_come_back(toy: Path, engine: list[str]) -> None:
    (toy / "aside.fail").touch()

    said = drive(toy, engine, "seed", "aside").splitlines()

    assert {"working on seed with 1 core(s)", "seed ended with 0"} <= set(said)
    assert {"aside was told to fail", "aside ended with 1"} <= set(said)
    assert left_behind(toy) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stages_end_with_a_checkpoint_when_their_driver_does(
    toy: Path, engine: list[str], number: signal.Signals
) -> None:
    (toy / "seed.sleep").write_text("600")
    with begin(toy, engine, "seed") as driver:
        wait_for(toy / "seed.started")

        driver.send_signal(number)

    assert left_behind(toy) == []
    assert (toy / "seed.checkpoint").exists()


def test_a_job_whose_time_is_over_is_queued_again_and_goes_on(toy: Path) -> None:
    pytest.importorskip("submitit")
    (toy / "seed.sleep").write_text("600")
    with begin(toy, [*SLURM, "time=0.1", "signal_delay_s=3"], "seed") as driver:
        wait_for(toy / "seed.checkpoint")
        (toy / "seed.sleep").write_text("0")
        said = driver.communicate(timeout=60)[0]

    assert "seed ended with 0" in said
    assert trace(toy) == ["begin seed", "begin seed", "end seed"]


def test_jobs_of_a_killed_run_end_before_the_next_ones_begin(toy: Path) -> None:
    pytest.importorskip("submitit")
    (toy / "seed.sleep").write_text("600")
    with begin(toy, ["slurm", "cluster=local", "silence=600"], "seed") as driver:
        wait_for(toy / "seed.started")
        driver.kill()

    said = drive(toy, SLURM, "aside")

    assert "jobs of a run that was killed are ended first" in said
    assert (toy / "seed.checkpoint").exists()
    assert left_behind(toy) == []


def test_slurm_is_asked_for_what_a_stage_needs(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    said = drive(
        toy,
        ["slurm", "partition=gpu", "time=240", "account=me"],
        "seed",
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    )

    asked = (toy / "asked").read_text().splitlines()
    assert {
        "#SBATCH --partition=gpu",
        "#SBATCH --time=240",
        "#SBATCH --account=me",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --requeue",
    } <= set(asked)
    assert "working on seed with 3 core(s)" in said
    assert "seed ended with 0" in said


def test_an_address_without_a_cluster_is_named(toy: Path) -> None:
    pytest.importorskip("ray")

    said = drive(toy, ["ray", f"address=127.0.0.1:{free_port()}"], "seed")

    assert "no Ray cluster answers at" in said
    assert trace(toy) == []
