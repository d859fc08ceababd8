"""One training by two processes: the weights of one process, and everything agreed on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.training.loop import Training, TrainingStoppedError
from pipeline.training.objectives import Restoration
from pipeline.training.shared_batch import SharedBatch, shared_batch
from pipeline.training.step import Step
from tests.toy import free_port
from tests.unit.test_training_loop import ADAM, CPU, SGD, recipe, run, training, weights
from tests.unit.test_training_step import PLAIN, network

pytestmark = pytest.mark.usefixtures("one_thread")

PROCESSES = 2
BATCH = 5
"""Which two processes cannot halve."""

STOPPED_AT = 6

CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "sgd": ({"optimiser": SGD}, False),
    "sgd, normalised": ({"optimiser": SGD}, True),
    "adam": ({"optimiser": ADAM}, False),
    "adam, normalised": ({"optimiser": ADAM}, True),
}


class WholeBatch(Restoration):
    """A loss that compares the samples of a batch."""

    needs_whole_batch = True


class PoorNowAndThen(Restoration):
    """An objective that finds no memory at some of the times that it is asked."""

    def __init__(self, *times: int) -> None:
        super().__init__(recipe())
        self.times = times
        self.asked = 0

    def __call__(self, output: object, target: Tensor) -> tuple[Tensor, Tensor]:
        self.asked += 1
        if self.asked in self.times:
            raise torch.OutOfMemoryError
        return super().__call__(output, target)


def begin(
    folder: Path, name: str, shared: SharedBatch | None, objective: Restoration | None = None
) -> Training:
    changes, normalised = CASES[name]
    like = training(folder, recipe(batch=BATCH, **changes), batch_norm=normalised)
    return Training(
        like.network,
        like.batches,
        like.recipe,
        way=PLAIN,
        checkpoint=like.checkpoint,
        shared=shared,
        objective=objective,
    )


# ------------------------------------------------------------------- in each of the processes


def train_together(folder: Path) -> None:
    """Do all that the tests look at, and write it to a file of this process."""
    torch.set_num_threads(1)
    with shared_batch(PROCESSES, BATCH, CPU) as shared:
        assert shared is not None
        found = {name: facts(run(begin(folder / name, name, shared))) for name in CASES}
        for name in ("adam", "adam, normalised"):
            stopped = begin(folder / f"stopped {name}", name, shared)
            try:
                # Only one of them is asked.
                run(stopped, stop_after=STOPPED_AT - shared.position * 100)
            except TrainingStoppedError:
                found[f"stopped {name}"] = facts(stopped)
            shared.wait()
            resumed = begin(folder / f"stopped {name}", name, shared)
            begun = resumed.step
            found[f"resumed {name}"] = {**facts(run(resumed)), "begun": begun}
            shared.wait()
        # Left for one process to go on with.
        one = begin(folder / "for one", "sgd", shared)
        try:
            run(one, stop_after=STOPPED_AT - (1 - shared.position) * 100)
        except TrainingStoppedError:
            found["for one"] = facts(one)
        poor = PoorNowAndThen(6, 9) if shared.position == 1 else Restoration(recipe())
        found["poor"] = facts(run(begin(folder / "poor", "sgd", shared, poor)))
        found["refused"] = {"said": refused(shared)}
        torch.save(found, folder / f"{shared.position}.pt")


def facts(done: Training) -> dict[str, Any]:
    return {
        "digest": weights(done),
        "weights": done.network.state_dict(),
        "curve": [(point.step, point.loss, point.score) for point in done.curve],
        "step": done.step,
        "micro_batch": done.micro_batch,
    }


def refused(shared: SharedBatch) -> list[str]:
    said = []
    for act in (
        lambda: Step(network(), recipe(), PLAIN, WholeBatch(recipe()), shared),
        lambda: shared.check_alike(f"data of process {shared.position}"),
    ):
        try:
            act()
        except ValueError as error:
            said.append(str(error))
    return said


# ---------------------------------------------------------------------------------- the tests


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which two processes have trained."""
    folder = tmp_path_factory.mktemp("together")
    together = {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(PROCESSES),
        "LOCAL_WORLD_SIZE": str(PROCESSES),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **together, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(PROCESSES)
    ]
    try:
        codes = [one.wait(timeout=60) for one in started]
    finally:
        for one in started:
            one.kill()
    assert codes == [0] * PROCESSES
    return folder


