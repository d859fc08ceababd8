"""Entries that a command writes into ``params.yaml``, whose other lines stay as they are."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import CommandError

if TYPE_CHECKING:
    from pipeline.checking.params_text import NewEntry


def text_with(path: Path, entries: "Iterable[NewEntry]") -> str:
    """Return what ``params.yaml`` says with more entries, once that is known to be valid.

    Args:
        path: The file; it is not written.
        entries: What to add.

    Raises:
        CommandError: An entry cannot be added, or the reader of the file would refuse the result.
    """
    from tempfile import TemporaryDirectory

    from pipeline.arrays.written_text import TextError, read_text
    from pipeline.checking.params_file import ParamsError, load_params
    from pipeline.checking.params_text import ParamsTextError, add_entries

    with TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        try:
            text = add_entries(read_text(path), entries)
            trial.write_bytes(text.encode("utf-8"))
            load_params(trial)
        except ParamsError as error:
            reason = str(error).replace(str(trial), "it would make a params.yaml that")
            raise CommandError(reason) from error
        except ParamsTextError as error:
            raise CommandError(f"{path.name}: {error}") from error
        except TextError as error:
            raise CommandError(f"{path}: expected YAML, but {error}") from error
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {error}") from error
    return text


def add_to_params(path: Path, entries: "Iterable[NewEntry]") -> None:
    """Write entries into ``params.yaml``, if the result is valid.

    Raises:
        CommandError: It would not be; the file is as it was.
    """
    from pipeline.running.outputs import new_file

    text = text_with(path, entries)
    with new_file(path) as unfinished:
        unfinished.write_bytes(text.encode("utf-8"))
