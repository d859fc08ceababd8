import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pipeline.arrays.pixels import Array, to_8bit
from pipeline.exchange.outside.handing_out import hand_out
from pipeline.exchange.outside.taking_in import OutsideError
from pipeline.images.benchmarks import images_of, restored_path
from pipeline.images.files import read_image, write_8bit_png, write_png
from pipeline.settings.outside import Outside
from pipeline.settings.params import Trial
from stages.baseline import baseline
from stages.degrade_test import degrade_test
from stages.evaluate import evaluate
from stages.reconstruct_outside import reconstruct_outside
from tests.stage.graph_data import JPEG, NOISE, degradation, download_photos, trial

pytestmark = pytest.mark.usefixtures("own_tracker")

SMALL = degradation(kind="bicubic", scale=2, quantise=True, result="low")
FILES = "{data_set}/{level}/{image}.png"


def write_benchmark(folder: Path, trials: list[Trial], seed: int = 0) -> Path:
    bench = folder / f"bench_{seed}"
    if not (folder / "raw").exists():
        download_photos(folder)
    degrade_test(trials=trials, raw=folder / "raw", out=bench, seed=seed)
    return bench


def smoothed(image: Array) -> Array:
    """Return each pixel averaged with its neighbours: a denoiser that anybody could write."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width, _ = image.shape
    parts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    mean: Array = np.mean(parts, axis=0, dtype=np.float32)
    return mean


def restore_elsewhere(bench: Path, to: Path) -> Path:
    for image in images_of(bench):
        path = to / image.place / f"{image.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, smoothed(image.interpolated()))
    return to


def outside(source: Path, files: str = FILES) -> Outside:
    return Outside(source=str(source), files=files, test_on="bench")


def take_in(bench: Path, results: Outside, folder: Path) -> Path:
    reconstruct_outside(
        results=results, source=Path(results.source), benchmark=bench, out=folder / "restored"
    )
    return folder / "restored"


def test_results_of_another_program_are_measured_as_they_are(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE), trial(JPEG)])
    theirs = restore_elsewhere(bench, tmp_path / "theirs")

    restored = take_in(bench, outside(theirs), tmp_path)

    for image in images_of(bench):
        expected = to_8bit(smoothed(image.degraded()))
        assert (to_8bit(np.load(restored_path(restored, image))) == expected).all()
    baseline(benchmark=bench, out=tmp_path / "baselines")
    evaluate(
        experiment="theirs",
        benchmark=bench,
        restored=restored,
        baselines=tmp_path / "baselines",
        out=tmp_path / "rows",
        metrics=tmp_path / "metrics.json",
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test"] == "set gaussian_25 gray-uint8"
    assert metrics["gain"] > 3
    assert "theirs,outside,set" in (tmp_path / "rows" / "scores.csv").read_text()


@pytest.mark.parametrize("kind", ["npy", "tif", "npy of 8 bits", "tif of 16 bits", "rgb"])
def test_results_are_read_in_every_form_that_programs_write(tmp_path: Path, kind: str) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    suffix = {"rgb": "png"}.get(kind, kind[:3])
    for image in images_of(bench):
        mean, path = smoothed(image.degraded()), theirs / f"{image.name}.{suffix}"
        if kind == "npy":
            np.save(path, mean[..., 0])
        elif kind == "tif":
            tifffile.imwrite(path, mean[..., 0])
        elif kind == "npy of 8 bits":
            np.save(path, to_8bit(mean))
        elif kind == "tif of 16 bits":
            tifffile.imwrite(path, np.round(mean.clip(0, 1) * 65535).astype(np.uint16)[..., 0])
        else:
            write_8bit_png(path, to_8bit(mean).repeat(3, axis=-1))

    restored = take_in(bench, outside(theirs, f"{{image}}.{suffix}"), tmp_path)

    exact = kind in {"npy", "tif"}
    step = 0 if exact else 1 / 65535 if kind == "tif of 16 bits" else 1 / 255
    for image in images_of(bench):
        mean, taken = smoothed(image.degraded()), np.load(restored_path(restored, image))
        written = mean if exact else mean.clip(0, 1)
        assert np.abs(taken - written).max() <= step / 2 + (0 if exact else 1e-6)


def test_what_is_rounded_to_8_bits_is_counted(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    theirs = restore_elsewhere(bench, tmp_path / "theirs")

    restored = take_in(bench, outside(theirs), tmp_path)

    facts = json.loads((restored / "tiling.json").read_text())
    assert (facts["files"], facts["in_8bit"]) == (3, 3)


def test_results_of_other_noise_are_refused_with_all_their_names(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    others = write_benchmark(tmp_path, [trial(NOISE)], seed=1)
    theirs = restore_elsewhere(others, tmp_path / "theirs")

    with pytest.raises(OutsideError, match="another draw") as refused:
        take_in(bench, outside(theirs), tmp_path)

    assert all(f"gaussian_25/{name}.png" in str(refused.value) for name in "abc")
    assert not (tmp_path / "restored").exists()


def test_one_image_of_other_noise_among_others_is_found(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    theirs = restore_elsewhere(bench, tmp_path / "theirs")
    others = restore_elsewhere(write_benchmark(tmp_path, [trial(NOISE)], seed=1), tmp_path / "o")
    (others / "set/gaussian_25/b.png").replace(theirs / "set/gaussian_25/b.png")

    with pytest.raises(OutsideError, match=r"1 images have no trace.*\n.*/b\.png"):
        take_in(bench, outside(theirs), tmp_path)


def test_the_clean_images_themselves_are_no_result(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])

    with pytest.raises(OutsideError, match="3 images have no trace"):
        take_in(bench, outside(bench, "{data_set}/{level}/clean/{image}.png"), tmp_path)


def test_missing_images_are_listed_all_at_once_beside_what_is_there(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    theirs = restore_elsewhere(bench, tmp_path / "theirs")
    for name in "ab":
        (theirs / f"set/gaussian_25/{name}.png").rename(theirs / f"{name}_restored.png")

    with pytest.raises(OutsideError, match="2 of 3 restored images are missing") as refused:
        take_in(bench, outside(theirs), tmp_path)

    said = str(refused.value)
    assert all(f"gaussian_25/{name}.png" in said for name in "ab")
    assert "a_restored.png" in said


def test_wrong_files_are_listed_all_at_once_with_what_is_wrong(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    good = {image.name: smoothed(image.degraded()) for image in images_of(bench)}
    np.save(theirs / "a.npy", good["a"][4:-4, 4:-4])
    np.save(theirs / "b.npy", good["b"] * 255)
    np.save(theirs / "c.npy", np.full_like(good["c"], np.nan))

    with pytest.raises(OutsideError, match="3 restored images") as refused:
        take_in(bench, outside(theirs, "{image}.npy"), tmp_path)

    said = str(refused.value)
    assert "a.npy: expected 45x52 pixels of 1 channel, as the clean image is; came 37x44" in said
    assert "b.npy: expected floats in [0, 1], came values up to" in said
    assert "c.npy: has values that are infinite or not a number" in said


def test_a_benchmark_goes_out_and_comes_back_under_the_same_names(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE), trial(JPEG), trial(SMALL)])
    out = tmp_path / "out"

    answer = hand_out(bench, out)

    manifest = json.loads((out / "manifest.json").read_text())
    assert answer.pop("entry") in (out / "README.txt").read_text()
    assert answer == {"images": 12, "floats": 3}
    assert len(manifest["images"]) == 12
    for image, entry in zip(images_of(bench), manifest["images"], strict=True):
        file = out / entry["file"]
        read = tifffile.imread if file.suffix == ".tif" else read_image
        np.testing.assert_array_equal(np.squeeze(read(file)), image.degraded()[..., 0])
        assert tuple(entry["restored_size"]) == image.clean().shape
    words = (out / "README.txt").read_text()
    assert "outside:" in words
    assert FILES in words


def test_a_benchmark_never_goes_where_files_are(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(NOISE)])

    with pytest.raises(FileExistsError, match="expected a new folder, or an empty one"):
        hand_out(bench, bench)
