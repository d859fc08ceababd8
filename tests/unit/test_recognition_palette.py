import numpy as np

from pipeline.recognition.scoring.palette import UNLABELLED_COLOUR, colour_of, paint


def test_classes_have_colours_that_differ() -> None:
    colours = np.array([colour_of(label) for label in range(-1, 40)], int)

    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert apart[~np.eye(len(apart), dtype=bool)].min() > 8
    assert apart[:20, :20][~np.eye(20, dtype=bool)].min() > 70
    assert colours.min() >= 0
    assert colours.max() <= 255


def test_a_map_has_the_colour_of_each_class_and_of_none() -> None:
    found = paint(np.array([[0, 25], [-1, 3]], np.int16))

    assert found.shape == (2, 2, 3)
    assert found.dtype == np.uint8
    assert tuple(found[0, 0]) == colour_of(0)
    assert tuple(found[0, 1]) == colour_of(25)
    assert tuple(found[1, 0]) == UNLABELLED_COLOUR


def test_a_map_without_any_class_is_painted_too() -> None:
    assert (paint(np.full((2, 3), -1)) == UNLABELLED_COLOUR).all()
