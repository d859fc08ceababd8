"""A project that asks for LPIPS and DISTS, from its params to its report, with random networks.

The real weights are downloads of 240 and 550 MB. The copy of the project has random ones instead,
and their checksums in its table.
"""

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from skimage import data

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.tables import read_table, write_table
from pipeline.images.files import read_8bit, write_8bit_png
from pipeline.measuring.backbones import LAYOUTS
from pipeline.measuring.dists import dists
from pipeline.measuring.perceptual_files import WeightsFile
from tests.imagenet_networks import alexnet, vgg16, weights_of
from tests.project import copy_project, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("torchmetrics") is None, reason="needs the extra 'perceptual'"),
]

TRIAL = {
    "dataset": "photos",
    "colour": "gray",
    "degradation": {
        "kind": "jpeg",
        "quality": 5,
        "subsampling": "yuv420",
        "phase": "aligned",
        "draws": 1,
    },
    "protocols": ["gray-uint8"],
    "baselines": ["identity"],
    "perceptual": ["lpips-alex", "dists"],
}
THEIRS = {"source": "theirs", "files": "{image}.png", "test_on": "small"}

MIRROR, NO_MIRROR = {"RESTORE_MIRROR": "mirror"}, {"RESTORE_MIRROR": ""}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with three images, all but one of which somebody restored perfectly."""
    project = copy_project(tmp_path_factory.mktemp("looks") / "project", preset="smoke")
    for folder in ("mine", "theirs"):
        (project / folder).mkdir()
    for number in range(3):
        image = data.camera()[64 * number : 64 * number + 64, 100:170, None]
        write_8bit_png(project / "mine" / f"{number}.png", image)
        write_8bit_png(
            project / "theirs" / f"{number}.png", image if number else image - image // 16
        )
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(project / "params.yaml")
    params |= {name: {} for name, section in params.items() if isinstance(section, dict)} | {
        "inference": params["inference"],
        "resources": params["resources"],
        "datasets": {"photos": {"kind": "folder", "source": "mine"}},
        "benchmarks": {"small": [TRIAL]},
        "outside": {"theirs": THEIRS},
    }
    yaml.dump(params, project / "params.yaml")
    return project


def put_random_networks(project: Path) -> None:
    """Write random networks into a mirror, and say in the tables that they are the right ones."""
    table = project / "pipeline/measuring/perceptual_files.csv"
    rows = {row.name: row for row in read_table(table, WeightsFile)}
    for name, network in (("alexnet", alexnet()), ("vgg16", vgg16())):
        row = rows[name]
        path = project / "mirror" / row.place
        path.parent.mkdir(parents=True)
        torch.save(weights_of(network), path)
        known = WeightsFile(name, row.source, row.place, path.stat().st_size, sha256_of(path))
        rows[name] = known
        listed = project / "pipeline/catalogue" / path.parent.name / "files.csv"
        text = listed.read_text().replace(f",{row.bytes},", f",{known.bytes},")
        listed.write_text(text.replace(row.sha256, known.sha256))
    write_table(table, WeightsFile, rows.values())


def test_what_two_networks_say_of_images_is_measured_and_reported(project: Path) -> None:
    planned = run(project, "restore", "plan", check=False, settings=NO_MIRROR)
    failed = run(project, "dvc", "repro", "baseline@small", check=False, settings=NO_MIRROR)
    put_random_networks(project)
    run(project, "restore", "data", "fetch", "imagenet_vgg16", settings=MIRROR)
    (project / "mirror/imagenet_vgg16/vgg16-397923af.pth").unlink()

    run(project, "dvc", "repro", settings=MIRROR)

    for done in (planned, failed):
        assert done.returncode != 0
        said = " ".join((done.stdout + done.stderr).split())
        assert "lpips-alex needs imagenet_alexnet/alexnet-owt-7be5be79.pth (244408911" in said
        assert "`restore data fetch imagenet_alexnet` fetches it" in said
    with (project / "data/evaluated/theirs/perceptual.csv").open() as file:
        rows = {(row["measure"], row["image"]): float(row["value"]) for row in csv.DictReader(file)}
    assert rows["lpips-alex", "1"] == rows["dists", "1"] == 0
    assert rows["lpips-alex", "0"] > 0
    assert rows["dists", "0"] == pytest.approx(distance_of_first(project), abs=1e-6)
    report = project / "data/report"
    assert "LPIPS 0.1, AlexNet, <code>lpips-alex</code>" in (report / "index.html").read_text()
    assert (
        "photos, DISTS 0.1, VGG16 (`dists`), lower is better" in (report / "results.md").read_text()
    )
    printed = run(project, "restore", "report").stdout
    ranked = printed.partition("by DISTS 0.1, VGG16 (dists), lower is better")[2].splitlines()
    assert ranked[2].split()[:2] == ["1", "theirs"]
    assert ranked[3].split()[:2] == ["2", "identity"]


def distance_of_first(project: Path) -> float:
    clean, shown = (
        torch.from_numpy(np.repeat(read_8bit(project / folder / "0.png"), 3, axis=2))
        .permute(2, 0, 1)[None]
        .float()
        / 255
        for folder in ("mine", "theirs")
    )
    head = torch.load(head_of_dists(), weights_only=True)
    return dists(clean, shown, weights_of(vgg16()), LAYOUTS["vgg16"], head)


def head_of_dists() -> Path:
    found = find_spec("torchmetrics")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "functional/image/dists_models/weights.pt"
