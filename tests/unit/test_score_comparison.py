import pytest

from pipeline.commands.score_comparison import compare_scores

HERE, THERE = ("set", "gaussian_25", "gray-uint8"), ("set", "gaussian_50", "gray-uint8")


def scores(*psnrs: float, ssim: float = 0.5) -> dict[str, tuple[float, float]]:
    return {f"image{number}": (psnr, ssim) for number, psnr in enumerate(psnrs)}


def test_means_and_difference_are_over_the_images_that_both_have() -> None:
    before = {HERE: scores(20.0, 22.0, 30.0)}
    after = {HERE: scores(21.0, 23.5, ssim=0.75)}

    (pair,) = compare_scores(before, after, [HERE, THERE])

    assert pair.place == HERE
    assert pair.before == (21.0, 0.5)
    assert pair.after == (22.25, 0.75)
    assert pair.difference.mean == pytest.approx(1.25)
    assert pair.difference.images == 2
    assert pair.difference.interval is not None
    assert pair.difference.within_noise is False


def test_a_difference_of_either_sign_is_within_noise() -> None:
    (pair,) = compare_scores({HERE: scores(20, 20, 20)}, {HERE: scores(21, 19, 20.1)}, [HERE])

    assert pair.difference.within_noise is True


def test_one_image_has_no_interval_and_equal_scores_no_difference() -> None:
    (pair,) = compare_scores({HERE: scores(20)}, {HERE: scores(20)}, [HERE])

    assert (pair.difference.mean, pair.difference.interval) == (0.0, None)
