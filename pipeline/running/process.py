"""Settings of a computing process that are read before the first line of Python runs.

Thread counts and the C library's allocator belong to them, so a stage that computes starts
itself again once, with the right environment.
"""

import os
import platform
import sys

from pipeline.running.workers import count_workers

# glibc gives every block above 32 MB back after each use and pays for fresh pages at the next:
# a quarter of the time of tiled inference. These limits keep the blocks of a step mapped.
_ALLOCATOR = ":".join(
    [
        "glibc.malloc.mmap_max=0",
        "glibc.malloc.trim_threshold=17179869184",
        "glibc.malloc.top_pad=268435456",
        "glibc.malloc.arena_max=1",
    ]
)

# After its part of the work an OpenMP thread spins, waiting for the next, about 300,000 rounds
# long. Two programs with as many threads as cores then mostly wait for each other: small networks
# train sixteen times slower in all. So few rounds cost one program alone nothing.
_SPINS = "10000"

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def compute_environment(threads: int) -> dict[str, str]:
    """Return the environment variables that a computing process should start with.

    Args:
        threads: CPU threads that the process may use.
    """
    chosen = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        chosen["GLIBC_TUNABLES"] = _ALLOCATOR
    chosen["GOMP_SPINCOUNT"] = _SPINS
    # cuBLAS is deterministic only with a fixed workspace.
    chosen["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return chosen


def usable_threads(wanted: int) -> int:
    """Return ``wanted`` threads, or as many as this process has cores where those are fewer."""
    return min(wanted, count_workers())


def restart_with(variables: dict[str, str]) -> None:
    """Replace this process by itself with ``variables`` set, unless they are set already.

    The C library and OpenMP read them once, before the first line of Python.
    """
    if all(os.environ.get(name) == value for name, value in variables.items()):
        return
    os.execve(  # noqa: S606  (this very program, no shell wanted)
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **variables}
    )
