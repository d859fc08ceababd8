"""A workspace beside the main line, in which a changed experiment is run with DVC.

It has a copy of the code, a ``params.yaml`` of its own, and the cache of the main line: what that
has computed is taken from there, and what is computed here is there for the main line later.
Nothing of the main line is written but its cache and, by the tracker, its record of runs.
"""

import configparser
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from pipeline.datasets.at_hand import CHECKSUMS, DOWNLOADS
from pipeline.datasets.mirror import MIRROR_VARIABLE, is_url
from pipeline.graph import dag
from pipeline.graph.supervise import Children
from pipeline.running.environment import child_environment
from pipeline.running.outputs import new_file

CODE = ("pipeline", "stages")
"""Folders that are copied, so that an edit of the main line does not change a try that runs."""

_FILES = ("dvc.yaml", "pyproject.toml", ".dvcignore", ".dvc/config")

_STATE = ".restore"

_ERRORS = 2
"""Descriptor of the standard error output."""


class TrialBusyError(RuntimeError):
    """The same try is just being run, or removed."""


class TrialSourceError(ValueError):
    """A source of the main line cannot be reached from a workspace."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a workspace is for.

    Args:
        name: Of the changed experiment, and of the workspace.
        experiment: What was changed.
        changes: How, as they were asked for.
        entries: Those of ``params.yaml`` that it needs: values by name, by section.
        result: What came of it in a few words; None until it has run.
    """

    name: str
    experiment: str
    changes: tuple[str, ...]
    entries: Mapping[str, Mapping[str, Any]]
    result: str | None = None


