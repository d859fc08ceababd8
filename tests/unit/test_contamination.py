from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.pixels import from_8bit, to_8bit
from pipeline.contamination import Overlap, find_overlaps, gray_pixels
from pipeline.contamination.pictures import Pictures
from pipeline.images.colours import in_colour
from pipeline.images.files import compress_jpeg, read_image, write_png
from pipeline.images.raw_images import RawImage
from tests.bench.guard import CHANGES, Change, clean_images, planted

SIZE = 180


@pytest.fixture(scope="module")
def scenes(real_data: Path) -> list[RawImage]:
    return clean_images(real_data / "live1")[:6]


@pytest.fixture(scope="module")
def strangers(real_data: Path) -> list[RawImage]:
    return clean_images(real_data / "bsds500_train")[:12]


@pytest.fixture(scope="module")
def known(scenes: list[RawImage]) -> Pictures:
    return Pictures([gray_pixels(scene.clean) for scene in scenes])


def sets_of(real_data: Path, *names: str) -> Mapping[str, list[RawImage]]:
    return {name: clean_images(real_data / name) for name in names}


def found_pairs(overlaps: list[Overlap]) -> set[tuple[str, str, str]]:
    return {(o.train_image, o.test_set, o.test_image) for o in overlaps}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_crop_is_found_however_it_was_changed(
    scenes: list[RawImage], known: Pictures, change: Change
) -> None:
    rng = np.random.default_rng(0)
    crops = [planted(gray_pixels(scene.clean), SIZE, change, rng) for scene in scenes]

    seen = [[sighting.position for sighting in known.find(crop)[1]] for crop in crops]

    assert seen == [[position] for position in range(len(scenes))]


def test_where_and_how_a_crop_was_cut_is_measured(scenes: list[RawImage], known: Pictures) -> None:
    whole = gray_pixels(scenes[0].clean)
    crop = planted(whole, SIZE, CHANGES["0.7 times"], np.random.default_rng(0))

    (sighting,) = known.find(crop)[1]

    assert sighting.how == "cut from"
    assert sighting.scale == pytest.approx(1 / 0.7, rel=0.01)
    assert sighting.share == pytest.approx(1, abs=0.02)
    assert sighting.known_share == pytest.approx(SIZE**2 / whole.size, rel=0.05)


def test_unrelated_images_are_not_confused(known: Pictures, strangers: list[RawImage]) -> None:
    seen = [known.find(gray_pixels(stranger.clean))[1] for stranger in strangers]

    assert seen == [[]] * len(strangers)


def test_a_test_image_inside_a_training_image_is_found(scenes: list[RawImage]) -> None:
    whole = gray_pixels(scenes[0].clean)
    crop = Pictures([planted(whole, SIZE, CHANGES["JPEG 75"], np.random.default_rng(0))])

    (sighting,) = crop.find(whole)[1]

    assert sighting.how == "contains"


def test_images_that_share_their_edges_only_share_a_part(scenes: list[RawImage]) -> None:
    whole = gray_pixels(scenes[0].clean)
    right = Pictures([whole[:, 150:]])

    (sighting,) = right.find(whole[:, :400])[1]

    assert sighting.how == "shares a part"
    assert sighting.share == pytest.approx(250 / 400, abs=0.01)


def test_equal_pixels_are_told_from_equal_pictures(tmp_path: Path, scenes: list[RawImage]) -> None:
    clean = read_image(scenes[0].clean)
    copies = {
        "gray": in_colour(clean, "gray"),
        "luma": in_colour(clean, "y"),
        "jpeg": compress_jpeg(clean, 75, "yuv420"),
    }
    for name, copy in copies.items():
        write_png(tmp_path / f"{name}.png", copy)

    found = find_overlaps(clean_images(tmp_path), {"live1": scenes}).overlaps

    assert [(o.train_image, o.test_image, o.how) for o in found] == [
        ("gray", scenes[0].name, "same pixels"),
        ("jpeg", scenes[0].name, "same picture"),
        ("luma", scenes[0].name, "same picture"),
    ]


def test_images_without_enough_to_recognise_them_are_listed_not_passed(
    tmp_path: Path, scenes: list[RawImage]
) -> None:
    (tmp_path / "train").mkdir()
    whole = from_8bit(gray_pixels(scenes[0].clean))[..., None]
    write_png(tmp_path / "train" / "flat.png", np.full_like(whole, 0.5))
    write_png(tmp_path / "train" / "small.png", whole[:24, :24])
    write_png(tmp_path / "sky.png", np.full_like(whole, 0.8))
    sky = RawImage("sky", tmp_path / "sky.png", None)

    findings = find_overlaps(clean_images(tmp_path / "train"), {"test": [*scenes, sky]})

    assert findings.not_judged == [(None, "flat"), (None, "small"), ("test", "sky")]


