"""Which samples train, choose and test."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.splitting import Classes, split_samples
from pipeline.recognition.labelled.samples import UNLABELLED, Part
from pipeline.settings.tasks import DisjointSplit, FoldSplit, PublishedSplit, RandomSplit

NAMES = ("wood", "water", "wheat")


def classes_of(labels: Any, names: tuple[str, ...] = NAMES, task: str = "scene") -> Classes:
    return Classes(task, names, np.asarray(labels, np.int16))


def shuffled_labels(*counts: int, seed: int = 0) -> NDArray[np.int16]:
    labels = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    return np.random.default_rng(seed).permutation(labels)


def random(train: float, validation: float = 0.0) -> RandomSplit:
    return RandomSplit(kind="random", train=train, validation=validation)


def disjoint(train: float, validation: float, margin: int) -> DisjointSplit:
    return DisjointSplit(kind="disjoint", train=train, validation=validation, margin=margin)


def folds(count: int, test: int, validation: int | None = None) -> FoldSplit:
    return FoldSplit(kind="folds", folds=count, test=test, validation=validation)


def table(labels: NDArray[np.int16], parts: NDArray[np.uint8]) -> dict[Part, list[int]]:
    """Return how many samples of each class are in each part."""
    return {
        part: np.bincount(
            labels[(parts == part) & (labels != UNLABELLED)], minlength=len(NAMES)
        ).tolist()
        for part in Part
    }


# -------------------------------------------------------------------------- random


@pytest.mark.parametrize("seed", range(20))
def test_random_parts_are_stratified(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(3, 400, len(NAMES))
    train, validation = rng.uniform(0.05, 0.6), rng.choice([0.0, rng.uniform(0.02, 0.3)])
    labels = shuffled_labels(*counts)

    parts = split_samples(classes_of(labels), random(train, validation), seed)

    sizes = table(labels, parts)
    assert sizes[Part.NONE] == [0, 0, 0]
    assert np.add(np.add(sizes[Part.TRAIN], sizes[Part.VALIDATION]), sizes[Part.TEST]).tolist() == (
        counts.tolist()
    )
    assert min(sizes[Part.TRAIN]) >= 1
    assert min(sizes[Part.TEST]) >= 1
    assert np.abs(sizes[Part.TRAIN] - train * counts).max() <= 1
    assert np.abs(sizes[Part.VALIDATION] - validation * counts).max() <= 1
    assert bool(validation) == bool(sum(sizes[Part.VALIDATION]))


def test_a_tenth_of_indian_pines_is_as_many_pixels_as_published() -> None:
    counts = [46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93]
    names = tuple(map(str, range(16)))
    labels = shuffled_labels(*counts)

    parts = split_samples(classes_of(labels, names), random(0.1), 0)

    assert (parts == Part.TRAIN).sum() == 1024
    assert (parts == Part.TEST).sum() == 9225


def test_draw_depends_on_seed_and_task_alone() -> None:
    labels = shuffled_labels(50, 60, 70)
    one = classes_of(labels)
    again = split_samples(one, random(0.5), 1)

    np.testing.assert_array_equal(split_samples(one, random(0.5), 1), again)
    assert (split_samples(one, random(0.5), 2) != again).any()
    assert (split_samples(Classes("other", NAMES, labels), random(0.5), 1) != again).any()


def test_draw_of_a_class_does_not_depend_on_other_classes() -> None:
    labels = np.repeat([0, 1, 2], 40)
    other = labels.copy()
    other[-20:] = UNLABELLED

    one = split_samples(classes_of(labels), random(0.25), 0)
    two = split_samples(classes_of(other), random(0.25), 0)

    np.testing.assert_array_equal(one[:80], two[:80])


def test_classes_are_drawn_independently() -> None:
    parts = split_samples(classes_of(np.repeat([0, 1, 2], 40)), random(0.5), 0)

    assert (parts[:40] != parts[40:80]).any()


def test_smallest_class_trains_and_is_tested_on_too() -> None:
    labels = shuffled_labels(3, 300, 300)

    few = table(labels, split_samples(classes_of(labels), random(0.01, 0.01), 0))
    most = table(labels, split_samples(classes_of(labels), random(0.9, 0.09), 0))

    assert few[Part.TRAIN] == [1, 3, 3]
    assert few[Part.VALIDATION][0] == most[Part.VALIDATION][0] == most[Part.TEST][0] == 1


def test_pixels_without_a_class_are_in_no_part() -> None:
    labels = shuffled_labels(40, 40, 20).reshape(10, 10)
    labels[:, :3] = UNLABELLED

    parts = split_samples(classes_of(labels), random(0.3, 0.1), 0)

    assert parts.shape == labels.shape
    np.testing.assert_array_equal(parts == Part.NONE, labels == UNLABELLED)


@pytest.mark.parametrize(
    ("split", "counts", "needed"),
    [
        (random(0.5), (9, 1, 9), "1 sample.*2 or more, one each to train and to test"),
        (random(0.5), (9, 0, 9), "0 sample.*2 or more"),
        (random(0.5, 0.1), (9, 2, 9), "2 sample.*3 or more, one each to train, to choose"),
        (folds(5, 0), (9, 4, 9), "4 sample.*5 or more, one for each of 5 folds"),
        (
            PublishedSplit(kind="published", validation=0),
            (9, 1, 9),
            "1 sample.*2 or more, one each",
        ),
    ],
)
def test_class_with_too_few_samples_is_named(
    split: Any, counts: tuple[int, ...], needed: str
) -> None:
    with pytest.raises(DatasetError, match=f"task 'scene': class 'water' has {needed}"):
        split_samples(classes_of(shuffled_labels(*counts)), split, 0)


def test_small_class_of_a_scene_may_be_ignored() -> None:
    labels = shuffled_labels(15, 1, 9).reshape(5, 5)

    with pytest.raises(DatasetError, match=r"'water'.*naming it under tasks\.scene\.ignore"):
        split_samples(classes_of(labels), random(0.5), 0)


# --------------------------------------------------------------------------- folds


@pytest.mark.parametrize("seed", range(10))
def test_each_sample_is_tested_on_in_one_fold_and_folds_are_equal(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(7, 60, len(NAMES))
    labels = shuffled_labels(*counts)

    # Each fold is tested on by a task of its own, which has a name of its own.
    tested = [
        split_samples(classes_of(labels, task=f"fold_{fold}"), folds(7, fold), seed) == Part.TEST
        for fold in range(7)
    ]

    np.testing.assert_array_equal(np.sum(tested, axis=0), 1)
    assert np.ptp([fold.sum() for fold in tested]) <= 1
    for label in range(len(NAMES)):
        assert np.ptp([(fold & (labels == label)).sum() for fold in tested]) <= 1


def test_one_fold_chooses_and_the_others_train() -> None:
    labels = shuffled_labels(40, 20, 20)

    parts = split_samples(classes_of(labels), folds(4, 1, 3), 0)

    same = split_samples(classes_of(labels), folds(4, 3), 0)
    np.testing.assert_array_equal(parts == Part.VALIDATION, same == Part.TEST)
    assert table(labels, parts)[Part.TRAIN] == [20, 10, 10]


# ----------------------------------------------------------------------- published


def test_published_test_samples_are_tested_on_and_no_others() -> None:
    labels = shuffled_labels(50, 30, 20)
    test = np.arange(100) >= 70

    parts = split_samples(
        classes_of(labels), PublishedSplit(kind="published", validation=0.2), 0, test
    )

    np.testing.assert_array_equal(parts == Part.TEST, test)
    trained = np.bincount(labels[:70], minlength=3)
    chosen = table(labels, parts)[Part.VALIDATION]
    assert sum(chosen) == 14
    assert np.abs(chosen - 0.2 * trained).max() < 1


def test_without_validation_all_others_train() -> None:
    labels = shuffled_labels(50, 30, 20)
    test = np.arange(100) >= 70

    parts = split_samples(
        classes_of(labels), PublishedSplit(kind="published", validation=0), 0, test
    )

    np.testing.assert_array_equal(parts, np.where(test, Part.TEST, Part.TRAIN))


def test_published_split_of_a_set_without_one_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"tasks\.scene\.split: expected 'random' or 'folds'"):
        split_samples(
            classes_of(shuffled_labels(5, 5, 5)), PublishedSplit(kind="published", validation=0), 0
        )


@pytest.mark.parametrize(
    ("test", "part"), [([1, 1, 0, 0, 0, 1], "train"), ([0, 0, 0, 1, 0, 1], "test")]
)
def test_class_on_one_side_of_a_published_split_is_named(test: list[int], part: str) -> None:
    with pytest.raises(DatasetError, match=f"class 'wood' has no sample for the part '{part}'"):
        split_samples(
            classes_of([0, 0, 1, 1, 2, 2]),
            PublishedSplit(kind="published", validation=0),
            0,
            np.array(test, bool),
        )


# ------------------------------------------------------------------------ disjoint


def patchwork(seed: int, height: int, width: int) -> NDArray[np.int16]:
    """Return a scene with all classes everywhere, and pixels without one."""
    return np.random.default_rng(seed).integers(-1, 3, (height, width)).astype(np.int16)


def windows(part: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Return the pixels of the windows around the pixels of a part."""
    half = side // 2
    covered = np.zeros_like(part)
    for row, column in np.argwhere(part):
        covered[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1] = 1
    return covered


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("margin", [0, 2, 4, 8])
def test_windows_of_two_parts_share_no_pixel(seed: int, margin: int) -> None:
    rng = np.random.default_rng(seed)
    labels = patchwork(seed, *rng.integers(40, 60, 2))
    split = disjoint(rng.uniform(0.2, 0.4), rng.choice([0.0, 0.1]), margin)

    parts = split_samples(classes_of(labels), split, 0)

    used = [part for part in Part if part != Part.NONE and (parts == part).any()]
    assert len(used) == (3 if split.validation else 2)
    covered = [windows(parts == part, margin + 1) for part in used]
    assert np.sum(covered, axis=0, dtype=int).max() == 1
    assert (parts[labels == UNLABELLED] == Part.NONE).all()


