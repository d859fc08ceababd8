"""The Prefect flow over real DVC: what runs, in which order, what is left behind, what is said."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from ruamel.yaml import YAML

from pipeline.graph.prefect_server import local_url, who_answers
from pipeline.running.environment import MLFLOW_PORT
from pipeline.running.workers import count_cores
from tests.pools import POOLS
from tests.toy import (
    call,
    copy_toy,
    edit,
    environment,
    free_port,
    gather,
    make_toy,
    prefect_server,
    program,
    trace,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the variables that lead commands to a Prefect server of these tests' own."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as variables:
        yield {**variables, "PREFECT_HOME": str(home)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy in which everything has run through ``dvc repro``."""
    root = make_toy(tmp_path_factory.mktemp("done"))
    assert call(root, "dvc", "repro").returncode == 0
    trace(root)
    return root


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Return a toy in which nothing has run."""
    return make_toy(tmp_path / "toy")


@pytest.fixture
def toy(done: Path, tmp_path: Path) -> Path:
    """Return a toy in which everything has run, for one test."""
    return copy_toy(done, tmp_path / "toy")


def lock(root: Path) -> Any:
    return YAML(typ="safe", pure=True).load(root / "dvc.lock")


def begun(root: Path) -> set[str]:
    return {line.removeprefix("begin ") for line in trace(root) if line.startswith("begin ")}


def overlapping(events: list[str]) -> int:
    """Return how many stages ran at once at most."""
    running = most = 0
    for event in events:
        running += 1 if event.startswith("begin") else -1
        most = max(most, running)
    return most


# --------------------------------------------------------------------------- in process


def test_the_flow_leaves_the_lock_file_of_dvc_repro(
    fresh: Path, done: Path, server: dict[str, str]
) -> None:
    ended = call(fresh, "restore", "run", **server)

    assert ended.returncode == 0, ended.stderr
    assert "5 stages ran" in ended.stdout
    assert lock(fresh) == lock(done)
    assert call(fresh, "dvc", "status", "--quiet").returncode == 0


def test_what_the_stages_say_is_in_the_log(fresh: Path, server: dict[str, str]) -> None:
    ended = call(fresh, "restore", "run", "--experiments", "aside", **server)

    assert "Task run 'aside' - working on aside" in ended.stdout + ended.stderr


@pytest.mark.parametrize(("cpus", "granted"), [(1, 1), (1000, count_cores())])
def test_a_stage_is_told_how_many_cores_it_has(
    fresh: Path, server: dict[str, str], cpus: int, granted: int
) -> None:
    edit(fresh / "settings.yaml", "cpus: 1", f"cpus: {cpus}")

    ended = call(fresh, "restore", "run", "--experiments", "left", **server)

    assert f"working on branch@left with {granted} core(s)" in ended.stdout + ended.stderr


def test_stages_that_do_not_need_each_other_run_at_once(
    fresh: Path, server: dict[str, str]
) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core runs one stage at a time")
    for branch in ("left", "right"):
        (fresh / f"branch@{branch}.sleep").write_text("3")

    call(fresh, "restore", "run", **server)

    assert overlapping(trace(fresh)) >= 2


def test_one_at_a_time_means_one_at_a_time(fresh: Path, server: dict[str, str]) -> None:
    ended = call(fresh, "restore", "run", "--parallel", "1", **server)

    assert ended.returncode == 0, ended.stderr
    events = trace(fresh)
    assert overlapping(events) == 1
    assert len(events) == 10


def test_a_stage_that_needs_all_cores_runs_alone(fresh: Path, server: dict[str, str]) -> None:
    edit(fresh / "settings.yaml", "cpus: 1", "cpus: 1000")

    ended = call(fresh, "restore", "run", "--experiments", "left", "right", **server)

    assert ended.returncode == 0, ended.stderr
    assert overlapping(trace(fresh)) == 1


def test_only_what_an_edit_concerns_runs_again(toy: Path, server: dict[str, str]) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: zwei}")

    ended = call(toy, "restore", "run", **server)

    assert "2 stages ran" in ended.stdout
    assert begun(toy) == {"branch@right", "join"}


def test_a_stage_behind_an_unchanged_output_does_not_run(toy: Path, server: dict[str, str]) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    ended = call(toy, "restore", "run", **server)

    assert "1 stage ran" in ended.stdout
    assert begun(toy) == {"branch@right"}


def test_force_runs_what_is_up_to_date(toy: Path, done: Path, server: dict[str, str]) -> None:
    ended = call(toy, "restore", "run", "--force", "--experiments", "left", **server)

    assert ended.returncode == 0, ended.stderr
    assert begun(toy) == {"seed", "branch@left"}
    assert lock(toy) == lock(done)


def test_one_experiment_brings_only_what_it_needs(fresh: Path, server: dict[str, str]) -> None:
    ended = call(fresh, "restore", "run", "--experiments", "right", **server)

    assert ended.returncode == 0, ended.stderr
    assert begun(fresh) == {"seed", "branch@right"}


def test_what_gathers_runs_with_one_experiment_and_again_when_something_changed(
    fresh: Path, server: dict[str, str]
) -> None:
    gather(fresh)

    some = call(fresh, "restore", "run", "--experiments", "right", **server)
    after_some = (fresh / "digest").read_text().split()
    planned = call(fresh, "restore", "plan", "--experiments", "right").stdout
    status = call(fresh, "dvc", "status").stdout
    rest = call(fresh, "restore", "run", **server)
    after_rest = (fresh / "digest").read_text().split()
    again = call(fresh, "restore", "run", "--experiments", "right", **server)

    assert some.returncode == 0, some.stderr
    assert after_some == ["branch@right", "seed"]
    left = "left stale: 3 stages of join, aside: `restore run` brings them up to date"
    assert some.stdout.splitlines()[-2:] == [
        "3 stages ran; everything asked for is up to date",
        left,
    ]
    assert planned.splitlines() == ["nothing to do: all 3 stages are up to date", left]
    assert "digest" not in status
    assert "branch@left:" in status
    assert rest.returncode == 0, rest.stderr
    assert "4 stages ran" in rest.stdout
    assert set(after_rest) == {"aside", "branch@left", "branch@right", "join", "seed"}
    assert again.stdout == "nothing to do: all 3 stages are up to date\n"
    assert (fresh / "runs").read_text() == "digest\ndigest\n"


def test_what_gathers_does_not_run_again_for_results_that_came_out_the_same(
    toy: Path, server: dict[str, str]
) -> None:
    gather(toy)
    call(toy, "restore", "run", **server)
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    some = call(toy, "restore", "run", "--experiments", "left", **server)
    rest = call(toy, "restore", "run", **server)

    assert "left stale: 2 stages of join:" in some.stdout
    assert "1 stage ran" in rest.stdout
    assert (toy / "runs").read_text() == "digest\n"


def test_what_gathers_is_not_run_after_a_failure_of_what_it_should_show(
    fresh: Path, server: dict[str, str]
) -> None:
    gather(fresh)
    (fresh / "branch@left.fail").touch()

    ended = call(fresh, "restore", "run", "--experiments", "left", **server)

    assert ended.returncode == 1
    assert "not run because of that: digest" in ended.stderr
    assert "left stale: 3 stages of join, aside:" in ended.stderr
    assert not (fresh / "digest").exists()


def test_a_failed_stage_names_itself_and_spares_the_others(
    fresh: Path, server: dict[str, str]
) -> None:
    (fresh / "branch@left.fail").touch()

    ended = call(fresh, "restore", "run", **server)

    assert ended.returncode == 1
    last_words = ended.stderr[ended.stderr.rindex("restore: ") :].splitlines()
    assert last_words[0] == "restore: 1 stage failed:"
    assert last_words[1].startswith("  branch@left: exit code")
    assert "    branch@left was told to fail" in last_words
    assert last_words[-1] == "not run because of that: join"
    assert "NoneType" not in ended.stdout + ended.stderr
    assert begun(fresh) == {"seed", "branch@left", "branch@right", "aside"}


def test_a_run_after_the_mend_does_only_what_is_left(fresh: Path, server: dict[str, str]) -> None:
    (fresh / "branch@left.fail").touch()
    call(fresh, "restore", "run", **server)
    (fresh / "branch@left.fail").unlink()
    trace(fresh)

    ended = call(fresh, "restore", "run", **server)

    assert ended.returncode == 0, ended.stderr
    assert begun(fresh) == {"branch@left", "join"}


def test_stopping_on_failure_starts_nothing_more(fresh: Path, server: dict[str, str]) -> None:
    (fresh / "seed.fail").touch()

    ended = call(fresh, "restore", "run", "--stop-on-failure", "--parallel", "1", **server)

    assert ended.returncode == 1
    assert begun(fresh) == {"seed"}
    assert "branch@left, branch@right, join, aside" in ended.stderr


def test_what_something_outside_failed_is_tried_again_and_what_failed_by_itself_is_not(
    fresh: Path, server: dict[str, str]
) -> None:
    (fresh / "seed.unreachable").write_text("2")
    (fresh / "aside.fail").touch()
    quickly = {**server, "RESTORE_RETRY_AFTER": "0.1"}

    ended = call(fresh, "restore", "run", "--retries", "2", **quickly)

    said = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert "its cause lies outside: tried again in 0.2 s (2 of 2)" in said
    assert ended.stderr.rstrip().endswith("aside was told to fail")
    begins = [line for line in trace(fresh) if line.startswith("begin")]
    assert [begins.count(f"begin {name}") for name in ("seed", "aside", "join")] == [3, 1, 1]


def test_a_run_whose_time_is_over_ends_its_stages_with_a_checkpoint_and_the_next_goes_on(
    fresh: Path, server: dict[str, str]
) -> None:
    (fresh / "seed.sleep").write_text("600")
    command = ("restore", "run", "--hours", "0.002", "--experiments", "left", "--retries", "3")

    ended = call(fresh, *command, **server)
    (fresh / "seed.sleep").unlink()
    after = call(fresh, "restore", "run", "--experiments", "left", **server)

    assert ended.returncode == 1
    assert "seed: it ran out of time and was told to write a checkpoint" in ended.stderr
    assert "the 0.002 h that the run was given are over" in ended.stderr
    assert (fresh / "seed.checkpoint").exists()
    assert after.returncode == 0, after.stderr


def test_a_second_run_beside_the_first_is_refused(fresh: Path, server: dict[str, str]) -> None:
    (fresh / "seed.sleep").write_text("600")
    command = [program("restore"), "run"]
    with subprocess.Popen(command, cwd=fresh, env=environment(**server)) as first:
        wait_for(fresh / "seed.started", first)

        second = call(fresh, "restore", "run", "--experiments", "aside", **server)
        first.send_signal(signal.SIGINT)

    assert second.returncode == 1
    assert "is busy: another run" in second.stderr
    assert first.returncode == 130


def test_a_run_without_a_server_borrows_one_and_gives_it_back(fresh: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (fresh / "pyproject.toml").write_text(
        f'[tool.prefect]\napi.url = "{local_url(free_port())}"\nserver.analytics_enabled = false\n'
    )

    ended = call(fresh, "restore", "run", PREFECT_HOME=str(home))

    assert ended.returncode == 0, ended.stderr
    assert begun(fresh) == {"seed", "branch@left", "branch@right", "join", "aside"}
    assert not [one for one in psutil.process_iter() if str(home) in _home_of(one)]


def _home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("PREFECT_HOME", "")
    except psutil.Error:
        return ""


# ------------------------------------------------------------------- on Prefect's pages


def test_a_run_is_named_after_its_door_and_its_stages(fresh: Path, server: dict[str, str]) -> None:
    call(fresh, "restore", "run", "--experiments", "branch@right", **server)

    listed = call(fresh, "prefect", "flow-run", "ls", "--limit", "1", **server, COLUMNS="200")
    assert "restore run: 2 stages, seed, branch@right" in listed.stdout


def test_the_results_are_a_table_of_a_run(fresh: Path, server: dict[str, str]) -> None:
    report = fresh / "data" / "report"
    report.mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", fresh)
    (report / "results.csv").write_text(
        "experiment,data_set,degradation,protocol,psnr,ssim,psnr_input,psnr_low,psnr_high,"
        "psnr_published\n"
        "runet_s25,photos_test,gaussian_25,gray-uint8,29.21,0.8,20.17,28.90,29.50,\n"
    )

    ended = call(fresh, "restore", "run", **server)

    shown = call(fresh, "prefect", "artifact", "inspect", "results", **server, COLUMNS="200")
    assert ended.returncode == 0, ended.stderr
    assert "runet_s25" in shown.stdout
    assert "+9.04" in shown.stdout


def test_results_that_cannot_be_read_cost_a_warning(fresh: Path, server: dict[str, str]) -> None:
    report = fresh / "data" / "report"
    report.mkdir(parents=True)
    (report / "results.csv").write_text("no,table\n1")

    ended = call(fresh, "restore", "run", **server)

    assert ended.returncode == 0
    assert "Prefect does not show the table of results: " in ended.stdout + ended.stderr


def test_a_run_shows_why_its_stages_run_how_far_they_are_and_what_a_failed_one_printed(
    fresh: Path, server: dict[str, str]
) -> None:
    report = fresh / "data" / "report"
    report.mkdir(parents=True)
    (report / "index.html").touch()
    (report / "results.md").write_text("# Results\n\n- **runet** 29 dB\n\n## Set12\n")
    (fresh / "seed.steps").write_text("4")
    (fresh / "branch@left.fail").touch()

    ended = call(fresh, "restore", "run", **server)

    shown = artifacts_of_last_run(fresh, server)
    assert ended.returncode == 1
    assert json.loads(shown["Why each stage runs"])[0] == {"stage": "seed", "why": "it never ran"}
    assert shown["step 1 of 4, loss 0.5"] == 25
    printed = shown["branch@left failed"]
    assert "Exit code 1." in printed
    assert printed.endswith("    branch@left was told to fail\n")
    assert "lock file" not in printed
    answers = shown["The report: its answers, and where it is"]
    assert (report / "index.html").as_uri() in answers
    assert answers.endswith("\n\n- **runet** 29 dB\n")
    (mlflow,) = [text for title, text in shown.items() if title.startswith("MLflow")]
    assert f"http://127.0.0.1:{MLFLOW_PORT}" in mlflow


def artifacts_of_last_run(root: Path, server: dict[str, str]) -> dict[str, Any]:
    """Return what the artifacts of the last run say, by their descriptions."""
    asked = call(root, "python", "-c", ASK_FOR_ARTIFACTS, **server)
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


ASK_FOR_ARTIFACTS = """
import json
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.sorting import FlowRunSort
with get_client(sync_client=True) as client:
    (run,) = client.read_flow_runs(limit=1, sort=FlowRunSort.START_TIME_DESC)
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    found = client.read_artifacts(artifact_filter=of_run)
print(json.dumps({one.description: one.data for one in found}))
"""


# ------------------------------------------------------------------------------ tracked


def track(root: Path, *evaluated: str) -> Path:
    """Let the toy have a tracker, and some of its stages evaluate weights, each its own."""
    (root / "pipeline").symlink_to(ROOT / "pipeline")
    for name in evaluated:
        (root / f"{name}.card").write_text(f'{{"weights_sha256": "{name}"}}')
    return root


def recorded(root: Path) -> dict[str, Run]:
    """Return the runs that the tracker of the toy has, by name; that of the launch is ``''``."""
    found = MlflowClient(f"sqlite:///{root / 'mlflow.db'}").search_runs(["1"])
    return {run.data.tags.get("restore.experiment", ""): run for run in found}


def parents(runs: dict[str, Run]) -> set[str]:
    return {run.data.tags["restore.launched_by"] for name, run in runs.items() if name}


def test_a_run_is_recorded_as_one_launch_with_the_scores_of_its_stages(
    fresh: Path, server: dict[str, str]
) -> None:
    track(fresh, "branch@left", "aside")

    ended = call(fresh, "restore", "run", **server)

    assert ended.returncode == 0, ended.stderr
    runs = recorded(fresh)
    assert runs.keys() == {"", "branch@left", "aside"}
    assert runs["aside"].data.metrics == {"set/y-float/psnr": 30.0}
    assert parents(runs) == {runs[""].info.run_id}
    assert runs[""].info.status == "FINISHED"
    assert runs[""].data.tags["restore.door"] == "restore run"
    assert runs[""].info.start_time <= runs["aside"].info.start_time
    assert list((fresh / ".restore/unsent").iterdir()) == []


def test_what_was_measured_before_a_failure_is_recorded(
    fresh: Path, server: dict[str, str]
) -> None:
    track(fresh, "aside")
    (fresh / "branch@left.fail").touch()

    call(fresh, "restore", "run", **server)

    runs = recorded(fresh)
    assert runs[""].info.status == "FAILED"
    assert runs["aside"].data.metrics == {"set/y-float/psnr": 30.0}


def test_what_was_measured_before_an_interruption_is_recorded(
    fresh: Path, server: dict[str, str]
) -> None:
    track(fresh, "seed")
    (fresh / "branch@left.sleep").write_text("600")
    command = [program("restore"), "run", "--parallel", "1"]
    with subprocess.Popen(command, cwd=fresh, env=environment(**server)) as process:
        wait_for(fresh / "branch@left.started", process)
        process.send_signal(signal.SIGINT)

    assert process.returncode == 130
    runs = recorded(fresh)
    assert runs[""].info.status == "KILLED"
    assert runs["seed"].data.metrics == {"set/y-float/psnr": 30.0}


def test_a_run_with_nothing_to_do_does_not_start_the_tracker(
    toy: Path, server: dict[str, str]
) -> None:
    track(toy)

    ended = call(toy, "restore", "run", **server)

    assert "nothing to do" in ended.stdout
    assert not (toy / "mlflow.db").exists()
    assert not (toy / ".restore/unsent").exists()


def test_the_doctor_sees_the_server_start(toy: Path) -> None:
    (toy / "pyproject.toml").write_text("[project]\ndependencies = []\n")

    printed = call(toy, "restore", "doctor").stdout

    assert "ok    Prefect's server" in printed


# ------------------------------------------------------------------------------- served


@contextmanager
def serving(root: Path, home: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run ``restore serve`` in the toy on a port of its own, as its pyproject.toml says."""
    port = free_port()
    (root / "pyproject.toml").write_text(
        f'[tool.prefect]\napi.url = "{local_url(port)}"\nserver.analytics_enabled = false\n'
    )
    with subprocess.Popen(
        [program("restore"), "serve"],
        cwd=root,
        env=environment(PREFECT_HOME=str(home)),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "restore ui" in line:
                    break
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert who_answers(local_url(port)) == "nobody"


def trigger(root: Path, home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = ("prefect", "deployment", "run", "restore/train-all", *options)
    # Prefect breaks lines where they become long, also between words that are asked for.
    return call(root, *command, PREFECT_HOME=str(home), COLUMNS="1000")


def test_the_served_deployment_does_what_dvc_repro_does(
    fresh: Path, done: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with serving(fresh, home) as process:
        some = trigger(fresh, home, "--watch", "-p", 'experiments=["left"]', "-p", "parallel=1")
        after_some = begun(fresh)
        rest = trigger(fresh, home, "--watch")

    assert some.returncode == 0, some.stdout + some.stderr
    assert after_some == {"seed", "branch@left"}
    assert "working on branch@left" in some.stdout
    assert rest.returncode == 0, rest.stdout + rest.stderr
    assert begun(fresh) == {"branch@right", "join", "aside"}
    assert lock(fresh) == lock(done)
    assert process.returncode == 0


def test_the_served_deployment_tells_the_truth_about_failures(fresh: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (fresh / "branch@left.fail").touch()
    with serving(fresh, home):
        failed = trigger(fresh, home, "--watch", "-p", "keep_going=true", "-p", "force=true")
        unknown = trigger(fresh, home, "--watch", "-p", 'experiments=["lefft"]')
        edit(fresh / "settings.yaml", "branches:", "twigs:")
        (fresh / "params.yaml").write_text("sead: 0\n")
        broken = trigger(fresh, home, "--watch")

    # Prefect breaks lines where they become long.
    said, said_of_params = (one.stdout.replace("\n", "") for one in (failed, broken))
    assert failed.returncode == 1
    assert "branch@left: exit code" in said
    assert "not run because of that: join" in said
    assert "Traceback" not in said
    assert begun(fresh) == {"seed", "branch@left", "branch@right", "aside"}
    assert unknown.returncode == 1
    assert "the nearest known" in unknown.stdout.replace("\n", "")
    assert broken.returncode == 1
    assert "sead: unknown key" in said_of_params


def test_a_cancelled_run_stops_its_stages_and_lets_them_write_a_checkpoint(
    fresh: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (fresh / "seed.sleep").write_text("600")
    with serving(fresh, home) as process:
        started = trigger(fresh, home)
        wait_for(fresh / "seed.started", process)
        identity = started.stdout.split("UUID: ")[1].split()[0]

        cancelled = call(fresh, "prefect", "flow-run", "cancel", identity, PREFECT_HOME=str(home))
        wait_for(fresh / "seed.checkpoint", process)
        left = wait_until_gone("work.py seed", str(fresh)) + wait_until_gone(
            "toy-helper", str(fresh)
        )

    assert cancelled.returncode == 0, cancelled.stderr
    assert left == []


@contextmanager
def listening() -> Iterator[tuple[str, "SimpleQueue[bytes]"]]:
    """Yield the address of a webhook of this machine, and what is sent to it."""
    heard: SimpleQueue[bytes] = SimpleQueue()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", heard
        finally:
            server.shutdown()
            thread.join()


NEW_BLOCK = (
    "import os; from prefect.blocks.webhook import Webhook; "
    "print(Webhook(url=os.environ['WEBHOOK_URL']).save('restore', overwrite=True))"
)


def test_schedules_outlive_restore_serve_and_a_failed_run_is_told_of_and_retried(
    fresh: Path, tmp_path: Path
) -> None:
    home = str(tmp_path / "home")
    (fresh / "aside.fail").touch()
    schedule = ("deployment", "schedule", "create", "restore/train-all", "--cron", "0 4 * * *")
    with serving(fresh, tmp_path / "home"):
        assert call(fresh, "prefect", *schedule, PREFECT_HOME=home).returncode == 0
    with listening() as (url, heard), serving(fresh, tmp_path / "home") as process:
        planned = wait_for_runs(fresh, "SCHEDULED")
        hook = {"PREFECT_HOME": home, "WEBHOOK_URL": url}
        block = call(fresh, "python", "-c", NEW_BLOCK, **hook).stdout.strip()
        text = (ROOT / "docs/operations/notify.yaml").read_text()
        (fresh / "notify.yaml").write_text(text.replace("BLOCK_ID", block))
        told = ("automation", "create", "--from-file", "notify.yaml")
        assert call(fresh, "prefect", *told, PREFECT_HOME=home).returncode == 0

        trigger(fresh, tmp_path / "home", "--watch", "-p", 'experiments=["aside"]')
        message = json.loads(heard.get(timeout=60))
        (failed,) = wait_for_runs(fresh, "FAILED")
        (fresh / "aside.fail").unlink()
        retried = call(fresh, "prefect", "flow-run", "retry", failed["id"], PREFECT_HOME=home)
        wait_for(fresh / "out/aside", process)
        (again,) = wait_for_runs(fresh, "COMPLETED")

    assert all(run["auto_scheduled"] for run in planned)
    assert message["text"].startswith("restore/train-all: 1 stage, aside is Failed: ")
    assert "aside was told to fail" in message["text"]
    assert retried.returncode == 0, retried.stderr
    assert (again["id"], again["run_count"]) == (failed["id"], 2)


def wait_for_runs(root: Path, state: str) -> list[dict[str, Any]]:
    """Return the flow runs in a state that the server of the toy knows, once there are any."""
    asked = call(root, "python", "-c", ASK_FOR_RUNS, WANTED=state)
    assert asked.returncode == 0, asked.stderr
    found: list[dict[str, Any]] = json.loads(asked.stdout)
    return found


ASK_FOR_RUNS = """
import json, os, sys, time
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    for _ in range(120):
        found = [run for run in client.read_flow_runs() if run.state_type == os.environ["WANTED"]]
        if found:
            break
        time.sleep(0.5)
known = {"id", "auto_scheduled", "run_count"}
print(json.dumps([json.loads(run.model_dump_json(include=known)) for run in found]))
"""


def wait_until_gone(mark: str, folder: str, seconds: float = 60.0) -> list[str]:
    """Return the command lines that still mention ``mark`` and run in ``folder`` at the end."""
    deadline = time.monotonic() + seconds
    while found := running(mark, folder):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return found


def running(mark: str, folder: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            inside = process.cwd() == folder and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if inside and mark in line:
            found.append(line)
    return found


def wait_for(path: Path, process: "subprocess.Popen[Any]", seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, f"{path.name} did not come within {seconds:g} s"
        time.sleep(0.05)


# --------------------------------------------------------------------------- work pools


def test_the_deployments_of_prefect_yaml_can_be_deployed(toy: Path, server: dict[str, str]) -> None:
    (toy / "prefect.yaml").write_text((ROOT / "prefect.yaml").read_text())
    (toy / "pipeline").symlink_to(ROOT / "pipeline")
    for pool, kind in POOLS.items():
        created = ("work-pool", "create", "--overwrite", "--type", kind, pool)
        assert call(toy, "prefect", *created, **server).returncode == 0

    deployed = call(toy, "prefect", "--no-prompt", "deploy", "--all", **server)

    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert "restore/train-all" in deployed.stdout
    assert "restore/train-all-ray" in deployed.stdout
    assert "restore-stage/worker-docker" in deployed.stdout
    assert "restore-stage/worker-kubernetes" in deployed.stdout


def test_a_worker_runs_the_flow(fresh: Path, done: Path, server: dict[str, str]) -> None:
    (fresh / "prefect.yaml").write_text((ROOT / "prefect.yaml").read_text())
    (fresh / "pipeline").symlink_to(ROOT / "pipeline")
    pool = ("work-pool", "create", "--overwrite", "--type", "process", "restore-pool")
    assert call(fresh, "prefect", *pool, **server).returncode == 0
    deploy = ("--no-prompt", "deploy", "--name", "train-all")
    assert call(fresh, "prefect", *deploy, **server).returncode == 0
    asked = call(fresh, "prefect", "deployment", "run", "restore/train-all", **server)

    worker = ("worker", "start", "--pool", "restore-pool", "--run-once")
    worked = call(fresh, "prefect", *worker, **server)

    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert worked.returncode == 0, worked.stdout + worked.stderr
    assert lock(fresh) == lock(done)
