"""``dvc.lock`` read and written by DVC one entry at a time, byte for byte as it writes the whole.

After every stage DVC parses and writes all of the file, though one entry of it is new: seconds a
stage where there are many. Here it works on that entry alone, and the lines of the others stay.
That is done only where DVC would write the same lines: ``.restore`` keeps the checksums of entries
that went through DVC's reader and writer unchanged. All else is left to DVC itself.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from typing import Any

import ruamel.yaml
from dvc import dvcfile
from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.stage import loader
from dvc.utils import strictyaml
from dvc.utils.serialize import _common, _yaml

_PROVEN = ".restore/dvc.lock.entries"
_HEAD = "schema: '2.0'\nstages:\n"
_NAME = re.compile(r"\n  ([\w.@/-]+):(?=\n)")
_INNER = "\n    "
_FOREIGN = (" #", "\n#", "&id", "*id", "\t", "\r")
"""Comments, which DVC does not write, and what ties entries to each other."""

_RELIED_ON = (dvcfile, loader, strictyaml, _common, _yaml)
_KNOWN = frozenset({"9958a19d2afd7b0b7b5f9cf2c26fa767"})
"""Checksums of the code of these modules with which this was tried: of DVC 3.67.1."""


def split_entries(text: str) -> dict[str, str] | None:
    """Return the lines of each entry by the name of its stage, the line of the name among them.

    Returns:
        None if the text is not laid out as DVC does it, or has more than stages.
    """
    body = text.removeprefix(_HEAD)
    if body == text or not body.endswith("\n") or any(one in body for one in _FOREIGN):
        return None
    names = [*_NAME.finditer(f"\n{body}")]
    is_all = body.count("\n") == len(names) + body.count(_INNER)
    if not names or names[0].start() or not is_all:
        return None
    ends = [*(name.start() for name in names[1:]), len(body)]
    found = {name[1]: body[name.start() : end] for name, end in zip(names, ends, strict=True)}
    return found if len(found) == len(names) else None


@contextmanager
def by_entries() -> Iterator[bool]:
    """Have DVC in this process read and write ``dvc.lock`` by entries.

    Yields:
        Whether it does: not if its code has changed where this relies on it.
    """
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in _RELIED_ON)
    if _checksum(code) not in _KNOWN:
        yield False
        return
    load, dump = Lockfile._load_yaml, Lockfile.dump_stages
    Lockfile._load_yaml, Lockfile.dump_stages = _reading(load), _writing(dump)
    try:
        yield True
    finally:
        Lockfile._load_yaml, Lockfile.dump_stages = load, dump


# ------------------------------------------------------------------------------- to read


class _Read(Mapping[str, Any]):
    """The stages of a ``dvc.lock``, each parsed when it is asked for."""

    def __init__(self, path: str, entries: Mapping[str, str], whole: Callable[[], Any]) -> None:
        self._path = path
        self._entries = entries
        self._whole = whole
        self._parsed: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  (YAML)
        if name not in self._parsed:
            self._parsed[name] = self._parse(self._entries[name], name)
        return self._parsed[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _parse(self, entry: str, name: str) -> Any:  # noqa: ANN401  (YAML)
        try:
            data = _yaml.parse_yaml(_HEAD + entry, self._path)
            return Lockfile.validate(data, self._path)["stages"][name]
        except DvcException:
            return self._whole()[name]  # says what is wrong, and where


def _reading(load: Callable[..., Any]) -> Callable[..., Any]:
    def load_entries(lock: Lockfile, **options: object) -> tuple[Any, str]:
        text = "" if options else _text(lock.path, lock.repo.fs)
        entries = split_entries(text)
        if entries is None:
            whole: tuple[Any, str] = load(lock, **options)
            return whole
        stages = _Read(lock.path, entries, lambda: load(lock)[0]["stages"])
        stages[next(reversed(entries))]  # a file that was cut off lacks a part of the last one
        return {"schema": "2.0", "stages": stages}, text

    return load_entries


# ------------------------------------------------------------------------------ to write


class _Written:
    """The stages of a ``dvc.lock`` as ``Lockfile.dump_stages`` uses them."""

    def __init__(self, path: str, entries: Mapping[str, str]) -> None:
        self._path = path
        self._entries = entries
        self.new: dict[str, Any] = {}

    def get(self, name: str, default: object) -> Any:  # noqa: ANN401  (YAML)
        """Return what the file says of a stage."""
        if name not in self._entries:
            return default
        text = _HEAD + self._entries[name]
        return _yaml.parse_yaml_for_update(text, self._path)["stages"][name]

    def update(self, stages: Mapping[str, Any]) -> None:
        """Take what the file is to say."""
        self.new |= stages


def _writing(dump_stages: Callable[..., None]) -> Callable[..., None]:
    def dump_entries(lock: Lockfile, stages: object, **options: object) -> None:
        dvcfile.modify_yaml = _modify_entries
        try:
            dump_stages(lock, stages, **options)
        finally:
            dvcfile.modify_yaml = _yaml.modify_yaml

    return dump_entries


@contextmanager
def _modify_entries(path: str, fs: Any = None) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Stand in for DVC's ``modify_yaml`` while it writes stages."""
    entries = split_entries(_text(path, fs))
    if entries is None or not _are_proven(path, entries):
        with _yaml.modify_yaml(path, fs=fs) as data:
            yield data
        return
    stages = _Written(path, entries)
    yield {"schema": "2.0", "stages": stages}
    new = split_entries(_yaml.dumps_yaml({"schema": "2.0", "stages": stages.new})) or {}
    if new.keys() == stages.new.keys() and _are_proven(path, entries | new):
        with fs.open(path, "w", encoding="utf-8") as file:
            file.write(_HEAD + "".join((entries | new).values()))
        return
    with _yaml.modify_yaml(path, fs=fs) as data:
        data["stages"].update(stages.new)


def _are_proven(path: str, entries: Mapping[str, str]) -> bool:
    """Tell whether DVC leaves the lines of all entries as they are when it reads and writes."""
    kept = Path(path).parent / _PROVEN
    known: set[str] = set()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        known = set(kept.read_text(encoding="utf-8").split())
    # Another version of the writer may lay them out in another way.
    checksums = {
        name: _checksum(f"{ruamel.yaml.__version__}\n{entry}".encode())
        for name, entry in entries.items()
    }
    new = {name: entry for name, entry in entries.items() if checksums[name] not in known}
    if not new:
        return True
    data = _yaml.parse_yaml_for_update(_HEAD + "".join(new.values()), path)
    again = split_entries(_yaml.dumps_yaml(data)) or {}
    changed = {name for name, entry in new.items() if again.get(name) != entry}
    with contextlib.suppress(OSError):  # they will be proven again
        kept.parent.mkdir(exist_ok=True)
        proven = [checksums[name] for name in entries if name not in changed]
        kept.write_text("\n".join(proven), encoding="utf-8")
    return not changed


def _text(path: str, fs: Any) -> str:  # noqa: ANN401
    """Return what a file says; nothing if DVC would complain of it."""
    try:
        with fs.open(path, encoding="utf-8") as file:
            text: str = file.read()
    except (OSError, UnicodeDecodeError):
        return ""
    return text


def _checksum(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()
