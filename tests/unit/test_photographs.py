"""Photographs restored: what networks get of them, and what becomes of their result."""

import os
import resource
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import data

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.arrays.weights_file import WeightsError
from pipeline.images.colours import rgb_to_luma
from pipeline.images.files import compress_jpeg_8bit
from pipeline.images.resize import rescale
from pipeline.machine.precision import Precision
from pipeline.models.edsr.settings import EDSR
from pipeline.models.parts.settings import Model
from pipeline.photographs.choosing import (
    COMPRESSED,
    ENLARGED,
    HARD,
    Finding,
    Task,
    choose,
)
from pipeline.photographs.crops import before_and_after, window_at
from pipeline.photographs.estimating import NoiseLevels, estimate_noise
from pipeline.photographs.finding import Job, NothingFoundError, find_photographs
from pipeline.photographs.judging import is_noisy, removed_from
from pipeline.photographs.metadata import Metadata
from pipeline.photographs.networks import open_network
from pipeline.photographs.picture import Picture
from pipeline.photographs.restoring import Work, restore_picture
from pipeline.photographs.rows import EnlargedRows, PictureRows
from pipeline.photographs.weights_by_name import SHIPPED
from pipeline.photographs.working import Wish, Workshop
from tests.unit.photographs import COLOUR, GRAY, SCALES, pixels, saved, write_weights

CPU = torch.device("cpu")
NOTHING = Metadata()


def picture(*shape: int, alpha: bool = False) -> Picture:
    transparent = pixels(*shape[:2], seed=5) if alpha else None
    return Picture(pixels(*shape), transparent, "PNG", NOTHING)


def work(
    folder: Path, model: Model = COLOUR, enlarge: int = 1, **card: object
) -> tuple[Work, torch.nn.Module]:
    network = write_weights(folder / "net", model, **card)
    return Work(
        open_network(folder / "net", CPU, precision=Precision.FLOAT32), enlarge, 1.0, 0.0
    ), network


def output(network: torch.nn.Module, image: NDArray[np.floating]) -> Array:
    with torch.inference_mode():
        batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[None])
        made: Array = network(batch.float())[0].numpy().transpose(1, 2, 0)
    return made


def in_8bit(image: NDArray[np.floating]) -> NDArray[np.floating]:
    rounded: NDArray[np.floating] = np.rint(np.clip(image, 0, 1) * 255)
    return rounded


# -------------------------------------------------------------------------- the arithmetic


def test_colour_comes_out_as_the_network_makes_it(tmp_path: Path) -> None:
    todo, network = work(tmp_path)
    photo = picture(50, 70, 3)

    restored = restore_picture(photo, todo).values

    expected = in_8bit(output(network, from_8bit(photo.values)))
    assert np.abs(restored - expected).max() <= 1
    assert np.mean(restored != expected) < 0.001


def test_the_format_that_this_machine_is_fast_in_makes_the_same_picture_to_the_eye(
    tmp_path: Path,
) -> None:
    exact, _ = work(tmp_path)
    photo = picture(50, 70, 3)

    fast = restore_picture(photo, replace(exact, network=open_network(tmp_path / "net", CPU)))

    differences = fast.values.astype(float) - restore_picture(photo, exact).values
    assert np.sqrt(np.mean(differences**2)) < 0.5


