"""What the machine offers a process that computes: device, threads, memory allocation.

Thread counts and the allocator are settings of the process itself, so a stage that computes
starts itself again once with the right environment; see ``compute_environment``.
"""

import os
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

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

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def compute_environment(threads: int) -> dict[str, str]:
    """Return the environment variables that a computing process should start with.

    Args:
        threads: CPU threads that the process may use.
    """
    chosen = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        chosen["GLIBC_TUNABLES"] = _ALLOCATOR
    # cuBLAS is deterministic only with a fixed workspace.
    chosen["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return chosen


def restart_with(variables: dict[str, str]) -> None:
    """Replace this process by itself with ``variables`` set, unless they are set already.

    The C library and OpenMP read them once, before the first line of Python.
    """
    if all(os.environ.get(name) == value for name, value in variables.items()):
        return
    os.execve(  # noqa: S606  (this very program, no shell wanted)
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **variables}
    )


def pick_device(threads: int) -> "torch.device":
    """Return the device to compute on, and make torch's results on it reproducible.

    Args:
        threads: CPU threads that torch may use.
    """
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads uninitialised memory, so filling it would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def supports_bfloat16(device: "torch.device") -> bool:
    """Tell whether ``device`` computes in bfloat16 faster than it emulates it."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return supported
