"""Small files of ours beside what DVC keeps in a remote: requests, records, checkpoints."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc_objects.fs.base import FileSystem, ObjectFileSystem

_FOLDER = "restore"


class RemoteStore:
    """A folder ``restore`` of a DVC remote; DVC's own way leads there, credentials included.

    Args:
        fs: DVC's file system of the remote.
        base: Path of the remote in it.
    """

    def __init__(self, fs: FileSystem, base: str) -> None:
        self._fs = fs
        self._base = base
        self._has_folders = not isinstance(fs, ObjectFileSystem)

    def put(self, name: str, content: bytes) -> None:
        """Write a file; who reads it meanwhile has the old one or the new one."""
        with self._whole(name) as path:
            self._fs.pipe_file(path, content)

    def send(self, file: Path, name: str) -> None:
        """Copy a file of this machine into the store, as ``put`` does."""
        with self._whole(name) as path:
            self._fs.put_file(str(file), path)

    def fetch(self, name: str, file: Path) -> None:
        """Copy a file of the store to this machine, where it is whole or absent."""
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        self._fs.get_file(self._path(name), str(unfinished))
        unfinished.replace(file)

    @contextlib.contextmanager
    def _whole(self, name: str) -> Iterator[str]:
        """Yield where to write a file that is to be there whole or not at all."""
        path = self._path(name)
        self._fs.makedirs(self._fs.parent(path), exist_ok=True)
        if not self._has_folders:  # an object comes whole
            yield path
            return
        unfinished = f"{path}.{secrets.token_hex(4)}"
        yield unfinished
        self._fs.move(unfinished, path)

    def get(self, name: str) -> bytes | None:
        """Return the content of a file, None if there is none."""
        try:
            content: bytes = self._fs.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        return content

    def put_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write values that JSON can hold."""
        self.put(name, json.dumps(value).encode())

    def get_json(self, name: str) -> dict[str, Any] | None:
        """Return what ``put_json`` wrote, None if there is none."""
        content = self.get(name)
        if content is None:
            return None
        value: dict[str, Any] = json.loads(content)
        return value

    def list(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder."""
        with contextlib.suppress(FileNotFoundError):
            found = self._fs.find(self._path(folder))
            return sorted(self._fs.name(path) for path in found)
        return []

    def remove(self, folder: str) -> None:
        """Delete a folder with its files, if it is there."""
        for name in self.list(folder):
            with contextlib.suppress(FileNotFoundError):
                self._fs.remove(self._path(f"{folder}/{name}"))
        if self._has_folders:
            with contextlib.suppress(Exception):  # another one writes into it, or it is gone
                self._fs.rm(self._path(folder))

    def probe(self) -> None:
        """Write a small file, read it and delete it.

        Raises:
            Exception: Of the file system, or of what it leaves out, whatever it is.
        """
        folder = f"probe-{secrets.token_hex(8)}"
        self.put(f"{folder}/file", b"restore")
        if self.get(f"{folder}/file") != b"restore":
            raise OSError("a file that was written there does not come back")
        self.remove(folder)

    def _path(self, name: str) -> str:
        path: str = self._fs.join(self._base, _FOLDER, *name.split("/"))
        return path
