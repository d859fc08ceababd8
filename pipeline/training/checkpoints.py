"""Checkpoints: everything a training needs to go on, in one file that is whole or absent.

The file begins with the checksum of what follows, so that damage is noticed; the checkpoint before
it is kept too.
"""

import hashlib
import inspect
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from filelock import FileLock, Timeout

from pipeline.machine.devices import say
from pipeline.running.outputs import outlast_power_cuts


def digest_of(causes: Mapping[str, Any]) -> str:
    """Return a name for everything that decides the result of a training.

    Args:
        causes: Values that JSON can hold.
    """
    text = json.dumps(causes, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_of_code(*used: ModuleType | Callable[..., object]) -> str:
    """Return a checksum of the code that a training is computed by.

    Args:
        used: Modules, classes and functions; of each the file it is defined in counts, of a
            package all its files.
    """
    digest = hashlib.sha256()
    for one in used:
        file = Path(inspect.getfile(one))
        whole = inspect.ismodule(one) and file.name == "__init__.py"
        for path in sorted(file.parent.glob("*.py")) if whole else [file]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


class BusyTrainingError(RuntimeError):
    """Another process trains the same experiment."""


_PATIENCE = 30.0
"""Seconds that a training has whose stop was asked for: it writes a checkpoint first."""

_CHECKSUM = hashlib.sha256().digest_size


@dataclass(frozen=True)
class CheckpointFile:
    """The checkpoint of one training.

    Args:
        folder: Holds this experiment's checkpoint; made when the first one is written.
        digest: What ``digest_of`` made of the causes: a checkpoint of other causes is not used.
    """

    folder: Path
    digest: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.digest}.pt"

    @property
    def before(self) -> Path:
        """The checkpoint before that one."""
        return self.folder / f"{self.digest}.before.pt"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep other processes from training the same experiment while the block runs.

        Raises:
            BusyTrainingError: One does, and is not about to end.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder.parent / f".{self.folder.name}.lock", timeout=_PATIENCE)
        try:
            lock.acquire()
        except Timeout:
            raise BusyTrainingError(
                f"another process is training {self.folder.name} (it holds {lock.lock_file}): "
                "wait for it, or stop it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def save(self, state: dict[str, Any]) -> None:
        """Write ``state`` to disk: a crash at any moment leaves the old state or the new one.

        Raises:
            OSError: It cannot be written.
        """
        # Through memory: torch hides what a full disk says behind an error of its own.
        content = io.BytesIO()
        torch.save(state, content)
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
        outlast_power_cuts(unfinished)
        if self.path.exists():
            self.path.replace(self.before)
        unfinished.replace(self.path)
        outlast_power_cuts(self.folder)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state with its tensors on ``device``, or None if there is none.

        A damaged file is set aside with a warning, and the one before it counts.
        """
        for path in filter(Path.exists, (self.path, self.before)):
            stored = path.read_bytes()
            checksum, content = stored[:_CHECKSUM], memoryview(stored)[_CHECKSUM:]
            if hashlib.sha256(content).digest() == checksum:
                state: dict[str, Any] = torch.load(
                    io.BytesIO(content), map_location=device, weights_only=True
                )
                return state
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            say(f"the checkpoint {path} is damaged, now {aside.name}: an earlier one counts")
        return None

    def remove(self) -> None:
        """Delete the checkpoints of this experiment, those of other causes too."""
        for kind in ("pt", "unfinished", "damaged"):
            for path in self.folder.glob(f"*.{kind}"):
                path.unlink()
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
