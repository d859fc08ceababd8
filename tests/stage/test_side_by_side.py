"""The number of workers changes no byte, no order and no message of the data stages."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.fetching import fetch_dataset
from pipeline.images.benchmarks import images_of, restored_path
from pipeline.images.files import write_png
from pipeline.images.raw_images import DatasetError
from pipeline.running.workers import CORES_VARIABLE
from pipeline.settings.params import FolderDataset
from stages.baseline import baseline
from stages.degrade_test import degrade_test
from stages.evaluate import evaluate
from stages.extract import extract
from tests.stage.graph_data import (
    JPEG,
    NOISE,
    bank,
    degradation,
    degrade_bank,
    download_pairs,
    download_photos,
    extract_bank,
    photo,
    trial,
)

NAMES = tuple("abcdefghijklm")

BICUBIC = degradation(kind="bicubic", scale=[2, 2.5], quantise=False, result="interpolated")
RANGE = degradation(
    kind="jpeg", quality={"min": 5, "max": 95}, subsampling="yuv420", phase="aligned", draws=3
)

TRIALS = [trial(NOISE, baselines=["bayes_shrink", "tv"]), trial(JPEG, baselines=["identity"])]


def write_bank(folder: Path) -> None:
    extract_bank(folder, bank(stride=5, scales=(1.0, 0.7)), download_photos(folder, NAMES))


def write_bank_of_pairs(folder: Path) -> None:
    extract_bank(folder, raw=download_pairs(folder))


def write_degraded(folder: Path) -> None:
    patches = extract_bank(folder, raw=download_photos(folder, NAMES))
    for number, settings in enumerate((JPEG, RANGE, BICUBIC)):
        degrade_bank(folder / str(number), settings, patches)


def write_benchmark(folder: Path) -> None:
    raw = download_photos(folder, NAMES).parent
    degrade_test(trials=TRIALS, raw=raw, out=folder / "bench", seed=0)


def write_baselines(folder: Path) -> None:
    write_benchmark(folder)
    baseline(benchmark=folder / "bench", out=folder / "rows")


def write_scores(folder: Path) -> None:
    write_benchmark(folder)
    for image in images_of(folder / "bench"):
        path = restored_path(folder / "restored", image)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, 0.9 * image.degraded())
    baseline(benchmark=folder / "bench", out=folder / "baselines")
    (folder / "restored/tiling.json").write_text('{"weights_sha256": "ab", "model": "dncnn.tiny"}')
    evaluate(
        experiment="e1",
        benchmark=folder / "bench",
        restored=folder / "restored",
        baselines=folder / "baselines",
        out=folder / "rows",
        metrics=folder / "metrics.json",
    )


STAGES = [
    write_bank,
    write_bank_of_pairs,
    write_degraded,
    write_benchmark,
    write_baselines,
    write_scores,
]


@pytest.mark.usefixtures("own_tracker")
@pytest.mark.parametrize("write", STAGES)
def test_the_number_of_workers_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    contents = []
    for cores in ("1", "4"):
        monkeypatch.setenv(CORES_VARIABLE, cores)
        folder = tmp_path / cores
        write(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})

    assert contents[0] == contents[1]
    assert len(contents[0]) > len(STAGES)


@pytest.mark.parametrize("cores", ["1", "4"])
def test_the_first_bad_image_is_named_whatever_fails_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: str
) -> None:
    raw = download_photos(tmp_path, NAMES)
    write_png(raw / "clean" / "b.png", photo(0, 600, 600))
    write_png(raw / "clean" / "c.png", photo(0, 5, 5))
    (raw / "clean" / "d.png").write_text("words")
    monkeypatch.setenv(CORES_VARIABLE, cores)

    with pytest.raises(ValueError, match=r"image 'c' has 5x5 pixels"):
        extract(bank=bank(), images=raw, out=tmp_path / "patches")

    assert not (tmp_path / "patches").exists()


@pytest.mark.parametrize("cores", ["1", "4"])
def test_all_bad_images_of_a_download_are_named_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: str
) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    for name in NAMES:
        (source / f"{name}.png").write_text("words")
    write_png(source / "c.png", photo(0))
    monkeypatch.setenv(CORES_VARIABLE, cores)

    with pytest.raises(DatasetError) as caught:
        fetch_dataset(
            FolderDataset(kind="folder", source=str(source)),
            name="mine",
            source=source,
            downloads=tmp_path / "downloads",
            mirror=None,
            out=tmp_path / "raw",
        )

    named = [line.split("'")[1] for line in str(caught.value).splitlines()[1:]]
    assert named == [name for name in NAMES if name != "c"]
