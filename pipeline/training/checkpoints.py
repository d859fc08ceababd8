"""Checkpoints: everything a training needs to go on, in one file that is whole or absent."""

import hashlib
import inspect
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch


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

    def save(self, state: dict[str, Any]) -> None:
        """Write ``state`` to disk: a crash at any moment leaves the old file or the new one.

        Raises:
            OSError: It cannot be written.
        """
        # Through memory: torch hides what a full disk says behind an error of its own.
        content = io.BytesIO()
        torch.save(state, content)
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state with its tensors on ``device``, or None if there is none."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        return state

    def remove(self) -> None:
        """Delete the checkpoints of this experiment, those of other causes too."""
        for path in [*self.folder.glob("*.pt"), *self.folder.glob("*.unfinished")]:
            path.unlink()
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