@pytest.mark.parametrize("seed", range(12))
def test_parts_of_a_scene_have_their_shares_of_the_lines(seed: int) -> None:
    labels = patchwork(seed, 50, 40)

    parts = split_samples(classes_of(labels), disjoint(0.3, 0.1, 4), 0)

    along = 0 if (parts == Part.TRAIN).any(1).sum() < 50 else 1
    lines = {part: (parts == part).any(1 - along).sum() for part in Part if part != Part.NONE}
    length = labels.shape[along]
    assert lines[Part.TRAIN] == round(0.3 * length)
    assert lines[Part.VALIDATION] == round(0.1 * length)
    assert sum(lines.values()) == length - 2 * 4


@pytest.mark.parametrize("turn", range(4))
def test_direction_is_the_one_that_shows_the_rarest_class_most(turn: int) -> None:
    labels = np.indices((20, 20)).sum(0).astype(np.int16) % 2
    labels[[1, 10, 11, 12, 13, 16, 17, 18], 9] = 2  # one above, three below, none at a side
    labels[10, [1, 18]] = 2
    labels = np.rot90(labels, turn)

    parts = split_samples(classes_of(labels), disjoint(0.3, 0, 0), 0)

    turned_back = np.rot90(parts == Part.TRAIN, -turn)
    assert turned_back[14:].all()
    assert not turned_back[:14].any()


def test_class_on_one_side_of_every_direction_is_named_with_the_way_out() -> None:
    labels = np.zeros((20, 20), np.int16)
    labels[::2] = 1
    labels[9:11, 9:11] = 2

    with pytest.raises(DatasetError) as caught:
        split_samples(classes_of(labels), disjoint(0.3, 0, 2), 0)

    assert "train lacks wheat" in str(caught.value)
    assert "tasks.scene.ignore" in str(caught.value)
    assert "wood" not in str(caught.value)


@pytest.mark.parametrize(
    "split", [disjoint(0.5, 0.4, 1), disjoint(0.3, 0, 12), disjoint(0.9, 0.09, 0)]
)
def test_scene_without_room_for_the_margins_is_refused(split: DisjointSplit) -> None:
    with pytest.raises(DatasetError, match=r"tasks\.scene\.split: expected room .* 10 rows and 12"):
        split_samples(classes_of(patchwork(0, 10, 12)), split, 0)


def test_longer_side_is_taken_where_the_margins_need_it() -> None:
    labels = patchwork(0, 8, 60)

    parts = split_samples(classes_of(labels), disjoint(0.3, 0, 8), 0)

    assert (parts == Part.TRAIN).any(0).sum() == 18