def test_a_network_for_luma_leaves_the_colours_of_a_photograph(tmp_path: Path) -> None:
    todo, network = work(tmp_path, GRAY, colour="y")
    values = np.stack([pixels(40, 60, seed=seed) // 2 + 60 for seed in range(3)], axis=-1)

    restored = restore_picture(Picture(values, None, "PNG", NOTHING), todo).values

    luma = rgb_to_luma(from_8bit(values))
    change = output(network, luma[..., None])[..., 0] - luma
    assert np.abs(change).max() * 255 > 3
    after = rgb_to_luma(from_8bit(restored))
    assert np.abs(after - luma - change).max() * 255 < 1
    differences = restored.astype(int) - values
    assert np.abs(differences - differences[..., :1]).max() <= 1


@pytest.mark.parametrize("colour", ["gray", "y"])
def test_gray_goes_into_the_network_in_the_range_that_it_learnt(
    colour: str, tmp_path: Path
) -> None:
    todo, network = work(tmp_path, GRAY, colour=colour)
    photo = picture(40, 60, 1)

    restored = restore_picture(photo, todo).values

    gray = from_8bit(photo.values)
    offset, gain = (16 / 255, 219 / 255) if colour == "y" else (0.0, 1.0)
    expected = in_8bit((output(network, offset + gain * gray) - offset) / gain)
    assert np.abs(restored - expected).max() <= 1


def test_gray_through_a_network_for_colour_stays_gray(tmp_path: Path) -> None:
    todo, network = work(tmp_path)
    photo = picture(40, 60, 1)

    restored = restore_picture(photo, todo).values

    three = np.repeat(from_8bit(photo.values), 3, axis=-1)
    expected = in_8bit(output(network, three).mean(axis=-1, keepdims=True))
    assert np.abs(restored - expected).max() <= 1


@pytest.mark.parametrize("factor", [2, 3])
def test_enlarged_photographs_equal_those_that_are_enlarged_as_a_whole(
    factor: int, tmp_path: Path
) -> None:
    todo, network = work(tmp_path, GRAY, enlarge=factor, degradation=SCALES)
    photo = picture(33, 47, 3, alpha=True)

    restored = restore_picture(photo, todo)

    large = rescale(from_8bit(photo.values), factor)
    luma = rgb_to_luma(large)[..., None]
    expected = in_8bit(large + (output(network, luma) - luma) * 255 / 219)
    assert np.abs(restored.values - expected).max() <= 1
    assert restored.alpha is not None
    assert photo.alpha is not None
    wanted = in_8bit(rescale(from_8bit(photo.alpha[..., None]), factor))[..., 0]
    assert np.abs(restored.alpha - wanted).max() <= 1


def test_a_network_that_enlarges_by_itself_gets_the_small_picture(tmp_path: Path) -> None:
    model = EDSR(
        channels=1, width=8, blocks=1, upscale=2, residual_scale=1.0, mean=[0.4], residual=True
    )
    todo, network = work(tmp_path, model, colour="y")
    photo = picture(20, 30, 3)

    restored = restore_picture(photo, todo).values

    small = from_8bit(photo.values)
    large = rescale(small, 2)
    change = output(network, rgb_to_luma(small)[..., None]) - rgb_to_luma(large)[..., None]
    assert np.abs(restored - in_8bit(large + change * 255 / 219)).max() <= 1


@pytest.mark.parametrize("rows", [(0, 7), (5, 6), (31, 66), (60, 66)])
def test_enlarged_rows_are_those_of_the_whole(rows: tuple[int, int]) -> None:
    small = PictureRows(pixels(22, 17, 3))

    found = EnlargedRows(small, 3).read(*rows)

    whole = rescale(small.read(0, 22), 3)
    assert np.abs(found - whole[slice(*rows)]).max() < 1e-6


def test_strength_blends_with_the_picture(tmp_path: Path) -> None:
    todo, _ = work(tmp_path)
    photo = picture(40, 60, 3)

    full, half, none = (
        restore_picture(photo, replace(todo, strength=strength)).values.astype(int)
        for strength in (1.0, 0.5, 0.0)
    )

    assert np.array_equal(none, photo.values)
    inside = (full > 0) & (full < 255)  # elsewhere the whole correction was cut off
    assert np.abs(half - (full + photo.values) / 2)[inside].max() <= 1
    assert np.abs(full - photo.values).max() > 3


@pytest.mark.parametrize("side", [1, 2, 3])
def test_the_smallest_pictures_are_restored(side: int, tmp_path: Path) -> None:
    todo, _ = work(tmp_path)

    restored = restore_picture(picture(side, 1, 3), todo)

    assert restored.values.shape == (side, 1, 3)


def test_16_bits_are_restored_in_16_bits(tmp_path: Path) -> None:
    todo, _ = work(tmp_path)
    eight = picture(40, 60, 3)
    sixteen = replace(eight, values=eight.values.astype(np.uint16) * 257)

    restored = restore_picture(sixteen, todo).values

    assert restored.dtype == np.uint16
    assert np.abs(restored / 257 - restore_picture(eight, todo).values).max() <= 0.51
    assert np.unique(restored).size > 256


# -------------------------------------------------------------------- what is found in them


@pytest.mark.parametrize("sigma", [5, 15, 40])
@pytest.mark.parametrize("largest", [255, 65535])
def test_the_level_of_noise_is_found(sigma: int, largest: int) -> None:
    rows, columns = np.mgrid[:300, :400]
    scene = 128 + 50 * np.sin(rows / 20)[..., None] + 40 * np.sign(np.sin(columns / 30))[..., None]
    noisy = scene + np.random.default_rng(0).normal(0, sigma, scene.shape)
    values = np.clip(noisy * largest / 255, 0, largest)
    values = values.astype(np.uint8 if largest == 255 else np.uint16)

    found = estimate_noise(values)

    assert found.sigma_8bit == pytest.approx(sigma, rel=0.1)


def test_noise_that_a_camera_smoothed_is_found_at_half_the_size() -> None:
    noise = np.random.default_rng(0).normal(0, 12, (300, 400, 3))
    smoothed = ndimage.gaussian_filter(noise, (1, 1, 0))

    found = estimate_noise(np.rint(128 + smoothed).astype(np.uint8))

    assert found.is_smoothed
    assert found.fine < found.coarse / 2
    assert found.sigma_8bit == pytest.approx(smoothed.std(), rel=0.5)


def looked_at(values: NDArray[np.uint8], quality: int | None = None) -> Finding:
    """Return what is found in a photograph, after JPEG of some quality or as it is."""
    values = values.reshape(*values.shape[:2], -1)
    if quality is not None:
        values = compress_jpeg_8bit(values, quality, "yuv420")
    wish = Wish("auto", None, None, 2, 1.0, None, preview=False, shown=False)
    return Workshop(wish, CPU).find_in(Picture(values, None, "PNG", NOTHING, quality))


PHOTOS = ["astronaut", "chelsea", "coffee", "rocket", "camera", "coins", "brick", "grass", "gravel"]


@pytest.mark.parametrize("name", PHOTOS)
def test_the_texture_of_clean_photographs_is_no_noise(name: str) -> None:
    photo = getattr(data, name)()

    assert not looked_at(photo).noisy
    if name != "grass":  # of which JPEG makes what no network here tells from noise
        assert not looked_at(photo, 80).noisy


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("sigma", "quality"), [(8, None), (12, 90), (20, 80)])
def test_noise_is_found_among_texture_too(name: str, sigma: int, quality: int | None) -> None:
    photo = getattr(data, name)()
    noise = np.random.default_rng(0).normal(0, sigma, photo.shape)
    noisy = np.rint(np.clip(photo + noise, 0, 255)).astype(np.uint8)

    assert looked_at(noisy, quality).noisy


def test_smoothed_noise_is_found() -> None:
    noise = np.random.default_rng(0).normal(0, 12, (512, 512, 3))
    smoothed = data.astronaut() / 4 + ndimage.gaussian_filter(noise, (1, 1, 0)) + 64

    assert looked_at(np.rint(smoothed).astype(np.uint8)).noisy


def test_hairs_that_lie_in_several_directions_are_no_noise() -> None:
    # As rough and as even as noise of sigma 12, drawn along the rows here, along the columns there.
    noise = np.random.default_rng(0).normal(0, 12, (512, 512, 3))
    along = [ndimage.gaussian_filter1d(noise, 0.6, axis) for axis in (0, 1)]
    quarters = np.kron([[0, 1], [1, 0]], np.ones((128, 128)))
    there = np.tile(quarters, (2, 2))[..., None] > 0
    hairs = np.where(there, *along)
    hairs = np.rint(128 + hairs * (12 / hairs.std())).astype(np.uint8)

    found = Picture(hairs, None, "PNG", NOTHING)
    removed = removed_from(found, open_network(SHIPPED / "camera", CPU))

    assert not is_noisy(NoiseLevels(12, 12), removed)
    assert is_noisy(NoiseLevels(12, 12), replace(removed, turning=0.05))


@pytest.mark.parametrize("side", [1, 15, 99])
def test_a_picture_without_noise_has_none(side: int) -> None:
    found = looked_at(np.full((side, side, 3), 77, np.uint8))

    assert found.noise.sigma_8bit < 0.1
    assert not found.noisy


def finding(*, noisy: bool, quality: int | None = None, gray: bool = False) -> Finding:
    return Finding(NoiseLevels(10.0, 10.0), noisy, quality, gray)


def test_what_is_well_is_left_alone_and_the_rest_gets_its_network() -> None:
    assert choose("auto", finding(noisy=False)) == ()
    assert choose("auto", finding(noisy=False, quality=COMPRESSED)) == ()
    assert choose("auto", finding(noisy=True)) == ("camera",)
    assert choose("auto", finding(noisy=True, gray=True)) == ("gray_noise",)
    assert choose("auto", finding(noisy=True, quality=COMPRESSED - 1, gray=True)) == ("camera",)
    assert choose("auto", finding(noisy=False, quality=COMPRESSED - 1)) == ("camera",)
    assert choose("auto", finding(noisy=False, quality=HARD)) == ("camera",)
    assert choose("auto", finding(noisy=False, quality=HARD - 1)) == ("colour_jpeg",)
    assert choose("auto", finding(noisy=False, quality=HARD - 1, gray=True)) == ("luma_jpeg",)
    assert choose("auto", finding(noisy=True, quality=HARD - 1)) == ("camera",)
    assert choose("deblock", finding(noisy=False)) == ("colour_jpeg",)
    assert choose("deblock", finding(noisy=False, gray=True)) == ("luma_jpeg",)


def test_what_is_enlarged_is_cleaned_first_where_it_needs_it() -> None:
    assert choose("upscale", finding(noisy=False)) == ("luma_scales",)
    assert choose("upscale", finding(noisy=False, quality=ENLARGED)) == ("luma_scales",)
    assert choose("upscale", finding(noisy=False, quality=90)) == ("camera", "luma_scales")
    assert choose("upscale", finding(noisy=True)) == ("camera", "luma_scales")


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_cleaned_and_enlarged_blends_with_the_picture_that_came(channels: int) -> None:
    scene = 80 + data.astronaut()[:90, :120, :channels] * 0.4
    values = np.rint(np.random.default_rng(0).normal(scene, 15)).astype(np.uint8)
    noisy = Picture(values, None, "PNG", NOTHING)
    found = finding(noisy=True, gray=channels == 1)
    names = ["gray_noise" if channels == 1 else "camera", "luma_scales"]

    def enlarged(strength: float) -> NDArray[np.float64]:
        wish = Wish("upscale", None, None, 2, strength, None, preview=False, shown=False)
        words, picture = Workshop(wish, CPU).restored(noisy, found)
        assert words.endswith(", then ".join(names))
        assert picture is not None
        return picture.values.astype(np.float64)

    as_it_came, weakened, clean = enlarged(0.0), enlarged(0.5), enlarged(1.0)

    plain = rescale(from_8bit(values), 2) * 255
    np.testing.assert_allclose(as_it_came, plain, atol=0.51)
    np.testing.assert_allclose(weakened, (as_it_came + clean) / 2, atol=1.01)
    cleaner, larger = (open_network(SHIPPED / name, CPU) for name in names)
    cleaned = restore_picture(noisy, Work(cleaner, 1, 1.0, 0.0))
    both = restore_picture(cleaned, Work(larger, 2, 1.0, 0.0))
    np.testing.assert_allclose(clean, both.values, atol=1.01)
    assert np.abs(clean - as_it_came).mean() > 5


def test_to_find_noise_takes_no_more_memory_than_two_such_pictures() -> None:
    values = np.random.default_rng(0).integers(0, 256, (2000, 3000, 3), np.uint8)
    tracemalloc.start()

    try:
        estimate_noise(values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2 * values.nbytes


@pytest.mark.parametrize(("task", "scale"), [("denoise", 1), ("upscale", 2)])
def test_the_part_that_is_seen_first_is_that_of_the_result(task: Task, scale: int) -> None:
    scene = data.astronaut()[:500, :430] / 2 + 60
    values = np.rint(np.random.default_rng(0).normal(scene, 15)).astype(np.uint8)
    noisy = Picture(values, None, "PNG", NOTHING)
    wish = Wish(task, None, None, 2, 1.0, None, preview=False, shown=False)
    workshop, found = Workshop(wish, CPU), finding(noisy=True)
    window = window_at(noisy, 0.6, 0.7, height=100, width=90)

    _, seen = workshop.seen(noisy, found, window)

    _, whole = workshop.restored(noisy, found)
    assert seen is not None
    assert whole is not None
    for part, of_whole in zip(seen, before_and_after(noisy, whole, window), strict=True):
        assert part.shape == (scale * 100, scale * 90, 3)
        assert np.abs(part.astype(float) - of_whole).max() <= 1
        assert part.base is None  # it does not hold the whole


# ------------------------------------------------------------------------ files and folders


def test_folders_keep_their_folders_and_results_lie_beside_them(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("a.jpg", "day/b.png", ".hidden/c.png", "notes.txt", "day/raw.NEF", "d.gif"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"x")

    found = find_photographs([photos], None, again=False)

    results = tmp_path / "photos-restored"
    assert found.jobs == [
        Job(photos / "a.jpg", results / "a.jpg"),
        Job(photos / "d.gif", results / "d.png"),
        Job(photos / "day/b.png", results / "day/b.png"),
    ]
    assert found.others == 1
    assert [path for path, _ in found.refused] == [photos / "day/raw.NEF"]
    assert "a raw file: develop or convert it" in found.refused[0][1]


def test_linked_folders_are_restored_too_and_circles_end(tmp_path: Path) -> None:
    saved(tmp_path / "card/a.png", pixels(9, 9))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/linked").symlink_to(tmp_path / "card")
    (tmp_path / "card/up").symlink_to(tmp_path / "photos")

    found = find_photographs([tmp_path / "photos"], None, again=False)

    assert [job.target for job in found.jobs] == [tmp_path / "photos-restored/linked/a.png"]


def test_what_has_a_result_is_done_again_only_when_asked(tmp_path: Path) -> None:
    for name in ("p/a.jpg", "p/b.jpg", "p-restored/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    found, anew = (find_photographs([tmp_path / "p"], None, again=again) for again in (False, True))

    assert ([job.source.name for job in found.jobs], found.done) == (["b.jpg"], 1)
    assert ([job.source.name for job in anew.jobs], anew.done) == (["a.jpg", "b.jpg"], 0)


def test_results_never_replace_photographs_nor_one_another(tmp_path: Path) -> None:
    for name in ("p/a.jpg", "p/d.gif", "p/d.png", "q/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    onto_itself = find_photographs([tmp_path / "p/a.jpg"], tmp_path / "p", again=True)
    shared = find_photographs([tmp_path / "p"], None, again=False)
    two = find_photographs(
        [tmp_path / "p/a.jpg", tmp_path / "q/a.jpg"], tmp_path / "out", again=False
    )

    assert not onto_itself.jobs
    assert "give another folder with --out" in onto_itself.refused[0][1]
    assert [path.name for path, _ in shared.refused] == ["d.png"]
    assert "as that of" in shared.refused[0][1]
    assert [job.source for job in two.jobs] == [tmp_path / "p/a.jpg"]
    assert [path for path, _ in two.refused] == [tmp_path / "q/a.jpg"]


@pytest.mark.parametrize(
    ("given", "why"), [("missing", "no such file"), ("empty", "an empty"), ("texts", "1 other")]
)
def test_nothing_to_restore_is_said(given: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("x")

    with pytest.raises(NothingFoundError, match=why):
        find_photographs([tmp_path / given], None, again=False)


def test_results_may_lie_above_what_they_come_from(tmp_path: Path) -> None:
    source = saved(tmp_path / "photos/day/a.png", pixels(20, 30, 3))

    found = find_photographs([source.parent], tmp_path / "photos", again=False)

    assert found.jobs == [Job(source, tmp_path / "photos/a.png")]


def test_results_in_the_folder_itself_are_refused_in_words(tmp_path: Path) -> None:
    source = saved(tmp_path / "photos/a.png", pixels(20, 30, 3))

    found = find_photographs([source.parent], source.parent, again=False)

    assert found.refused == [
        (source, "its result would replace it; give another folder with --out")
    ]


def test_what_is_named_like_a_photograph_and_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/moved.jpg").symlink_to("elsewhere.jpg")
    os.mkfifo(tmp_path / "in/pipe.jpg")
    os.mkfifo(tmp_path / "given.jpg")

    found = find_photographs([tmp_path / "in", tmp_path / "given.jpg"], None, again=False)

    assert not found.jobs
    assert [(path.name, why) for path, why in found.refused] == [
        ("moved.jpg", "a link to elsewhere.jpg, which is not there"),
        ("pipe.jpg", "expected a file, came a pipe or a device"),
        ("given.jpg", "expected a file, came a pipe or a device"),
    ]


def test_one_photograph_that_fails_stops_no_other(tmp_path: Path) -> None:
    write_weights(tmp_path / "net", COLOUR)
    good = saved(tmp_path / "in/good.png", pixels(20, 30, 3))
    bad = tmp_path / "in/bad.png"
    bad.write_bytes(good.read_bytes()[:99])
    jobs = [Job(path, tmp_path / "out" / path.name) for path in (bad, good)]
    wish = Wish("denoise", tmp_path / "net", None, 2, 1.0, None, preview=False, shown=True)

    outcomes = list(Workshop(wish, CPU).restore(jobs))

    assert [outcome.failed for outcome in outcomes] == [True, False]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_picture_that_is_left_as_it_is_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    well = saved(tmp_path / "in/well.png", np.full((64, 64, 3), 90, np.uint8))
    jobs = [Job(well, tmp_path / "out/well.png")]
    wish = Wish("auto", None, None, 2, 1.0, None, preview=False, shown=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        without_room = list(Workshop(wish, CPU).restore(jobs))
        left = list((tmp_path / "out").iterdir())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with_room = list(Workshop(wish, CPU).restore(jobs))

    assert [outcome.failed for outcome in (*without_room, *with_room)] == [True, False]
    assert left == []
    assert (tmp_path / "out/well.png").read_bytes() == well.read_bytes()


def test_a_gif_that_is_left_as_it_is_becomes_png(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.gif", np.zeros((40, 60), np.uint8))
    wish = Wish("auto", None, None, 2, 1.0, None, preview=False, shown=False)

    (outcome,) = Workshop(wish, CPU).restore([Job(source, tmp_path / "out/a.png")])

    assert outcome.words.endswith("left as it is")
    with Image.open(tmp_path / "out/a.png") as image:
        assert image.format == "PNG"


def test_a_scale_that_was_not_learnt_is_refused(tmp_path: Path) -> None:
    write_weights(tmp_path / "net", GRAY, degradation=SCALES)

    with pytest.raises(WeightsError, match="expected a scale of 2 or 3, which it learnt; came 4"):
        Workshop(
            Wish("upscale", tmp_path / "net", None, 4, 1.0, None, preview=False, shown=True), CPU
        ).check()


@pytest.mark.parametrize("damage", ["cut", "another", "card", "list", "class"])
def test_unusable_weights_are_named(damage: str, tmp_path: Path) -> None:
    write_weights(tmp_path / "net", COLOUR)
    card, weights = tmp_path / "net/card.json", tmp_path / "net/weights.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:100])
    if damage == "another":
        write_weights(tmp_path / "other", GRAY)
        weights.write_bytes((tmp_path / "other/weights.safetensors").read_bytes())
    if damage in {"card", "list", "class"}:
        card.write_text({"card": "{", "list": "[]", "class": '{"model": {"class": "X"}}'}[damage])

    with pytest.raises(ValueError, match=r"net/(card\.json|weights\.safetensors)"):
        open_network(tmp_path / "net", CPU)
