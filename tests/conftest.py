"""Fixtures that any test may ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).parents[1]
"""Folder of the project."""

# The processes of `pytest -n` share the cores: with as many threads each as there are cores they
# would mostly wait for one another. It is read when NumPy and torch are loaded; what a test starts
# as a stage is started chooses its own number.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what runs in the background deaf to Ctrl-C, and so all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with the published image sets, one folder a set."""
    mirror = os.environ.get("RESTORE_MIRROR") or ROOT.parent / "shared" / "data"
    folder = Path(mirror).resolve()  # tests change the working directory
    if not (folder / "set5").is_dir():
        pytest.skip(f"needs the published image sets: no folder {folder / 'set5'}")
    return folder


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[torch.device]":
    """Return a device whose results are reproducible."""
    # cuBLAS reads it when it starts.
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    yield torch.device(request.param)
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Compute with one thread: small tensors are slower with more, on a busy machine by far."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
