from pipeline.literature.counterparts import Place, without_counterpart
from pipeline.literature.published import SHIPPED, joined, read_published

NUMBERS = joined(read_published(SHIPPED))


def said(system: str, *places: Place) -> list[str]:
    return without_counterpart(system, places, NUMBERS)


def test_a_number_by_one_of_the_protocols_is_enough() -> None:
    assert not said(
        "DnCNN-S", ("set12", "gaussian_25", "gray-float"), ("set12", "gaussian_25", "gray-uint8")
    )


def test_a_set_of_another_name_is_answered_with_the_published_one() -> None:
    (sentence,) = said(
        "DnCNN-3", ("b100", "bicubic_x2_8bit", "y-float"), ("b100", "bicubic_x3_8bit", "y-float")
    )

    assert sentence == (
        "DnCNN-3 has no number for b100 at bicubic_x2_8bit, bicubic_x3_8bit; the nearest it has is "
        "bsd100 at bicubic_x2_8bit by y-shave-float"
    )


def test_a_level_without_a_number_is_answered_with_the_next_of_the_same_set() -> None:
    (sentence,) = said(
        "DnCNN-3", ("bsd68", "gaussian_75", "gray-uint8"), ("bsd68", "gaussian_50", "gray-uint8")
    )

    assert "for bsd68 at gaussian_75; the nearest it has is bsd68 at gaussian_50" in sentence


def test_a_level_that_differs_in_rounding_alone_is_answered_with_that() -> None:
    (sentence,) = said("DnCNN-3", ("set5", "bicubic_x4", "y-shave-float"))

    assert sentence.endswith("the nearest it has is set5 at bicubic_x4_8bit by y-shave-float")


def test_a_number_from_memory_is_none() -> None:
    (sentence,) = said("Restormer", ("set12", "gaussian_25", "gray-uint8"))

    assert "has no number for set12 at gaussian_25" in sentence
