"""Work on many images side by side, by threads.

Pillow, NumPy and SciPy let go of Python's lock while they work, and a thread starts in no time.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

CORES_VARIABLE = "RESTORE_CORES"
"""Environment variable that says how many cores a stage may use."""

_CALL = 0.004
"""Seconds that one call should last: items that take less go to a worker several at a time."""

_MOST_TOGETHER = 16

_AHEAD = 2
"""Calls for each worker ahead of the one read next, so that results never fill the memory."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def count_workers() -> int:
    """Return how many images to work on side by side.

    It is ``RESTORE_CORES`` where that is set, else the cores that this process may use, with its
    affinity and the quota of its container.

    Raises:
        ValueError: ``RESTORE_CORES`` is no whole number above 0.
    """
    granted = os.environ.get(CORES_VARIABLE)
    if granted is None:
        return count_cores()
    if not granted.isdecimal() or int(granted) < 1:
        raise ValueError(
            f"{CORES_VARIABLE}: expected the number of cores to use, 1 or more, came '{granted}'"
        )
    return int(granted)


def count_cores(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the cores that this process may use, by its affinity and its container's quota.

    Args:
        groups: Folder where Linux tells the quota.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota(groups))))


def _quota(groups: Path) -> float:
    """Return how many cores' time a container may use, infinity where nothing limits it."""
    try:
        quota, period = (groups / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (groups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (groups / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return math.inf
    # "max" in the second version of the files and -1 in the first one say that there is no limit.
    return float(quota) / float(period) if quota.strip().isdecimal() else math.inf


def each(
    function: Callable[[Item], Result], items: Iterable[Item], *, most: int | None = None
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` of every item, in the order of the items.

    Only a few results wait to be taken, so that they never have to fit into memory together. When
    it ends, however it ends, no call is running any more; whoever may stop reading in the middle
    has to close it.

    Args:
        function: What to do; it should not depend on what runs beside it.
        items: What to do it to; they are taken a few ahead of the results.
        most: Workers that are of use. What takes less than a millisecond, much of it in Python, is
            done sooner by one thread than by several that wait for Python's lock at every step.

    Raises:
        ValueError: ``RESTORE_CORES`` is no whole number above 0.
        Exception: That of the first item, in their order, whose call failed.
    """
    workers = min(count_workers(), most or count_workers())
    if workers == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    calls: deque[Future[_Outcome[Result]]] = deque()
    waiting, together = iter(items), 1
    try:
        while True:
            while len(calls) < _AHEAD * workers and (some := list(islice(waiting, together))):
                calls.append(pool.submit(_call, function, some))
            if not calls:
                return
            outcome = calls.popleft().result()
            yield from outcome.results
            if outcome.error is not None:
                raise outcome.error
            together = outcome.fitting
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    """What came of a call.

    Args:
        results: Of the items before one that failed, or of all.
        error: What that one raised, if any.
        fitting: How many items such a call should have.
    """

    results: list[Result]
    error: Exception | None
    fitting: int


def _call(function: Callable[[Item], Result], items: Sequence[Item]) -> _Outcome[Result]:
    results = []
    error = None
    start = time.perf_counter()
    try:
        for item in items:
            results.append(function(item))  # noqa: PERF401 -- those before a failure count
    except Exception as raised:
        error = raised
    seconds = (time.perf_counter() - start) / len(items)
    return _Outcome(results, error, min(max(1, int(_CALL / max(seconds, 1e-6))), _MOST_TOGETHER))
