"""A process that may not take as much memory as it asks for: the work is done all the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import Array
from pipeline.running.process import compute_environment
from tests.toy import environment

pytestmark = pytest.mark.fault

LIMITED = """\
import resource, sys
import numpy as np, torch
from pathlib import Path
from pipeline.machine.precision import Precision
from pipeline.machine.memory import free_memory
from pipeline.arrays.training_set import DrawnNoise
from pipeline.models.parts.building import build_model
from pipeline.models.vdsr.settings import VDSR
from pipeline.settings.params import Recipe
from pipeline.tiling.restorer import Restorer
from pipeline.training.checkpoints import CheckpointFile
from pipeline.training.loop import Training
from pipeline.training.pairs import Pairs
from pipeline.training.step import Way
import pipeline.tiling.restorer, pipeline.training.choosing

torch.set_num_threads(1)
megabytes, asks_before, folder = int(sys.argv[1]), sys.argv[2] == "asks", Path(sys.argv[3])
model = VDSR(channels=1, width=32, depth=6)
rng = np.random.default_rng(0)
recipe = Recipe.model_validate(dict(
    steps=3, batch=32, loss="mse", optimiser=dict(kind="sgd", momentum=0.9, weight_decay=0.0),
    learning_rate=0.01, schedule=dict(kind="constant"), clip=dict(kind="none"),
    precision="float32", compile="never", augment=True, log_every=3, checkpoint_every=3))
pairs = Pairs(
    clean=rng.integers(0, 256, (64, 64, 64, 1), dtype=np.uint8), degraded=None,
    noise=DrawnNoise(sigma_8bit=25.0, peak=0.0, rounded=False), key=(0, "e"), batch=32,
    augment=True, device=torch.device("cpu"))
image = rng.random((700, 700, 1), dtype=np.float32)
# What libraries take once for themselves is taken before.
warm = build_model(model, 0)
optimiser = torch.optim.SGD(warm.parameters(), fused=True)
warm(torch.zeros(1, 1, 32, 32)).sum().backward()
optimiser.step()
if megabytes:
    used = int(next(l for l in Path("/proc/self/status").read_text().splitlines()
                    if l.startswith("VmData")).split()[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + megabytes * 2**20, resource.RLIM_INFINITY))
if not asks_before:
    for module in (pipeline.tiling.restorer, pipeline.training.choosing):
        module.free_memory = lambda device: 2**60
if sys.argv[4] == "restore":
    network = build_model(model, 0).eval()
    result = Restorer(network, torch.device("cpu"), tile=512, halo=6).restore(image)
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
    np.save(folder / "out.npy", result)
    sys.exit()
training = Training(build_model(model, 0), pairs, recipe, way=Way(Precision.FLOAT32, False),
                    checkpoint=CheckpointFile(folder, "d"))
training.run(lambda s: None, lambda p: None, lambda: False)
resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
weights = [p.detach().numpy().ravel() for p in training.network.parameters()]
np.save(folder / "out.npy", np.concatenate(weights))
"""


def run_limited(folder: Path, megabytes: int, how: str, what: str) -> tuple[Array, str]:
    folder.mkdir()
    # The allocator of the project takes its memory ahead of need, which this test is not about.
    plain = {**environment(), **compute_environment(1), "GLIBC_TUNABLES": ""}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(megabytes), how, str(folder), what],
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:3000]
    result: Array = np.load(folder / "out.npy")
    return result, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the data of a process")
@pytest.mark.parametrize("how", ["asks", "fails"])
@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("train", "the batch of 32 goes in parts of"),
        ("restore", "too little memory: restoring in tiles of"),
    ],
)
def test_little_memory_makes_parts_and_tiles_smaller_and_the_results_are_the_same(
    tmp_path: Path, what: str, line: str, how: str
) -> None:
    rich, _ = run_limited(tmp_path / "rich", 0, how, what)

    poor, said = run_limited(tmp_path / "poor", 60, how, what)

    assert line in said
    assert np.allclose(poor, rich, rtol=1e-3, atol=1e-5)
