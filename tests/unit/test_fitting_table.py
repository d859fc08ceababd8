import pytest

from pipeline.commands.fitting_table import Column, fit_table, shorten, shorten_count

COLUMNS = [
    Column(title="name", right=False, shortest=5),
    Column(title="much", leaves=1),
    Column(title="less", leaves=2),
]
ROWS = [["a_long_name", "1234567890", "12"]]


@pytest.mark.parametrize(
    ("width", "line", "without"),
    [
        (40, "a_long_name  1234567890    12", []),
        (27, "a_lo\N{HORIZONTAL ELLIPSIS}name  1234567890    12", []),
        (20, "a_lo\N{HORIZONTAL ELLIPSIS}ame  1234567890", ["less"]),
        (14, "a_lo\N{HORIZONTAL ELLIPSIS}ame    12", ["much"]),
    ],
)
def test_texts_are_shortened_before_columns_are_left_out(
    width: int, line: str, without: list[str]
) -> None:
    table = fit_table(COLUMNS, ROWS, width)

    assert table.lines[1] == line
    assert table.without == without


@pytest.mark.parametrize("width", range(1, 30))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    table = fit_table(COLUMNS, ROWS, width)

    assert max(map(len, table.lines)) <= width


@pytest.mark.parametrize(
    ("width", "shown"),
    [(11, "a_long_name"), (6, "a_l\N{HORIZONTAL ELLIPSIS}me"), (1, "\N{HORIZONTAL ELLIPSIS}")],
)
def test_a_shortened_text_keeps_both_ends(width: int, shown: str) -> None:
    assert shorten("a_long_name", width) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (915, "915"),
        (3_553, "3.55 k"),
        (56_097, "56.1 k"),
        (999_999, "1.00 M"),
        (229_638_144, "230 M"),
        (3_661_627_392, "3.66 G"),
        (1_999_900_000_000, "2.00 T"),
    ],
)
def test_a_count_has_three_digits_and_its_unit(count: int, shown: str) -> None:
    assert shorten_count(count) == shown
