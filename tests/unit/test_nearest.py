import pytest

from pipeline.nearest import first_of, nearest_known


def test_misspelt_name_is_answered_with_the_one_that_was_meant() -> None:
    hint = nearest_known("astronout", ["camera", "astronaut", "coins"])

    assert hint == "the nearest known one is 'astronaut'"


@pytest.mark.parametrize(
    ("known", "hint"),
    [(["b", "a"], "expected one of: a, b"), ([], "expected one of: (none is defined)")],
)
def test_name_like_no_other_is_answered_with_all_of_them(known: list[str], hint: str) -> None:
    assert nearest_known("something else", known) == hint


@pytest.mark.parametrize(("most", "said"), [(2, "a, b and 1 more"), (3, "a, b, c"), (4, "a, b, c")])
def test_of_many_names_the_first_are_named_and_the_rest_is_counted(most: int, said: str) -> None:
    assert first_of(["a", "b", "c"], most) == said