@pytest.fixture(scope="module")
def both(folder: Path) -> list[dict[str, dict[str, Any]]]:
    """Return what each of the processes found."""
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(PROCESSES)]


Both = list[dict[str, dict[str, Any]]]


def difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest difference of a value over the largest value."""
    values = [name for name, value in one.items() if value.is_floating_point()]
    largest = max(one[name].abs().max().item() for name in values)
    return max((one[name] - other[name]).abs().max().item() for name in values) / largest


@pytest.mark.parametrize(
    ("name", "limit"),
    # Adam divides tiny gradients by themselves, so that their last bits matter.
    [("sgd", 1e-6), ("sgd, normalised", 1e-5), ("adam", 1e-2), ("adam, normalised", 1e-2)],
)
def test_two_processes_give_the_weights_and_the_curve_of_one(
    both: Both, tmp_path: Path, name: str, limit: float
) -> None:
    alone = run(begin(tmp_path, name, None))

    together = both[0][name]

    assert difference(together["weights"], alone.network.state_dict()) < limit
    for (step, loss, score), point in zip(together["curve"], alone.curve, strict=True):
        assert step == point.step
        assert loss == pytest.approx(point.loss, rel=1e-2)
        assert score == pytest.approx(point.score, rel=1e-2)


@pytest.mark.parametrize("name", CASES)
def test_both_processes_hold_the_same_bytes(both: Both, name: str) -> None:
    assert both[0][name]["digest"] == both[1][name]["digest"]
    assert both[0][name]["curve"] == both[1][name]["curve"]


@pytest.mark.parametrize("name", ["adam", "adam, normalised"])
def test_when_one_process_is_asked_to_stop_both_do_and_go_on_to_the_same_bytes(
    both: Both, name: str
) -> None:
    # What one is asked before a step, the others hear with that step.
    assert [one[f"stopped {name}"]["step"] for one in both] == [STOPPED_AT + 1] * 2
    assert [one[f"resumed {name}"]["begun"] for one in both] == [STOPPED_AT + 1] * 2
    for one in both:
        assert one[f"resumed {name}"]["digest"] == one[name]["digest"]
        assert one[f"resumed {name}"]["curve"] == one[name]["curve"]


def test_one_process_goes_on_with_what_two_began(both: Both, folder: Path) -> None:
    resumed = begin(folder / "for one", "sgd", None)

    begun = resumed.step
    run(resumed)

    assert begun == STOPPED_AT + 1
    assert difference(both[0]["sgd"]["weights"], resumed.network.state_dict()) < 1e-6


def test_when_one_process_finds_no_memory_both_go_back_and_on_in_smaller_parts(
    both: Both,
) -> None:
    assert [one["poor"]["step"] for one in both] == [13, 13]
    # The first lack of memory costs the patches that wait on the device.
    assert [one["poor"]["micro_batch"] for one in both] == [1, 2]
    assert both[0]["poor"]["digest"] == both[1]["poor"]["digest"]
    assert difference(both[0]["poor"]["weights"], both[0]["sgd"]["weights"]) < 1e-6


def test_a_loss_of_the_whole_batch_and_processes_that_differ_are_refused(both: Both) -> None:
    whole = "several processes cannot share it: set resources.train.processes 1"

    assert [whole in one["refused"]["said"][0] for one in both] == [True, True]
    assert len(both[0]["refused"]["said"]) == 1
    assert (
        "expected the data, the code and the params of the first process"
        in (both[1]["refused"]["said"][1])
    )


def test_more_processes_than_a_batch_has_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at most the 2 samples of a batch, came 3"):
        SharedBatch(0, 3, 2, CPU)


@pytest.mark.parametrize(("processes", "batch"), [(2, 5), (3, 4), (4, 4), (3, 128)])
def test_every_sample_of_a_batch_is_of_one_process(processes: int, batch: int) -> None:
    samples = torch.arange(batch)

    parts = [SharedBatch(rank, processes, batch, CPU).own(samples) for rank in range(processes)]

    assert torch.equal(torch.cat(parts), samples)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_that_torchrun_did_not_start_is_told_how_to_start_several() -> None:
    with (
        pytest.raises(ValueError, match=r"start the stage by 'python -m stages\.train'"),
        shared_batch(2, 4, CPU),
    ):
        pass


def test_a_single_process_joins_nothing() -> None:
    with shared_batch(1, 4, CPU) as shared:
        assert shared is None


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
