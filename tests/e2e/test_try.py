"""``restore try`` over real DVC: what runs, what is left alone, and what is kept of it."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.training.checkpoints import CheckpointFile
from tests.project import command_environment, copy_project, run

pytestmark = pytest.mark.slow

STEPS = ("dncnn_s25", "--set", "recipe.steps=16")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of the smoke preset in which one experiment has run."""
    project = copy_project(tmp_path_factory.mktemp("done") / "project", preset="smoke")
    run(project, "dvc", "repro", "evaluate@dncnn_s25")
    return project


@pytest.fixture
def project(done: Path, tmp_path: Path) -> Path:
    """Return a copy of it for one test."""
    return Path(shutil.copytree(done, tmp_path / "project", symlinks=True))


def main_line(project: Path) -> dict[str, str]:
    """Return checksums of all that a try must leave alone."""
    files = [
        *(project / name for name in ("params.yaml", "dvc.yaml", "dvc.lock")),
        *(path for path in (project / "data").rglob("*") if path.is_file()),
        *(path for path in (project / "pipeline").rglob("*.py")),
    ]
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def runs(project: Path) -> dict[str, list[Run]]:
    """Return the runs that the tracker of the main line has, the oldest first, by experiment."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("restore")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    by_name: dict[str, list[Run]] = {}
    for one in found:
        by_name.setdefault(one.data.tags.get("restore.experiment", "launch"), []).append(one)
    return by_name


def test_a_try_is_compared_and_kept_without_training_again(project: Path) -> None:
    before = main_line(project)

    tried = run(project, "restore", "try", *STEPS)
    after_try = main_line(project)
    status = run(project, "dvc", "status", "evaluate@dncnn_s25").stdout
    listed = run(project, "restore", "try").stdout
    again = run(project, "restore", "try", *STEPS)
    text = (project / "params.yaml").read_text(encoding="utf-8").splitlines()
    kept = run(project, "restore", "try", "--keep", "dncnn_s25_steps_16")
    new = (project / "params.yaml").read_text(encoding="utf-8").splitlines()
    repeated = run(project, "dvc", "repro", "evaluate@dncnn_s25_steps_16")
    dropped = run(project, "restore", "try", "--drop", "dncnn_s25_steps_16")

    # The original and the data come from the cache of the main line.
    assert "Stage 'train@dncnn_s25' is cached - skipping run" in tried.stderr
    assert "Stage 'degrade@gray_noise' is cached - skipping run" in tried.stderr
    assert "Running stage 'train@dncnn_s25_steps_16'" in tried.stderr
    assert "Running stage 'train@dncnn_s25':" not in tried.stderr
    titles, first, second, *_ = tried.stdout.strip().splitlines()
    assert titles.split()[-3:] == ["dncnn_s25", "tried", "difference"]
    assert first.startswith("photos_test, gaussian_25  gray-uint8")
    assert first.endswith("one image: no interval")
    assert second.startswith("photos_test, gaussian_25  gray-float")
    assert "restore try --keep dncnn_s25_steps_16" in tried.stdout
    assert "unknown" not in tried.stdout.partition("training:")[2]
    assert after_try == before
    assert "up to date" in status
    assert "dncnn_s25_steps_16  dncnn_s25  recipe.steps=16  " in listed
    assert "dB (one image: no interval), photos_test gaussian_25 gray-uint8" in listed
    assert "Running stage" not in again.stderr
    assert again.stdout == tried.stdout

    (tracked,) = runs(project)["dncnn_s25_steps_16"]
    assert tracked.data.tags["restore.try"] == "dncnn_s25_steps_16"
    assert tracked.data.tags["restore.try_of"] == "dncnn_s25"
    assert "restore.try" not in runs(project)["dncnn_s25"][0].data.tags

    assert "without training" in kept.stdout
    assert [line for line in new if line not in text][1] == (
        "  dncnn_s25_steps_16: {arch: dncnn, model: tiny, train_on: gray_noise, recipe: "
        "dncnn_s25_steps_16, start: random, test_on: denoise}"
    )
    assert [line for line in new if line in text] == text
    for stage in ("train", "reconstruct", "evaluate"):
        assert f"Stage '{stage}@dncnn_s25_steps_16' is cached - skipping" in repeated.stdout
    assert "Running stage" not in repeated.stdout
    assert len(runs(project)["dncnn_s25_steps_16"]) == 1
    assert "is deleted" in dropped.stdout
    assert not (project / ".restore/tries/dncnn_s25_steps_16").exists()


def test_a_sweep_tries_every_combination_ranks_them_and_goes_on_after_a_failure(
    project: Path,
) -> None:
    before = main_line(project)
    (project / ".restore/tries/dncnn_s25_steps_10").mkdir(parents=True)
    (project / ".restore/tries/dncnn_s25_steps_10/project").write_text("no folder")
    values = "recipe.steps=10,16,24"

    swept = run(project, "restore", "sweep", "dncnn_s25", values, check=False)

    assert swept.returncode == 1
    table = [line for line in swept.stdout.splitlines() if line.startswith("dncnn_s25")]
    tried = {line.split()[0] for line in table}
    assert tried == {"dncnn_s25", "dncnn_s25_steps_16", "dncnn_s25_steps_24"}
    psnr = [float(re.findall(r" (\d+\.\d\d)(?: |$)", line)[0]) for line in table]
    assert psnr == sorted(psnr, reverse=True)
    assert "1 of 3 tries failed" in swept.stderr
    assert main_line(project) == before
    assert {"dncnn_s25_steps_16", "dncnn_s25_steps_24"} <= set(runs(project))


def test_a_change_of_the_degradation_has_pairs_of_its_own(project: Path) -> None:
    before = main_line(project)
    for path in project.glob("mlflow.db*"):
        path.unlink()

    tried = run(
        project,
        *("restore", "try", "dncnn_s25", "--name", "weaker", "--set", "degradation.sigma_8bit=15"),
    )

    assert "Running stage 'degrade@weaker'" in tried.stderr
    assert "Running stage 'train@weaker'" in tried.stderr
    assert main_line(project) == before
    # With the workspace, only what nobody needs any more is deleted.
    (tracked,) = runs(project)["weaker"]
    assert str(tracked.info.artifact_uri).startswith((project / "mlruns").as_uri())


def test_an_original_that_has_not_run_is_run_in_the_workspace(project: Path) -> None:
    before = main_line(project)

    tried = run(project, "restore", "try", "vdsr_x23", "--set", "model.width=6")

    assert "Running stage 'train@vdsr_x23'" in tried.stderr
    assert "bicubic_x3  y-shave" in tried.stdout
    assert main_line(project) == before
    # What it cost is not lost for the main line.
    repeated = run(project, "dvc", "repro", "train@vdsr_x23").stdout
    assert "Stage 'train@vdsr_x23' is cached - skipping run" in repeated


def test_two_tries_run_at_once(project: Path) -> None:
    before = main_line(project)
    command = ["restore", "try", "dncnn_s25", "--set"]
    both = [
        subprocess.Popen(
            [*command, change],
            cwd=project,
            env=command_environment(project),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for change in ("recipe.steps=14", "recipe.batch=6")
    ]

    said = [one.communicate()[0] for one in both]

    assert [one.returncode for one in both] == [0, 0], said
    assert main_line(project) == before
    assert {"dncnn_s25_steps_14", "dncnn_s25_batch_6"} <= set(runs(project))


def test_a_try_that_fails_says_so_and_leaves_the_main_line_alone(project: Path) -> None:
    before = main_line(project)

    failed = run(
        project, "restore", "try", "dncnn_s25", "--set", "recipe.learning_rate=1e30", check=False
    )
    kept = run(project, "restore", "try", "--keep", "dncnn_s25_learning_rate_1e30", check=False)

    assert failed.returncode == 1
    assert "lower the recipe's learning_rate" in failed.stderr
    assert "the try dncnn_s25_learning_rate_1e30 stopped: `dvc repro` ended" in failed.stderr
    assert failed.stdout == ""
    assert kept.returncode == 1
    assert "is not finished" in kept.stderr
    assert main_line(project) == before
    (tracked,) = runs(project)["dncnn_s25_learning_rate_1e30"]
    assert (tracked.info.status, tracked.data.tags["restore.try_of"]) == ("FAILED", "dncnn_s25")


def test_a_try_that_is_interrupted_or_killed_goes_on_from_its_checkpoint(project: Path) -> None:
    before = main_line(project)
    command = ("restore", "try", "dncnn_s25", "--name", "long", "--set", "recipe.steps=3000")
    checkpoints = project / ".restore/tries/long/project/data/checkpoints/long"

    def stop(signal_number: int, at_least: int) -> tuple[int, str, int]:
        """Start the try, and stop it when its checkpoint is new; return what came of it."""
        with subprocess.Popen(
            command,
            cwd=project,
            env=command_environment(project),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            wait_until(lambda: steps_in(checkpoints) > at_least, process)
            process.send_signal(signal_number)
            said, _ = process.communicate()
        wait_until(lambda: not workers_in(project))
        return process.returncode, said, steps_in(checkpoints)

    interrupted, said, first = stop(signal.SIGINT, at_least=0)
    killed, _, second = stop(signal.SIGKILL, at_least=first)
    tried = run(project, *command)

    assert interrupted == 130
    assert "interrupted; give the same command again to go on" in said
    assert killed == -signal.SIGKILL
    assert 0 < first < second < 3000
    assert "dncnn_s25" in tried.stdout
    card = project / ".restore/tries/long/project/data/models/long/card.json"
    assert json.loads(card.read_text())["steps"] == 3000
    assert not checkpoints.exists()
    assert main_line(project) == before
    sessions = runs(project)["long"]
    assert [one.info.status for one in sessions] == ["KILLED", "KILLED", "FINISHED"]
    assert all(one.data.tags["restore.try"] == "long" for one in sessions)


def steps_in(checkpoints: Path) -> int:
    """Return how many steps a checkpoint has; 0 where there is none."""
    found = 0
    for path in checkpoints.glob("*.pt"):
        with suppress(FileNotFoundError):  # the next one takes its place
            state = CheckpointFile(checkpoints, path.stem).load(torch.device("cpu"))
            found = max(found, 0 if state is None else state["step"])
    return found


def workers_in(project: Path) -> list[str]:
    """Return the command lines of the stages that run in the workspaces of a project."""
    found = []
    for process in psutil.process_iter():
        try:
            line, folder = process.cmdline(), Path(process.cwd())
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if alive and "stages.train" in line and folder.is_relative_to(project / ".restore"):
            found.append(" ".join(line))
    return found


def wait_until(
    holds: Callable[[], bool],
    process: "subprocess.Popen[str] | None" = None,
    seconds: float = 300.0,
) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, f"it took more than {seconds:g} s"
        time.sleep(0.1)
