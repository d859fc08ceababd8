"""Memory of the stages against the number of patches: ``python -m tests.bench.memory``.

Each stage runs in a process of its own, and what counts is the most that it holds beside files:
``RssAnon`` and ``RssShmem`` of Linux, looked at every few milliseconds. Pages of mapped files are
left out: the system takes them back when something else needs the memory.
"""

import argparse
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.measurement import Measurement, print_lines

if TYPE_CHECKING:
    from pipeline.settings.params import Patches

_PICTURES = 32
"""That differ; all others are links to them."""

_LOOK_EVERY = 0.003


@dataclass(frozen=True)
class Cut:
    """Side of the images, and side and distance of their patches, in pixels."""

    image: int
    size: int
    stride: int

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return ((self.image - self.size) // self.stride + 1) ** 2

    @property
    def settings(self) -> "Patches":
        """The settings of the stage ``extract``."""
        from pipeline.settings.params import Patches

        return Patches(
            dataset="train", colour="gray", size=self.size, stride=self.stride, scales=[1.0]
        )


@dataclass(frozen=True)
class Use:
    """What a process took.

    Args:
        megabytes: The most that it held at once, beside files.
        seconds: How long it ran.
    """

    megabytes: float
    seconds: float


def write_raw_set(folder: Path, images: int, side: int) -> None:
    """Write gray images as the stage ``download`` does: files, and the table of their checksums.

    Args:
        folder: To make.
        images: How many.
        side: Of each, in pixels.
    """
    from pipeline.images.files import write_8bit_png

    (folder / "clean").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(images):
        place = f"clean/{number:07d}.png"
        file = folder / place
        if number < _PICTURES:
            steps = np.cumsum(np.cumsum(rng.normal(0, 9, (side, side, 1)), axis=0), axis=1)
            write_8bit_png(file, (np.abs(steps / 8) % 256).astype(np.uint8))
            facts = (file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
            rows.append(facts)
        else:
            os.link(folder / f"clean/{number % _PICTURES:07d}.png", file)
    with (folder / "images.csv").open("w", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("image", "role", "file", "bytes", "sha256"))
        for number in range(images):
            size, digest = rows[number % len(rows)]
            writer.writerow((f"{number:07d}", "clean", f"clean/{number:07d}.png", size, digest))


def _extract(folder: Path, cut: Cut) -> None:
    from stages.extract import extract

    extract(bank=cut.settings, images=folder / "raw/train", out=folder / "patches")


def _degrade(folder: Path, name: str, settings: Mapping[str, object]) -> None:
    from stages.degrade import degrade
    from tests.bench.data import degradation

    degrade(
        name=name,
        degradation=degradation(**settings),
        patches=folder / "patches",
        out=folder / name,
        seed=0,
    )


def _degrade_stored(folder: Path, _cut: Cut) -> None:
    jpeg = {"kind": "jpeg", "quality": [10, 40], "subsampling": "yuv420", "phase": "aligned"}
    _degrade(folder, "stored", {**jpeg, "draws": 1})


def _degrade_fresh(folder: Path, _cut: Cut) -> None:
    _degrade(folder, "fresh", {"kind": "gaussian", "sigma_8bit": 25, "quantise": False})


def _guard(folder: Path, cut: Cut) -> None:
    from stages.guard import guard

    (folder / "tests.txt").write_text("test\n")
    guard(
        name="stored",
        bank=cut.settings,
        tests=folder / "tests.txt",
        raw=folder / "raw",
        out=folder / "overlaps.csv",
        passed=folder / "passed.txt",
        accepted_overlaps=[],
        threads=len(os.sched_getaffinity(0)),
    )


def _train(folder: Path, name: str) -> None:
    from pipeline.settings.params import Resources
    from stages.train import train
    from tests.stage.graph_data import MODEL, RECIPE

    train(
        experiment=name,
        model=MODEL,
        recipe=RECIPE.model_copy(update={"steps": 30, "batch": 32, "log_every": 10}),
        training_set=folder / name,
        guarded=folder / "passed.txt",
        start=folder / "random",
        checkpoints=folder / f"checkpoints-{name}",
        out=folder / f"trained-{name}",
        curve=folder / f"{name}.csv",
        seed=0,
        resources=Resources(threads=1),
    )


def _train_stored(folder: Path, _cut: Cut) -> None:
    _train(folder, "stored")


def _train_fresh(folder: Path, _cut: Cut) -> None:
    _train(folder, "fresh")


STAGES: Mapping[str, Callable[[Path, Cut], None]] = {
    "extract": _extract,
    "degrade_stored": _degrade_stored,
    "degrade_fresh": _degrade_fresh,
    "guard": _guard,
    "train_stored": _train_stored,
    "train_fresh": _train_fresh,
}
"""In their order: each takes what those before it wrote."""


def measured(stage: str, folder: Path, cut: Cut) -> Use:
    """Run a stage in a process of its own.

    Args:
        stage: One of ``STAGES``.
        folder: Where ``raw`` is, and what the stages before it wrote.
        cut: How images are cut.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", "tests.bench.memory", "--run", stage, str(folder)]
    command += [f"--image={cut.image}", f"--size={cut.size}", f"--stride={cut.stride}"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    start = time.perf_counter()
    most = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, _held(process.pid))
            time.sleep(_LOOK_EVERY)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Use(most / 1e6, time.perf_counter() - start)


def _held(process: int) -> int:
    """Return the bytes of memory that a process holds beside pages of files."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(1024 * int(facts.get(one, "0").split()[0]) for one in ("RssAnon", "RssShmem"))


def all_stages(folder: Path, patches: int, cut: Cut, stages: Sequence[str]) -> dict[str, Use]:
    """Run stages one after the other on a set of new images; return what each took.

    Args:
        folder: An existing folder, to fill.
        patches: At least so many.
        cut: How images are cut.
        stages: Some of ``STAGES``, in their order.
    """
    write_raw_set(folder / "raw/train", -(-patches // cut.patches), cut.image)
    write_raw_set(folder / "raw/test", 2, 96)
    return {stage: measured(stage, folder, cut) for stage in stages}


def measure(
    counts: Sequence[int], cut: Cut, stages: Sequence[str], scratch: Path | None
) -> Iterator[Measurement]:
    """Yield memory and seconds of each stage, for each number of patches."""
    for patches in counts:
        with tempfile.TemporaryDirectory(dir=scratch) as made:
            folder = Path(made)
            found = all_stages(folder, patches, cut, stages)
            disk = sum(one.stat().st_size for one in folder.glob("patches/*"))
            note = f"patches of {cut.size} px, a bank of {disk / 1e6:,.0f} MB"
            for stage, use in found.items():
                name = f"{stage}, {patches:,} patches"
                yield Measurement("memory", name, "MB", (use.megabytes,), note=note)
                yield Measurement("time", name, "s", (use.seconds,), note=note)


def main() -> None:
    """Print the figures, or run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--image", type=int, default=128, help="side of an image, in pixels")
    parser.add_argument("--size", type=int, default=16, help="side of a patch, in pixels")
    parser.add_argument("--stride", type=int, help="their distance; as their side when left out")
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--scratch", type=Path, help="folder with room for the files")
    parser.add_argument("--run", nargs=2, metavar=("STAGE", "FOLDER"), help="run one stage alone")
    options = parser.parse_args()
    cut = Cut(options.image, options.size, options.stride or options.size)
    if options.run:
        stage, folder = options.run
        STAGES[stage](Path(folder), cut)
    else:
        print_lines(measure(options.patches, cut, options.stages, options.scratch))


if __name__ == "__main__":
    main()
