"""What ``dvc.lock`` records: stages as they last ran, and which of them each follows from."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, md5
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.graph.lock_file import LOCK

_FOLDER = ".dir"
"""How the checksum of a folder ends: it is that of the list of its files."""


class RecordError(ValueError):
    """There is no record of stages, or it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class RecordedStage:
    """One stage as it last ran; paths are relative to the project.

    Args:
        name: As ``dvc repro`` takes it.
        command: What ran.
        params: Values of ``params.yaml``, by their keys with dots.
        reads: MD5 of each file and folder that it read, its code among them.
        writes: MD5 of each output.
    """

    name: str
    command: str
    params: Mapping[str, Any]
    reads: Mapping[str, str]
    writes: Mapping[str, str]

    @property
    def sources(self) -> list[str]:
        """Return what it read that its command names: data, and no code."""
        words = shlex.split(self.command)
        return [path for path in self.reads if path in words]


@dataclass(frozen=True, kw_only=True)
class Origins:
    """What a stage follows from.

    Args:
        stages: Those that wrote what it read, each once.
        others: How many more wrote into a folder that it read, which its settings do not name.
        replaced: Inputs that were written anew since it read them.
    """

    stages: Sequence[str]
    others: Mapping[str, int]
    replaced: Sequence[str]


def read_recorded(root: Path) -> dict[str, RecordedStage]:
    """Return the stages of a project that ran, by name.

    Raises:
        RecordError: There is no ``dvc.lock``, or it is not whole.
    """
    path = root / LOCK
    try:
        stages = YAML(typ="safe").load(path)["stages"]
        return {name: _stage(name, entry) for name, entry in stages.items()}
    except FileNotFoundError as error:
        raise RecordError(
            f"{LOCK}: no such file, so nothing has run yet; run 'dvc repro'"
        ) from error
    except (OSError, YAMLError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{LOCK}: expected the record of stages that DVC writes, but {error}; `restore plan` "
            "mends one that is not whole"
        ) from error


def _stage(name: str, entry: Mapping[str, Any]) -> RecordedStage:
    return RecordedStage(
        name=name,
        command=entry["cmd"],
        params={
            key: value for file in entry.get("params", {}).values() for key, value in file.items()
        },
        reads={one["path"]: one["md5"] for one in entry.get("deps", [])},
        writes={one["path"]: one["md5"] for one in entry.get("outs", [])},
    )


def makers_of(path: str, stages: Mapping[str, RecordedStage]) -> dict[str, str]:
    """Return which stage wrote a path, or wrote what is in it: names by outputs.

    Args:
        path: Relative to the project.
        stages: All that ran.
    """
    return {
        out: stage.name
        for stage in stages.values()
        for out in stage.writes
        if _is_in(path, out) or _is_in(out, path)
    }


def last_of(names: Iterable[str], stages: Mapping[str, RecordedStage]) -> list[str]:
    """Return those of some stages whose outputs no other one of them reads."""
    several = list(names)
    needed = {origin for name in several for origin in origins_of(stages[name], stages).stages}
    return [name for name in several if name not in needed]


def origins_of(stage: RecordedStage, stages: Mapping[str, RecordedStage]) -> Origins:
    """Return what a stage follows from.

    A folder that several stages write into is read for some of them mostly, a data set among all
    for example: where the command or the values of the stage name any, the others are counted.

    Args:
        stage: One of ``stages``.
        stages: All that ran.
    """
    named = {*shlex.split(stage.command), *_words(stage.params)}
    found: dict[str, None] = {}
    others: dict[str, int] = {}
    replaced = []
    for path, checksum in stage.reads.items():
        makers = makers_of(path, stages)
        chosen = {out: name for out, name in makers.items() if PurePosixPath(out).stem in named}
        if path in makers:
            chosen = makers
            if stages[makers[path]].writes[path] != checksum:
                replaced.append(path)
        elif chosen and len(chosen) < len(makers):
            others[path] = len(makers) - len(chosen)
        found |= dict.fromkeys((chosen or makers).values())
    return Origins(stages=list(found), others=others, replaced=replaced)


def recorded_checksum(cache: Path, out: str, checksum: str, path: str) -> str | None:
    """Return the MD5 that a file had when its stage wrote it.

    Args:
        cache: Folder of DVC's cache.
        out: Output that is the file, or the folder that it is in.
        checksum: Of the output.
        path: The file.

    Returns:
        None if that is not known any more, an empty text if the stage wrote no such file.
    """
    if out == path:
        return None if checksum.endswith(_FOLDER) else checksum
    listing = cache / "files" / "md5" / checksum[:2] / checksum[2:]
    try:
        files = json.loads(listing.read_text(encoding="utf-8"))
        known = {one["relpath"]: str(one["md5"]) for one in files}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known.get(str(PurePosixPath(path).relative_to(out)), "")


def checksum_of(path: Path) -> str:
    """Return the MD5 of a file, as DVC has it.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, partial(md5, usedforsecurity=False)).hexdigest()


def _is_in(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


def _words(value: object) -> Iterator[str]:
    """Yield all texts in nested values, their keys among them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value
