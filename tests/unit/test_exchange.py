"""What goes between two machines that share a DVC remote, here two clones of one toy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.graph.engines import MAY_COMPUTE, exchange
from pipeline.running.passing import MAY_PASS
from tests.shared_toy import clone, make_shared_toy
from tests.toy import call, edit, environment


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """Return the machine that leads."""
    return make_shared_toy(tmp_path)


@pytest.fixture
def worker(head: Path) -> Path:
    """Return a machine that computes."""
    return clone(head.parent, "worker")


def do(action: str, root: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    getattr(exchange, action)(root, *words)


def compute(root: Path, stage: str, allowed: str) -> "subprocess.CompletedProcess[str]":
    """Bring one stage up to date where only ``allowed`` may be computed."""
    command = [sys.executable, "-m", "pipeline.graph.unhurried_dvc", "repro", "--single-item"]
    return subprocess.run(
        [*command, stage],
        cwd=root,
        env=environment(**{MAY_COMPUTE: allowed}),
        capture_output=True,
        text=True,
        check=False,
    )


def compute_elsewhere(
    head: Path, worker: Path, *stages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have stages computed on the worker, and take their results."""
    for stage in stages:
        do("lend", head, stage, stage, monkeypatch=monkeypatch)
        do("prepare", worker, stage, stage, monkeypatch=monkeypatch)
        done = compute(worker, stage, allowed=stage)
        assert done.returncode == 0, done.stderr
        do("send", worker, stage, stage, monkeypatch=monkeypatch)
        do("take", head, stage, stage, monkeypatch=monkeypatch)


def lock(root: Path) -> Any:
    return YAML(typ="safe").load(root / "dvc.lock")


def ran(root: Path) -> str:
    path = root / "trace"
    return path.read_text() if path.exists() else ""


ALL = ("seed", "branch@left", "branch@right", "join", "aside", "score")


def test_results_of_a_worker_are_those_of_a_local_run(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = clone(head.parent, "alone")
    assert call(alone, "dvc", "repro", "--quiet", *ALL).returncode == 0

    compute_elsewhere(head, worker, *ALL, monkeypatch=monkeypatch)

    assert lock(head) == lock(alone)
    assert (head / "data/score.json").read_text() == (alone / "data/score.json").read_text()
    assert ran(head) == ""
    assert call(head, "dvc", "status", *ALL).stdout == "Data and pipelines are up to date.\n"
    assert not any((head.parent / "remote/restore").iterdir())


def test_what_was_computed_here_before_is_lent_to_a_worker(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(head, "dvc", "repro", "--quiet", "seed")

    compute_elsewhere(head, worker, "branch@left", monkeypatch=monkeypatch)

    assert ran(worker) == "begin branch@left\nend branch@left\n"


def test_a_result_that_another_worker_has_made_is_not_computed_again(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_elsewhere(head, worker, "seed", monkeypatch=monkeypatch)
    other, leads_too = clone(head.parent, "other"), clone(head.parent, "leads_too")

    compute_elsewhere(leads_too, other, "seed", monkeypatch=monkeypatch)

    assert ran(other) == ""
    assert lock(leads_too) == lock(head)


def test_a_stage_that_two_workers_do_is_taken_once(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = [worker, clone(head.parent, "other")]
    do("lend", head, "seed", "key", monkeypatch=monkeypatch)
    for one in workers:
        do("prepare", one, "seed", "key", monkeypatch=monkeypatch)
    for one in workers:
        assert compute(one, "seed", allowed="seed").returncode == 0
        do("send", one, "seed", "key", monkeypatch=monkeypatch)

    do("take", head, "seed", "key", monkeypatch=monkeypatch)

    assert [ran(one) for one in workers] == ["begin seed\nend seed\n"] * 2
    assert lock(head) == lock(worker)


@pytest.mark.parametrize("allowed", ["", "branch@left"])
def test_nothing_but_the_stage_that_is_allowed_is_computed(head: Path, allowed: str) -> None:
    refused = compute(head, "seed", allowed=allowed)

    assert refused.returncode != 0
    assert "stage seed would have to be computed here" in refused.stderr
    assert ran(head) == ""


def test_a_result_of_other_input_is_refused(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(worker / "raw.txt", "raw", "cooked")

    with pytest.raises(exchange.ExchangeError, match=r"not the result of seed .*raw\.txt changed"):
        compute_elsewhere(head, worker, "seed", monkeypatch=monkeypatch)


def test_a_worker_with_another_remote_is_told_so(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do("lend", head, "seed", "key", monkeypatch=monkeypatch)
    edit(worker / ".dvc/config", str(head.parent / "remote"), str(head.parent / "another"))

    with pytest.raises(exchange.ExchangeError, match="expected the remote that the head has"):
        do("prepare", worker, "seed", "key", monkeypatch=monkeypatch)


def test_checkpoints_go_to_the_next_worker_and_are_removed_with_the_result(
    head: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_STARTED", str(head.parent / "started"))
    checkpoint = Path("data/checkpoints/net/a.pt")
    (worker / checkpoint).parent.mkdir(parents=True)
    (worker / checkpoint).write_text("half")
    do("keep", worker, "train", monkeypatch=monkeypatch)

    other = clone(head.parent, "other")
    compute_elsewhere(head, other, "train", monkeypatch=monkeypatch)

    assert (head / "out/net").read_text() == "half"
    assert not list((head.parent / "remote").rglob("*.pt"))


def test_a_remote_that_cannot_be_written_is_refused_in_one_line(
    head: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (head.parent / "remote").rmdir()
    (head.parent / "remote").touch()
    monkeypatch.chdir(head)

    code = exchange.main(["check"])

    said = capfd.readouterr().err
    assert code == 1
    assert said.startswith("the DVC remote 'shared' cannot be written and read: ")
    assert said.count("\n") == 1


def test_a_missing_remote_is_refused(
    head: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(head / ".dvc/config", "remote = shared", "")
    monkeypatch.chdir(head)

    code = exchange.main(["check"])

    assert code == 1
    assert "dvc remote default" in capfd.readouterr().err


def test_no_password_of_an_address_is_said(
    head: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"nosuch://somebody:hunter2@{head.parent / 'remote'}"
    edit(head / ".dvc/config", str(head.parent / "remote"), address)
    monkeypatch.chdir(head)

    code = exchange.main(["check"])

    assert code == 1
    assert "hunter2" not in capfd.readouterr().err


def test_a_remote_that_is_lost_on_the_way_is_a_cause_outside(head: Path) -> None:
    remote = head.parent / "remote"
    remote.rmdir()
    remote.write_text("no folder any more")

    lost = call(head, "python", "-m", "pipeline.graph.engines.exchange", "lend", "seed", "key")

    assert lost.returncode == MAY_PASS
    assert lost.stderr.startswith("the DVC remote: ")