class TrialWorkspace:
    """The workspace of one try.

    Args:
        root: Folder of the main project.
        name: Of the try.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.folder = _home(root) / name
        self.project = self.folder / "project"
        self._card = self.folder / "try.json"

    @classmethod
    def all(cls, root: Path) -> list[Self]:
        """Return the workspaces of a project, by name."""
        cards = sorted(_home(root).glob("*/try.json"))
        return [cls(root, card.parent.name) for card in cards]

    def read(self) -> Trial | None:
        """Return what the workspace is for; None if there is none."""
        try:
            known = json.loads(self._card.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Trial(**{**known, "changes": tuple(known["changes"])})

    def write(self, trial: Trial) -> None:
        """Note what the workspace is for."""
        with new_file(self._card) as file:
            file.write_text(json.dumps(asdict(trial), indent=2) + "\n", encoding="utf-8")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the same try from being run twice at once.

        Raises:
            TrialBusyError: Somebody is at it.
        """
        _home(self.root).mkdir(parents=True, exist_ok=True)
        # Beside the workspace, which may be removed meanwhile.
        lock = FileLock(_home(self.root) / f".{self.folder.name}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise TrialBusyError(
                f"the try {self.folder.name} is busy: another command is at work on it; wait for "
                "it, or stop it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def prepare(self, params: str) -> None:
        """Make the workspace, or bring it up to date with the main line.

        Args:
            params: Text of its ``params.yaml``.

        Raises:
            GraphError: DVC cannot read the main project.
            TrialSourceError: Its stages read what a workspace has no place for.
            OSError: Something cannot be written.
        """
        sources = [one for one in dag.read_sources(self.root) if not Path(one).is_absolute()]
        self._refuse_unreachable(sources)
        cache = dag.read_cache_folder(self.root)
        for code in CODE:
            _mirror(self.root / code, self.project / code)
        for file in _FILES:
            _copy(self.root / file, self.project / file)
        if not (self.project / "dvc.lock").exists():
            _copy(self.root / "dvc.lock", self.project / "dvc.lock")
        (self.project / "params.yaml").write_bytes(params.encode("utf-8"))
        _configure(self.root / ".dvc", self.project / ".dvc", cache)
        # What is remembered of this machine, and the locks of the tracker, are those of all.
        _link(self.root / _STATE, self.project / _STATE)
        _lend(self.root / DOWNLOADS, self.project / DOWNLOADS)
        for recorded in (self.root / CHECKSUMS).glob("*.*"):
            _copy(recorded, self.project / CHECKSUMS / recorded.name)
        for source in sources:
            place = self.project / source
            if not place.exists() and (self.root / source).exists():
                _link((self.root / source).resolve(), place)

    def run(self, stages: list[str], environment: Mapping[str, str]) -> int:
        """Bring stages of the workspace up to date, their output before everybody's eyes.

        However this process ends, what it started is asked to stop and to write a checkpoint.

        Args:
            stages: Names, as ``dvc repro`` takes them.
            environment: Variables to add to those of a child.

        Returns:
            The exit code of DVC.
        """
        command = [sys.executable, "-m", "pipeline.graph.unhurried_dvc", "repro", *stages]
        with Children() as children:
            process = children.start(
                command,
                cwd=self.project,
                environment=child_environment() | self._places() | {**environment},
                output=_ERRORS,
            )
            return process.wait()

    def remove(self) -> None:
        """Delete the workspace; what it computed stays in the cache."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _refuse_unreachable(self, sources: list[str]) -> None:
        for source in sources:
            place = Path(os.path.normpath(self.project / source))
            if not place.is_relative_to(self.folder):
                raise TrialSourceError(
                    f"{source}: expected a source in the project, one folder above it, or an "
                    "absolute path: a try has no other place to find it from; write its absolute "
                    "path into params.yaml"
                )

    def _places(self) -> dict[str, str]:
        """Return the variables whose paths are meant from the main project."""
        tracker = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
        scheme, colon, path = tracker.partition("sqlite:///")
        if colon and not scheme:
            tracker = f"sqlite:///{self.root / path}"
        elif "://" not in tracker:
            tracker = str(self.root / tracker)
        found = {"MLFLOW_TRACKING_URI": tracker}
        mirror = os.environ.get(MIRROR_VARIABLE)
        if mirror and not is_url(mirror):
            found[MIRROR_VARIABLE] = str(self.root / mirror)
        return found


def _home(root: Path) -> Path:
    return root / _STATE / "tries"


# ---------------------------------------------------------------------- files of a workspace


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        # With its date: DVC looks into a file again when that has changed.
        shutil.copy2(source, target)


def _mirror(source: Path, target: Path) -> None:
    """Make a folder of code like another one."""
    there = {
        path.relative_to(source): path
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for path in list(target.rglob("*")):
        if path.is_file() and path.relative_to(target) not in there:
            path.unlink()
    for name, path in there.items():
        if not _is_same(path, target / name):
            _copy(path, target / name)


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether a copy is as old and as large as its original."""
    if not other.is_file():
        return False
    first, second = one.stat(), other.stat()
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)


def _link(source: Path, target: Path) -> None:
    if not target.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.absolute(), target_is_directory=source.is_dir())


def _lend(source: Path, target: Path) -> None:
    """Let a workspace use finished downloads: they are only ever replaced, never written to."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        place = target / path.name
        if path.is_file() and not path.name.startswith(".") and not place.exists():
            try:
                place.hardlink_to(path)
            except OSError:  # another file system, or one without such links
                shutil.copy2(path, place)


def _configure(main: Path, here: Path, cache: Path) -> None:
    """Tell DVC to use the cache of the main line, and to leave Git alone."""
    config = configparser.ConfigParser(interpolation=None)
    with contextlib.suppress(OSError):
        config.read_string((main / "config.local").read_text(encoding="utf-8"))
    for section, key, value in (
        ("cache", "dir", str(cache.absolute())),
        # The workspace lies in a folder that Git ignores, where DVC would refuse to work.
        ("core", "no_scm", "true"),
        ("core", "autostage", "false"),
    ):
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, key, value)
    here.mkdir(parents=True, exist_ok=True)
    with (here / "config.local").open("w", encoding="utf-8") as file:
        config.write(file)
