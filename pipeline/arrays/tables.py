"""The tables that the project writes and reads: CSV files, each row a dataclass.

The fields of the class are the columns, in their order, and their annotations say what a cell
holds: ``str``, ``int``, ``float``, ``bool`` (``true`` or ``false``) or a ``Literal`` of texts. An
empty cell is None, of a field that may be None. Numbers are written in as few digits as give the
same number again, or as ``Annotated[float, Number(".4f")]`` says.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TextIO,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from pipeline.arrays.stage_outputs import require_output
from pipeline.arrays.written_text import TextError, open_text
from pipeline.nearest import nearest_known

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")

TRUTH = {"true": True, "false": False}
"""How a cell says yes or no."""


@dataclass(frozen=True)
class Number:
    """How the numbers of a column are written, and which may stand there.

    Args:
        form: Format of the digits, such as ``.4f``; a zero never has a sign.
        infinite: Whether a number may be infinite.
    """

    form: str
    infinite: bool = False


@dataclass(frozen=True)
class _Column:
    """How the cells of a column are written, and how they are read."""

    write: Callable[[Any], str]
    read: Callable[[str], object]


def columns_of(row_type: type["DataclassInstance"]) -> tuple[str, ...]:
    """Return the names of the columns of a table, in their order."""
    return tuple(field.name for field in fields(row_type))


def write_table(path: Path, row_type: type[Row], rows: Iterable[Row]) -> None:
    """Write a table, its header also where there is no row.

    Args:
        path: File to write, in a folder that exists.
        row_type: Class of the rows.
        rows: In the order to write.

    Raises:
        OSError: It cannot be written.
    """
    columns = _columns(row_type)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [column.write(getattr(row, name)) for name, column in columns.items()] for row in rows
        )


def read_table(path: Path, row_type: type[Row], stage: str | None = None) -> list[Row]:
    """Read a table.

    Args:
        path: File to read.
        row_type: Class of the rows.
        stage: Stage of ``dvc.yaml`` that writes it, for the messages; None where people do.

    Raises:
        OSError: The file cannot be read, or the stage has not run.
        ValueError: The columns are others, a cell is not what its column holds, or the class
            refuses the row; the message names the file, the line and the stage to run.
    """
    return [row for _, row in read_lines(path, row_type, stage)]


def read_lines(
    path: Path, row_type: type[Row], stage: str | None = None
) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a table one by one, each with the line where it ends.

    Takes and raises what ``read_table`` does.
    """
    columns = _columns(row_type)
    again = "" if stage is None else f"; run 'dvc repro --force {stage}'"
    if stage is not None:
        require_output(path, stage)
    with _opened(path) as file:
        reader = csv.reader(file)
        try:
            _check_header(next(reader, []), columns)
            for cells in reader:
                yield reader.line_num, _row(cells, columns, row_type)
        except (ValueError, csv.Error) as error:
            line = max(reader.line_num, 1)
            raise ValueError(f"{path}, line {line}: {error}{again}") from error


def write_mappings(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table whose rows differ: a column for every value that any of them has.

    Which columns there are shows with the last row, so rows wait for it on the disk.

    Args:
        path: File to write, in a folder that exists.
        rows: In the order to write.

    Raises:
        OSError: It cannot be written.
    """
    names: dict[str, None] = {}
    with TemporaryFile("w+", dir=path.parent, encoding="utf-8") as waiting:
        for row in rows:
            names.update(dict.fromkeys(row))
            cells = {name: "" if value is None else str(value) for name, value in row.items()}
            waiting.write(f"{json.dumps(cells)}\n")
        waiting.seek(0)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(names), lineterminator="\n")
            writer.writeheader()
            writer.writerows(map(json.loads, waiting))


def read_mappings(path: Path, columns: Iterable[str] = ()) -> list[dict[str, str]]:
    """Read a table whose columns are not all known: texts by the names of their columns.

    Args:
        path: File to read.
        columns: That it has at least.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no table, lacks one of the columns, or a row has more or fewer cells
            than the header; the message names the line.
    """
    with _opened(path) as file:
        reader = csv.reader(file)
        try:
            names = next(reader, [])
            missing = sorted(set(columns) - set(names))
            if missing:
                raise ValueError(f"column(s) {', '.join(missing)} are missing")
            return [_named(names, cells) for cells in reader if cells]
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path}, line {max(reader.line_num, 1)}: {error}") from error


def _opened(path: Path) -> TextIO:
    try:
        return open_text(path)
    except TextError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_header(header: Sequence[str], names: Iterable[str]) -> None:
    if header != list(names):
        raise ValueError(
            f"expected the columns {', '.join(names)}; came {', '.join(header) or 'an empty file'}"
        )


def _row(cells: Sequence[str], columns: Mapping[str, _Column], row_type: type[Row]) -> Row:
    _check_count(cells, len(columns))
    values = [column.read(text) for column, text in zip(columns.values(), cells, strict=True)]
    return row_type(**dict(zip(columns, values, strict=True)))


def _named(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    _check_count(cells, len(names))
    return dict(zip(names, cells, strict=True))


def _check_count(cells: Sequence[str], expected: int) -> None:
    if len(cells) != expected:
        raise ValueError(
            f"expected {expected} values, came {len(cells)}; put a text with commas in quotes"
        )


# ----------------------------------------------------------------------------- columns


@cache
def _columns(row_type: type["DataclassInstance"]) -> Mapping[str, _Column]:
    hints = get_type_hints(row_type, include_extras=True)
    return {name: _column(name, hints[name]) for name in columns_of(row_type)}


def _column(name: str, annotation: object) -> _Column:
    """Return what an annotation says about a column.

    Raises:
        TypeError: No cell holds values of its type.
    """
    given = get_args(annotation)
    if type(None) in given:
        (inner,) = (one for one in given if one is not type(None))
        column = _column(name, inner)
        return _Column(
            lambda value: "" if value is None else column.write(value),
            lambda text: column.read(text) if text else None,
        )
    if get_origin(annotation) is Literal:
        return _Column(str, partial(_read_choice, name, frozenset(given)))
    if get_origin(annotation) is Annotated:
        number = given[1]
        return _Column(
            f"{{:z{number.form}}}".format,
            partial(_read_number, name, infinite=number.infinite),
        )
    if annotation not in _KINDS:
        raise TypeError(f"{name}: expected one of {', '.join(map(str, _KINDS))}; came {annotation}")
    write, read = _KINDS[annotation]
    return _Column(write, partial(read, name))


def _write_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _write_truth(value: object) -> str:
    return "true" if value else "false"


def _read_text(name: str, text: str) -> str:
    if not text or text.isspace():
        raise ValueError(f"expected a value for {name}, came an empty one")
    return text


def _read_choice(name: str, known: frozenset[str], text: str) -> str:
    if text not in known:
        raise ValueError(f"unknown {name} '{text}'; {nearest_known(text, known)}")
    return text


def _read_whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number for {name}, came '{text}'") from None


def _read_number(name: str, text: str, *, infinite: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) or (infinite and not math.isnan(value))):
        what = "a number" if infinite else "a finite number"
        raise ValueError(f"expected {what} for {name}, came '{text}'")
    return value


def _read_truth(name: str, text: str) -> bool:
    if text not in TRUTH:
        raise ValueError(f"expected {name} to be true or false; came '{text}'")
    return TRUTH[text]


_KINDS: Mapping[Any, tuple[Callable[[Any], str], Callable[[str, str], object]]] = {
    str: (str, _read_text),
    int: (str, _read_whole),
    float: (_write_number, _read_number),
    bool: (_write_truth, _read_truth),
}
"""How values of a type are written and read."""
