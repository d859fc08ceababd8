"""Work on many images side by side: the only door to joblib.

Threads by default: Pillow, NumPy and SciPy let go of Python's lock while they work, and a thread
starts in no time. ``joblib.parallel_config`` puts any other backend in their place.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

CORES_VARIABLE = "RESTORE_CORES"
"""Environment variable that says how many cores a stage may use."""

_CALL = 0.004
"""Seconds that one call should last: items that take less go to a worker several at a time."""

_MOST_TOGETHER = 16

_WAITING = 16
"""Calls of each worker that may be ahead of the one read next, so that results never fill the
memory."""

_WAITING_LONG = 4
"""The same of calls that take their time, whose results are large as a rule."""

_WAITING_FOR_READER = 2
"""The same while whoever reads the results is busy with one."""

_PAUSE = 0.001
"""Seconds that a worker waits when that many are ahead."""

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


def count_cores() -> int:
    """Return the cores that this process may use, by its affinity and its container's quota."""
    from joblib import cpu_count  # here, because it takes a tenth of a second

    return int(cpu_count())


def each(
    function: Callable[[Item], Result], items: Sequence[Item], *, most: int | None = None
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` of every item, in the order of the items.

    Only a few results wait to be taken, so that they never have to fit into memory together (but
    backends that give all at once exist). When it ends, however it ends, no call is running any
    more; whoever may stop reading in the middle has to close it.

    Args:
        function: What to do; it should not depend on what runs beside it.
        items: What to do it to.
        most: Workers that are of use. What takes less than a millisecond, much of it in Python, is
            done sooner by one thread than by several that wait for Python's lock at every step.

    Raises:
        ValueError: ``RESTORE_CORES`` is no whole number above 0.
        Exception: That of the first item, in their order, whose call failed.
    """
    from joblib import Parallel
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    bounded = backend.supports_return_generator
    queue = _Queue(min(count_workers(), most or count_workers()), bounded=bounded)
    parallel = Parallel(
        n_jobs=queue.workers, prefer="threads", return_as="generator" if bounded else "list"
    )
    outcomes = iter(parallel(queue.calls(function, items)))
    try:
        for outcome in outcomes:
            yield from queue.read(outcome)
    finally:
        queue.closed = True
        for _ in outcomes:
            pass


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    """What came of a call.

    Args:
        results: Of the items before one that failed, or of all.
        error: What that one raised, if any. joblib would raise whatever fails first.
        seconds: How long it took.
    """

    results: list[Result]
    error: Exception | None
    seconds: float


class _Queue:
    """What lies between the workers and the reader of their results.

    Args:
        workers: Number of workers.
        bounded: Whether workers wait when the reader falls behind.
    """

    def __init__(self, workers: int, *, bounded: bool) -> None:
        self.workers = workers
        self._bounded = bounded
        self.closed = False
        self._together = 1
        self._read = 0
        self._reader_busy = False

    def calls(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Any]:
        """Yield the calls to make, until the queue is closed."""
        from joblib import delayed

        made, first = 0, 0
        while first < len(items) and not self.closed:
            # joblib asks for the next call as soon as one ends, whether its result was taken
            # or not, and must not be kept waiting: so the worker waits.
            if self._bounded and made - self._read >= self._most * self.workers:
                yield delayed(_pause)()
                continue
            some = items[first : first + self._together]
            made, first = made + 1, first + len(some)
            yield delayed(_call)(function, some)

    def read(self, outcome: _Outcome[Result] | None) -> Iterator[Result]:
        """Yield the results of a call.

        Raises:
            Exception: What the call raised.
        """
        if outcome is None:
            return
        self._reader_busy = True
        yield from outcome.results
        self._reader_busy = False
        if outcome.error is not None:
            raise outcome.error
        self._read += 1
        fitting = _CALL * len(outcome.results) / max(outcome.seconds, 1e-6)
        self._together = min(max(1, int(fitting)), _MOST_TOGETHER)

    @property
    def _most(self) -> int:
        # joblib looks for results every 10 ms: a reader who has none is not slow.
        if self._reader_busy:
            return _WAITING_FOR_READER
        return _WAITING if self._together > 1 else _WAITING_LONG


def _call(function: Callable[[Item], Result], items: Sequence[Item]) -> _Outcome[Result]:
    results = []
    error = None
    start = time.perf_counter()
    try:
        for item in items:
            results.append(function(item))  # noqa: PERF401 -- those before a failure count
    except Exception as raised:
        error = raised
    return _Outcome(results, error, time.perf_counter() - start)


def _pause() -> None:
    time.sleep(_PAUSE)
