"""Properties of work on many items side by side, whatever the number of workers."""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline.running.workers import CORES_VARIABLE, count_cores, count_workers, each

WORKERS = ["1", "2", "5"]


@pytest.fixture
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv(CORES_VARIABLE, request.param)
    return int(request.param)


def parametrised(numbers: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("workers", numbers, indirect=True)


@parametrised(WORKERS)
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_results_come_in_the_order_of_the_items(workers: int, count: int) -> None:
    seconds = np.random.default_rng(workers).uniform(0, 0.002, count)

    def work(item: int) -> int:
        time.sleep(seconds[item])
        return item * item

    assert list(each(work, range(count))) == [item * item for item in range(count)]


@parametrised(WORKERS)
def test_items_are_taken_a_few_ahead_of_the_results(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(10_000):
            taken.append(item)
            yield item

    with closing(each(abs, items())) as results:
        first = [next(results) for _ in range(3)]

    assert first == [0, 1, 2]
    assert len(taken) < 200 * workers


@parametrised(WORKERS)
def test_the_first_failing_item_decides_the_error_and_those_before_it_count(workers: int) -> None:
    def work(item: int) -> int:
        if item == 4:
            time.sleep(0.05)  # others fail long before it
        if item >= 4:
            raise ValueError(f"item {item}")
        return item

    seen: list[int] = []
    with pytest.raises(ValueError, match="item 4"):
        seen.extend(each(work, range(40)))

    assert seen == [0, 1, 2, 3]
    assert workers == count_workers()


@parametrised(WORKERS)
@pytest.mark.parametrize("failing", [True, False])
def test_no_call_runs_any_more_when_the_reader_goes_on(workers: int, failing: bool) -> None:
    started: list[int] = []
    ended: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        time.sleep(0.01)
        ended.append(item)
        if failing and item == 3:
            raise ValueError("three")
        return item

    with closing(each(work, range(1000))) as results:
        try:
            while next(results) != 3:
                pass
        except ValueError:
            pass
    begun = len(started)
    time.sleep(0.05)

    assert len(started) == len(ended) == begun
    assert begun <= 4 + 40 * workers


@parametrised(["1", "3"])
def test_few_results_wait_for_a_slow_reader(workers: int) -> None:
    started: list[int] = []

    def work(item: int) -> int:
        time.sleep(0.005)
        started.append(item)
        return item

    ahead = []
    with closing(each(work, range(400))) as results:
        for result in results:
            time.sleep(0.03)
            ahead.append(len(started) - result)
            if result == 30:
                break

    assert max(ahead) <= 20 * workers
    assert max(ahead[20:]) <= 4 * workers + 2


@parametrised(["3"])
def test_calls_run_side_by_side(workers: int) -> None:
    together = threading.Barrier(workers, timeout=20)

    def work(item: int) -> int:
        together.wait()
        return item

    assert list(each(work, range(workers))) == [0, 1, 2]


@parametrised(["1", "3"])
@pytest.mark.parametrize("most", [1, 2])
def test_no_more_workers_than_are_of_use(workers: int, most: int) -> None:
    running: list[int] = []
    together = []

    def work(item: int) -> None:
        running.append(item)
        time.sleep(0.005)
        together.append(len(running))
        running.remove(item)

    for _ in each(work, range(20), most=most):
        pass

    assert max(together) == min(workers, most)


def own_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def test_workers_are_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORES_VARIABLE, raising=False)

    assert count_workers() == count_cores()
    assert 1 <= count_cores() <= own_cores()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes")
def test_a_process_that_is_bound_to_one_core_counts_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from pipeline.running.workers import count_cores; print(count_cores())"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert done.stdout.split() == [b"1"]


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({}, math.inf),
    ],
)
def test_the_quota_of_a_container_counts(
    tmp_path: Path, files: dict[str, str], quota: float
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert count_cores(tmp_path) == min(own_cores(), quota)


def test_workers_are_the_cores_that_a_stage_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES_VARIABLE, "7")

    assert count_workers() == 7


@pytest.mark.parametrize("granted", ["", "0", "-1", "1.5", "all", "²"])
def test_cores_that_are_no_number_are_refused(
    monkeypatch: pytest.MonkeyPatch, granted: str
) -> None:
    monkeypatch.setenv(CORES_VARIABLE, granted)

    with pytest.raises(ValueError, match=f"RESTORE_CORES: expected .* came '{granted}'"):
        list(each(str, [1]))


def test_a_stage_that_works_side_by_side_starts_without_scipy() -> None:
    code = "import sys, stages.extract; sys.exit('joblib' in sys.modules or 'scipy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
