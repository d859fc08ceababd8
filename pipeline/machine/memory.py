"""Memory: how much is free, how much a computation needs, and the errors when there is none."""

import gc
import resource
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline.running.several_processes import processes_here

_GROUPS = Path("/proc/self/cgroup")
_CGROUP = Path("/sys/fs/cgroup")
_WITHOUT_MEMORY = (
    "can't allocate memory",
    "std::bad_alloc",
    "out of memory",
    "alloc_failed",
    # What oneDNN says when there is no room for the code of a kernel or for its scratch.
    "could not create a primitive",
    "could not execute a primitive",
)
_WITHOUT_ENGINE = "unable to find an engine to execute this computation"
"""What cuDNN says when none of its ways to compute fits into the memory that is left."""

_LITTLE = 0.25
"""Of a GPU's memory: with more of it free, cuDNN says that for other reasons."""


def free_memory(device: torch.device) -> int:
    """Return how many bytes this process can still get on ``device``.

    On a CPU the limits of its container and its own limits count, not the machine alone; the
    processes of one training share what is free.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free) + int(cached)
    free_here: int = psutil.virtual_memory().available
    shared = min(free_here, _in_container()) // processes_here()
    return max(0, min(shared, _in_own_limits()))


def _in_container() -> int:
    """Return what the control groups leave, from this process's own up to the outermost."""
    found = sys.maxsize
    for folder in _control_groups():
        for limit, usage in _LIMITS:
            try:
                allowed = int((folder / limit).read_text())
                used = int((folder / usage).read_text())
            except (OSError, ValueError):  # no such file, or no limit: "max"
                continue
            found = min(found, allowed - used + _reclaimable(folder))
    return found


_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),  # of the first version
)


def _control_groups() -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in."""
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines or ["0::/"]:
        _, controllers, place = line.split(":", 2)
        if controllers in ("", "memory"):
            root = _CGROUP / controllers
            group = root / place.lstrip("/")
            yield from (one for one in (group, *group.parents) if one.is_relative_to(root))


def _reclaimable(folder: Path) -> int:
    """Return what the kernel takes back when it needs it: caches of files, but not shared ones."""
    try:
        words = (folder / "memory.stat").read_text().split()
        facts = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    except (OSError, ValueError):
        return 0
    return facts.get("file", facts.get("cache", 0)) - facts.get("shmem", 0)


def _in_own_limits() -> int:
    used = psutil.Process().memory_info()
    found = sys.maxsize
    for kind, taken in (
        (resource.RLIMIT_AS, used.vms),
        # Not every system tells the data apart.
        (resource.RLIMIT_DATA, getattr(used, "data", used.vms)),
    ):
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY:
            found = min(found, limit - taken)
    return found


def release_memory(device: torch.device) -> None:
    """Give back what nobody uses any more, before something smaller is tried."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on a GPU or in the C library."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    if not isinstance(error, RuntimeError):
        return False
    return any(words in said for words in _WITHOUT_MEMORY) or (
        _WITHOUT_ENGINE in said and _little_is_left()
    )


def _little_is_left() -> bool:
    device = torch.device("cuda")
    total = torch.cuda.get_device_properties(device).total_memory
    return free_memory(device) < _LITTLE * total


def peak_bytes(compute: Callable[[], object]) -> int:
    """Return the most bytes that the tensors made by ``compute`` take at one time.

    What the kernels take for themselves while they run is not seen.
    """
    census = _Census()
    with census:
        compute()
    return census.peak


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storage of every tensor that comes out of an operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._now = 0
        self._known: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from importing its compiler, for two seconds, only to keep it out of here."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        given = {_address(one) for one in tree_leaves(args) if isinstance(one, torch.Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and _address(tensor) not in given:
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        address, size = int(storage._cdata), storage.nbytes()
        if address in self._known:
            return
        self._known.add(address)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, address, size)

    def _forget(self, address: int, size: int) -> None:
        self._known.discard(address)
        self._now -= size


def _address(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
