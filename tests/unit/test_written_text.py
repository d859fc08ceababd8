"""Texts that people wrote with the tools of Windows."""

import codecs
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml

from pipeline.arrays.tables import read_mappings
from pipeline.arrays.written_text import TextError, open_text, read_text
from pipeline.checking.params_file import load_params
from pipeline.checking.params_text import NewEntry
from pipeline.commands import CommandError
from pipeline.commands.params_entries import add_to_params
from pipeline.datasets.catalogue import read_catalogue
from pipeline.literature.papers import SHIPPED, read_papers
from pipeline.recognition.collecting.reading.class_names import read_class_names

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "pipeline" / "catalogue"
TEXT = "grün,dog\r\n1,2\r\n"

Reader = Callable[[Path], object]


def read_toml(path: Path) -> object:
    return read_catalogue(path.parent)


READERS: dict[str, tuple[str, Path | str, Reader]] = {
    "params": ("params.yaml", ROOT / "params.yaml", load_params),
    "classes": ("classes.txt", "grün\ndog\n", lambda path: read_class_names(path, 0, 1)),
    "table": ("table.csv", TEXT, read_mappings),
    "description": ("set5/set.toml", CATALOGUES / "set5" / "set.toml", read_toml),
    "list of files": ("set5/files.csv", CATALOGUES / "set5" / "files.csv", read_toml),
    "papers": ("papers.toml", SHIPPED, read_papers),
}
"""For each text that people write: its name, its content or a file that has it, and its reader."""


def written(folder: Path, kind: str, encoding: str) -> Path:
    name, source, _ = READERS[kind]
    shutil.copytree(CATALOGUES / "set5", folder / "set5")
    text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


@pytest.mark.parametrize("kind", READERS)
def test_a_byte_order_mark_says_nothing(tmp_path: Path, kind: str) -> None:
    plain = written(tmp_path / "plain", kind, "utf-8")
    marked = written(tmp_path / "marked", kind, "utf-8-sig")
    read = READERS[kind][2]

    assert marked.read_bytes().startswith(codecs.BOM_UTF8)
    assert read(marked) == read(plain)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", READERS)
def test_utf_16_is_refused_with_the_way_to_save_it(
    tmp_path: Path, kind: str, encoding: str
) -> None:
    path = written(tmp_path, kind, encoding)

    with pytest.raises(ValueError, match=r"UTF-16, as Notepad.*; save it as UTF-8") as refused:
        READERS[kind][2](path)

    assert str(path) in str(refused.value)


@pytest.mark.parametrize("kind", ["params", "classes", "description"])
def test_a_letter_in_another_encoding_is_refused_with_its_line(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, "utf-8")
    lines = path.read_bytes().count(b"\n")
    with path.open("ab") as file:
        file.write("# für\n".encode("latin-1"))

    with pytest.raises(ValueError, match=rf"line {lines + 1} has a letter in another encoding"):
        READERS[kind][2](path)


def test_dvc_reads_params_with_a_byte_order_mark_too(tmp_path: Path) -> None:
    marked = written(tmp_path, "params", "utf-8-sig")

    assert load_yaml(marked) == load_yaml(ROOT / "params.yaml")


def test_an_entry_is_added_to_params_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path, "params", "utf-8-sig")
    entry = NewEntry(section=("datasets",), name="mine", value={"kind": "folder", "source": "a"})

    add_to_params(path, [entry])

    assert load_params(path).datasets["mine"].source == "a"


def test_an_entry_is_not_added_to_params_in_utf_16(tmp_path: Path) -> None:
    path = written(tmp_path, "params", "utf-16")
    before = path.read_bytes()
    entry = NewEntry(section=("datasets",), name="mine", value={"kind": "folder", "source": "a"})

    with pytest.raises(CommandError, match="save it as UTF-8"):
        add_to_params(path, [entry])

    assert path.read_bytes() == before


def test_ends_of_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(codecs.BOM_UTF8 + TEXT.encode())

    with open_text(path) as file:
        assert file.read() == read_text(path) == TEXT


def test_an_empty_text_is_a_text_and_a_missing_one_is_missing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    assert read_text(tmp_path / "empty") == ""
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        open_text(tmp_path / "none")


def test_an_image_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(TextError, match="line 1 has a letter in another encoding"):
        read_text(tmp_path / "image")
