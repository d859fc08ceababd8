"""Read PyTorch's own files with its restricted unpickler: nothing in them is executed.

Beside the weights a training script may keep objects of anybody's code, which the restricted
unpickler refuses together with the weights. Each class and function that it does not know gets a
stand-in, which takes whatever it is given and keeps nothing; no real one is ever allowed.
"""

import pickle
import pickletools
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import torch

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.limits import LARGEST_FILE

_ZIP = b"PK\x03\x04"

_LEGACY_PICKLES = 4
"""A file of before torch 1.6 is a magic number, a version, facts of the machine, the content."""

_COMMANDS = ("__builtin__", "builtins", "nt", "os", "posix", "runpy", "shutil", "subprocess", "sys")
"""Modules of which no network is made: with these, no advice is given on how to load the file."""

_TYPES = ("bool", "bytearray", "complex", "dict", "float", "int", "list", "object", "set", "slice")


class StandIn:
    """What a file's object of unknown code becomes: nothing but the name of its class."""

    name = ""

    def __new__(cls, *_arguments: object) -> "StandIn":
        """Take any arguments; both ways of pickling objects call this."""
        return super().__new__(cls)

    def __init__(self, *_arguments: object) -> None:
        """Take any arguments, and keep none."""

    def __setstate__(self, _state: object) -> None:
        """Take any state, and keep none."""


def read_torch(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return what ``torch.save`` wrote, and the names of unknown code in it, which has not run.

    Args:
        path: The file, zipped or of before torch 1.6; an object of unknown code in it is a
            ``StandIn``.

    Raises:
        ForeignWeightsError: It is damaged, is another kind of file of PyTorch, or holds code that
            the restricted unpickler refuses.
    """
    try:
        named = _names_in(path)
    except ForeignWeightsError:
        raise
    except Exception as error:  # a damaged file may raise anything in the readers
        raise _damaged(path, error) from error
    stand_ins: list[Any] = [(_stand_in(name), name) for name in named]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ForeignWeightsError(f"{path}: {why_refused(path, named)}") from error
    except Exception as error:  # again
        raise _damaged(path, error) from error
    return content, tuple(name for name in named if not _is_of_tensors(name))


def why_refused(path: Path, named: Iterable[str], keys: str | None = None) -> str:
    """Say why a pickle of code is not loaded, and how its owner gets the weights out of it.

    Args:
        path: The file.
        named: Names of the code in it, in its order.
        keys: Where in the file the model lies, as Python writes it; None where nobody knows.
    """
    foreign = [name for name in named if not _is_of_tensors(name)]
    if not foreign:
        # Torch's own words say how to switch its protection off: not to be repeated.
        return (
            "expected a state dict, tensors by name; came a damaged file (download it again?) or a "
            "pickle of something else, which is never executed here"
        )
    commands = [name for name in foreign if name.partition(".")[0] in _COMMANDS]
    came = (
        "expected a state dict, tensors by name; came a pickle that wants to call "
        f"{(commands or foreign)[0]}: a whole model or other code, which is never executed here"
    )
    if commands or not any(name.startswith("torch.nn.") for name in named):
        return f"{came}. If you trust it, load it with its authors' code and save " + (
            "model.state_dict() instead"
        )
    load = f"model = torch.load({path.name!r}, map_location='cpu', weights_only=False)"
    load += "  # or the entry of it that is the model" if keys is None else keys
    return (
        f"{came}. Where its authors' code is installed, on a machine that may run whatever the "
        f"file says, save model.state_dict() instead:\n{_lines(path, load)}"
    )


def _lines(path: Path, load: str, state_dict: str = "model.state_dict()") -> str:
    to = f"{path.stem}_state_dict.pth"
    return f"    import torch\n    {load}\n    torch.save({state_dict}, {to!r})"


def _damaged(path: Path, error: Exception) -> ForeignWeightsError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ForeignWeightsError(
        f"{path}: not a state dict, or damaged (download it again?): {first}"
    )


# -------------------------------------------------------------------------- names of code


def _names_in(path: Path) -> tuple[str, ...]:
    """Return the names of all code that a file refers to, in its order."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            file.seek(0)
            return _names_in_pickles(file, _LEGACY_PICKLES)
    with ZipFile(path) as archive:
        _check_kind(path, archive)
        pickled = min((n for n in archive.namelist() if n.endswith("data.pkl")), key=len)
        with archive.open(pickled) as record:
            return _names_in_pickles(record, 1)


def _names_in_pickles(file: IO[bytes], pickles: int) -> tuple[str, ...]:
    names: dict[str, None] = {}
    try:
        for _ in range(pickles):
            for operation, argument, _ in pickletools.genops(file):
                if operation.name == "GLOBAL":
                    names[_today(*str(argument).split(" ", 1))] = None
    except ValueError:
        pass  # damaged: torch says so
    return tuple(names)


def _today(module: str, name: str = "") -> str:
    """Return the name that Python 3 has for what may be one of Python 2, as torch does."""
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


def _is_of_tensors(name: str) -> bool:
    """Tell whether a name stands for a part of a tensor, or for a plain type."""
    module, _, last = name.rpartition(".")
    return (
        (module in {"torch", "torch._utils", "torch._tensor", "torch.nn.parameter"})
        or name in {"collections.OrderedDict", "torch.serialization._get_layout", "_codecs.encode"}
        or (module == "builtins" and last in _TYPES)
    )


def _stand_in(name: str) -> Any:  # noqa: ANN401  (a class, or a function)
    if name == "collections.defaultdict":  # the one that torch fills item by item
        return lambda *_arguments: OrderedDict()
    return type(name, (StandIn,), {"name": name})


# ------------------------------------------------------------------------- kinds of files


def _check_kind(path: Path, archive: ZipFile) -> None:
    """Refuse archives that are no pickle of ``torch.save``, and those that unpack to far more."""
    size = sum(record.file_size for record in archive.infolist())
    if size > LARGEST_FILE:
        raise ForeignWeightsError(
            f"{path}: expected at most {LARGEST_FILE >> 20} MiB of weights, came an archive that "
            f"unpacks to {size >> 20} MiB"
        )
    records = {name.partition("/")[2] for name in archive.namelist()}
    if "constants.pkl" in records:
        load = f"model = torch.jit.load({path.name!r}, map_location='cpu')"
        raise ForeignWeightsError(
            f"{path}: expected a state dict, tensors by name; came a TorchScript program, which "
            "is never executed here. On a machine that trusts it, save its weights instead:\n"
            f"{_lines(path, load)}"
        )
    if records & {"archive_format", "models/model.json"} or any(
        "serialized_exported_program.json" in name for name in archive.namelist()
    ):
        load = f"program = torch.export.load({path.name!r})"
        raise ForeignWeightsError(
            f"{path}: expected a state dict, tensors by name; came a program of torch.export, "
            "which is never executed here. On a machine that trusts it, save its weights "
            f"instead:\n{_lines(path, load, 'dict(program.state_dict)')}"
        )
    if "data.pkl" not in records:
        inside = ", ".join(archive.namelist()[:4]) or "nothing"
        raise ForeignWeightsError(
            f"{path}: expected a PyTorch state dict; came an archive that holds {inside}: if the "
            "weights are in it, unpack it first"
        )