def test_what_was_found_counts_as_judged(tmp_path: Path) -> None:
    write_png(tmp_path / "flat.png", np.full((64, 64, 1), 0.5, np.float32))
    flat = clean_images(tmp_path)

    findings = find_overlaps(flat, {"test": flat})

    assert [overlap.how for overlap in findings.overlaps] == ["same pixels"]
    assert findings.not_judged == []


def test_a_flat_image_is_still_found_by_its_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "flat.png", np.full((100, 100, 1), 0.5, np.float32))
    flat = clean_images(tmp_path)

    (overlap,) = find_overlaps(flat, {"test": flat}).overlaps

    assert overlap.how == "same pixels"


def test_without_test_images_there_is_nothing_to_find(scenes: list[RawImage]) -> None:
    findings = find_overlaps(scenes, {})

    assert (findings.overlaps, findings.not_judged) == ([], [])


def test_the_same_findings_come_every_time(
    scenes: list[RawImage], strangers: list[RawImage]
) -> None:
    first, second = (find_overlaps([*strangers, *scenes], {"live1": scenes}) for _ in range(2))

    assert first == second


def test_set5_and_set12_share_pictures_with_berkeley_images(real_data: Path) -> None:
    named = {"302003", "12003"}
    train = [i for i in clean_images(real_data / "bsds500_train") if i.name in named]

    found = find_overlaps(train, sets_of(real_data, "set5", "set12")).overlaps

    assert found_pairs(found) == {
        ("302003", "set5", "woman_GT"),
        ("12003", "set12", "04"),
    }


def test_classic_pictures_are_recognised_across_sets(real_data: Path) -> None:
    train = [*clean_images(real_data / "set12"), *clean_images(real_data / "live1")]

    found = find_overlaps(train, sets_of(real_data, "set14", "classic5")).overlaps

    assert found_pairs(found) == {
        ("monarch", "set14", "monarch"),
        ("03", "set14", "pepper"),
        ("03", "classic5", "peppers"),
        ("05", "set14", "monarch"),
        ("08", "set14", "lenna"),
        ("08", "classic5", "lena"),
        ("09", "set14", "barbara"),
        ("09", "classic5", "barbara"),
        ("10", "classic5", "boats"),
        ("11", "set14", "man"),
    }


@pytest.mark.slow
def test_bsd68_is_cbsd68_and_in_no_training_set(real_data: Path) -> None:
    train = [
        image
        for name in ("bsds500_train", "bsd400", "cbsd68")
        for image in clean_images(real_data / name)
    ]

    found = find_overlaps(train, sets_of(real_data, "bsd68")).overlaps

    colour = {image.name for image in clean_images(real_data / "cbsd68")}
    assert len(found) == 68
    assert {o.train_image for o in found} == colour
    assert {o.test_image for o in found} == {i.name for i in clean_images(real_data / "bsd68")}


@pytest.mark.slow
def test_half_of_bsd400_is_cut_from_the_training_images_of_bsds500(real_data: Path) -> None:
    train = clean_images(real_data / "bsd400")

    found = find_overlaps(train, sets_of(real_data, "bsds500_train")).overlaps

    assert len({o.train_image for o in found}) == len({o.test_image for o in found}) == 200
    assert {o.how for o in found} == {"cut from"}
    assert all(o.scale == pytest.approx(1, abs=0.01) for o in found)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["as it is", "JPEG 75", "0.7 times", "1.5 times"])
def test_a_crop_of_every_test_image_is_found(real_data: Path, change: str) -> None:
    tests = [*clean_images(real_data / "bsd68"), *clean_images(real_data / "live1")]
    images = [gray_pixels(test.clean) for test in tests]
    pictures = Pictures(images)
    middles = [
        image[(h - SIZE) // 2 : (h + SIZE) // 2, (w - SIZE) // 2 : (w + SIZE) // 2]
        for image in images
        for h, w in [image.shape]
    ]

    missed = [
        test.name
        for at, (test, middle) in enumerate(zip(tests, middles, strict=True))
        if at
        not in {
            s.position
            for s in pictures.find(to_8bit(CHANGES[change](from_8bit(middle)[..., None]))[..., 0])[
                1
            ]
        }
    ]

    assert missed == []
