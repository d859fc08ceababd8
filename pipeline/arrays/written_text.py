"""Texts that people write: UTF-8, with or without the mark that Windows puts before it."""

import codecs
from pathlib import Path
from typing import TextIO

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextError(ValueError):
    """A file is no text in UTF-8; the message says how to save it, without the name of the file."""


def read_text(path: Path) -> str:
    """Return a text that a person wrote, its ends of lines as they are and its mark left out.

    Raises:
        OSError: The file cannot be read.
        TextError: It is in another encoding.
    """
    content = path.read_bytes()
    _refuse_utf_16(content[:2])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TextError(
            f"line {line} has a letter in another encoding than UTF-8; save it as UTF-8"
        ) from error


def open_text(path: Path) -> TextIO:
    """Open a text that a person wrote, to be read line by line; ends of lines stay as they are.

    Raises:
        OSError: The file cannot be read.
        TextError: It is in UTF-16.
    """
    with path.open("rb") as file:
        _refuse_utf_16(file.read(2))
    return path.open(encoding="utf-8-sig", newline="")


def _refuse_utf_16(start: bytes) -> None:
    # A text that begins with a letter of Latin has a zero beside it, with or without a mark.
    if start in _MARKS or b"\0" in start:
        raise TextError(
            "it is in UTF-16, as Notepad's 'Unicode' or PowerShell's '>' write it; save it as "
            "UTF-8 (in PowerShell: `... | Out-File -Encoding utf8 FILE`)"
        )
