import pytest

from pipeline.nearest import nearest_known


def test_misspelt_name_is_answered_with_the_one_that_was_meant() -> None:
    hint = nearest_known("astronout", ["camera", "astronaut", "coins"])

    assert hint == "the nearest known one is 'astronaut'"


@pytest.mark.parametrize(
    ("known", "hint"),
    [(["b", "a"], "expected one of: a, b"), ([], "expected one of: (none is defined)")],
)
def test_name_like_no_other_is_answered_with_all_of_them(known: list[str], hint: str) -> None:
    assert nearest_known("something else", known) == hint
