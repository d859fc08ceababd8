"""Which stages fit beside each other on this machine: cores, GPUs, and how many at once."""

import math
import os
import re
import shutil
import subprocess
from collections.abc import Sequence


class Slots:
    """The cores and GPUs of a machine, and who has which of them.

    Args:
        cores: CPU cores to share out.
        gpus: Names of the GPUs, as ``CUDA_VISIBLE_DEVICES`` has them; with none, nobody waits
            for one.
        at_once: Limit on the number of stages, or None.
    """

    def __init__(self, *, cores: int, gpus: Sequence[str], at_once: int | None) -> None:
        self._free_cores = cores
        self._all_gpus = tuple(gpus)
        self._free_gpus = list(gpus)
        self._at_once = at_once
        self._taken: dict[str, tuple[int, tuple[str, ...]]] = {}

    def take(self, stage: str, *, cpus: int, gpus: float) -> tuple[str, ...] | None:
        """Reserve what ``stage`` needs.

        A stage that needs more than the machine has gets all of it, alone; one that needs a part
        of a GPU gets a whole one.

        Returns:
            The GPUs that it may use, or None if it has to wait.
        """
        wanted = min(math.ceil(gpus), len(self._all_gpus))
        alone = not self._taken
        if not alone and (
            cpus > self._free_cores
            or wanted > len(self._free_gpus)
            or (self._at_once is not None and len(self._taken) >= self._at_once)
        ):
            return None
        granted = tuple(self._free_gpus[:wanted])
        del self._free_gpus[:wanted]
        self._free_cores -= cpus
        self._taken[stage] = (cpus, granted)
        return granted

    def give_back(self, stage: str) -> None:
        """Free what ``stage`` had."""
        cpus, gpus = self._taken.pop(stage)
        self._free_cores += cpus
        self._free_gpus += gpus


def list_gpus() -> list[str]:
    """Return the CUDA devices that this process may use, without loading CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip() not in ("", "-1")]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listing = subprocess.run(  # noqa: S603 - found on the user's PATH
        [tool, "-L"], capture_output=True, text=True, check=False
    )
    return re.findall(r"^GPU (\d+):", listing.stdout, flags=re.MULTILINE)
