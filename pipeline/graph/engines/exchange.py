"""What machines that share a DVC remote tell one another through it, stage by stage.

As ``python -m pipeline.graph.engines.exchange ACTION ...`` in a project: ``lend``, ``take`` and
``drop`` on the machine that leads, ``prepare``, ``send`` and ``keep`` on the one that computes.
Content goes where DVC has it, so that ``dvc pull`` finds it, and a stage's result into the
run-cache too, so that ``dvc repro --pull`` does; requests, records and checkpoints go into a folder
of ours.

DVC's own commands do not do: ``repro --pull`` copies the whole run-cache each time, and neither it
nor ``push --run-cache`` carries outputs that Git keeps, such as metrics.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import _can_hash, _get_stage_hash
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile
from ruamel.yaml import YAML

from pipeline.graph import dag
from pipeline.graph.engines.addresses import without_password
from pipeline.graph.engines.guard import heed_guard
from pipeline.graph.engines.remote_store import RemoteStore
from pipeline.graph.lock_entries import by_entries
from pipeline.graph.lock_file import LOCK
from pipeline.running.passing import MAY_PASS, PassingError

_CHECKPOINTS = "--checkpoints"
"""Option of a stage's command that names the folder of its checkpoints."""


class ExchangeError(RuntimeError):
    """Something cannot go to the other machine, or come from there."""


class TransferError(ExchangeError, PassingError):
    """The remote did not take or give all that was asked for."""


# -------------------------------------------------------------- on the machine that leads


def check(root: Path) -> None:
    """See that the remote can be written and read.

    Raises:
        ExchangeError: There is none, or it cannot be.
    """
    with _open(root) as repo:
        store = _store(repo)
        try:
            store.probe()
        except Exception as error:  # of whichever client DVC has for this kind of remote
            name = repo.cloud.get_remote(command="push").name
            raise ExchangeError(
                f"the DVC remote '{name}' cannot be written and read: {_explain(error)}; see its "
                "address (`dvc remote list`), and the credentials of this machine"
            ) from error


def lend(root: Path, name: str, key: str) -> None:
    """Put what a stage reads into the remote, with a request that says what it is.

    Args:
        root: Folder of the project.
        name: Of the stage; those that it needs are up to date, but for what it gathers.
        key: Of the request.
    """
    with _open(root) as repo:
        entries, content = {}, []
        with repo.lock:  # whoever takes a result is writing the lock file
            for needed in repo.index.graph.successors(_find(repo, name)):
                if not all(out.exists for out in needed.outs):
                    continue
                if not isinstance(needed, PipelineStage):  # its file is in Git
                    content.append(needed)
                elif all(out.hash_info for out in needed.outs):
                    entries[needed.name] = to_single_stage_lockfile(needed)
                    content.append(_cached(repo, needed))
        for one in content:
            _push(repo, one)
        _store(repo).put_json(f"{key}/request.json", entries)


def take(root: Path, name: str, key: str) -> None:
    """Take the result of a stage from the remote; nothing is computed.

    Raises:
        ExchangeError: There is none, or it is not one of the stage as it is here.
    """
    with _open(root) as repo:
        store = _store(repo)
        entry = store.get_json(f"{key}/record.json")
        if entry is None:
            raise ExchangeError(
                f"the worker says that {name} is done, but the remote of this machine has no "
                "record of it: expected the same remote on both"
            )
        found = repo.stage_cache._create_stage(entry)
        _pull(repo, found)
        with repo.lock, _finishing(), by_entries():
            stage = _find(repo, name)
            _check_out(found, stage)
            StageLoader.fill_from_lock(stage, entry)
            stage.dump(update_pipeline=False)
            repo.stage_cache.save(stage)
        store.remove(key)
    reasons = dag.why_stale(root, [name])[name]
    if reasons:
        raise ExchangeError(
            f"what the worker sent is not the result of {name} as it is here: "
            f"{', '.join(reasons)}; expected the same files on both machines"
        )


def drop(root: Path, key: str) -> None:
    """Delete the request of a stage that came to nothing, with what workers answered."""
    with _open(root) as repo:
        _store(repo).remove(key)


# ---------------------------------------------------------- on the machine that computes


def prepare(root: Path, name: str, key: str) -> None:
    """Take what a stage reads from the remote, and what is known of its result already.

    Raises:
        ExchangeError: The request is not there.
    """
    with _open(root) as repo:
        entries = _store(repo).get_json(f"{key}/request.json")
    if entries is None:
        raise ExchangeError(
            "the remote of this machine has no such request: expected the remote that the head "
            "has; see `dvc remote list` on both"
        )
    with (root / LOCK).open("w", encoding="utf-8") as file:
        YAML().dump({"schema": "2.0", "stages": entries}, file)
    with _open(root) as repo:
        stage = _find(repo, name)
        for needed in repo.index.graph.successors(stage):
            if not isinstance(needed, PipelineStage):
                repo.pull(needed.path_in_repo)
            elif needed.name in entries:
                found = repo.stage_cache._create_stage(entries[needed.name])
                _pull(repo, found)
                _check_out(found, needed)
        _take_known_result(repo, stage)
        _take_checkpoints(repo, root, stage)


def send(root: Path, name: str, key: str) -> None:
    """Put the result of a stage into the remote, with a record; its checkpoints go."""
    with _open(root) as repo:
        stage = _find(repo, name)
        entry = to_single_stage_lockfile(stage)
        _push(repo, _cached(repo, stage))
        if _can_hash(stage):
            runs = Path(repo.stage_cache._get_cache_dir(_get_stage_hash(stage)))
            remote = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
            for run in runs.iterdir():
                into = remote.fs.join(remote.path, "runs", runs.parent.name, runs.name, run.name)
                remote.fs.makedirs(remote.fs.parent(into), exist_ok=True)
                remote.fs.put_file(str(run), into)
        store = _store(repo)
        store.put_json(f"{key}/record.json", entry)
        for folder in _checkpoint_folders(stage):
            store.remove(f"checkpoints/{folder}")


def keep(root: Path, name: str) -> None:
    """Put the checkpoints of a stage into the remote."""
    with _open(root) as repo:
        store = _store(repo)
        for folder in _checkpoint_folders(_find(repo, name)):
            for file in sorted((root / folder).glob("*.pt")):
                store.send(file, f"checkpoints/{folder}/{file.name}")


def _take_checkpoints(repo: Repo, root: Path, stage: PipelineStage) -> None:
    store = _store(repo)
    for folder in _checkpoint_folders(stage):
        for name in store.list(f"checkpoints/{folder}"):
            if name.endswith(".pt"):
                store.fetch(f"checkpoints/{folder}/{name}", root / folder / name)


def _checkpoint_folders(stage: PipelineStage) -> list[str]:
    words = shlex.split(stage.cmd) if isinstance(stage.cmd, str) else []
    return [folder for option, folder in pairwise(words) if option == _CHECKPOINTS]


def _take_known_result(repo: Repo, stage: PipelineStage) -> None:
    """Take the result of a stage that another machine has made, so that DVC finds it here."""
    stage.save_deps()
    if not _can_hash(stage):
        return
    remote = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
    runs = Path(repo.stage_cache._get_cache_dir(_get_stage_hash(stage)))
    theirs = remote.fs.join(remote.path, "runs", runs.parent.name, runs.name)
    if remote.fs.exists(theirs):
        runs.mkdir(parents=True, exist_ok=True)
        for run in remote.fs.find(theirs):
            remote.fs.get_file(run, str(runs / remote.fs.name(run)))
        _pull(repo, repo.stage_cache._create_stage(repo.stage_cache._load(stage)))


# ------------------------------------------------------------------------ shared by both


@contextmanager
def _open(root: Path) -> Iterator[Repo]:
    with Repo(str(root), _wait_for_lock=True) as repo:
        yield repo


@contextmanager
def _finishing() -> Iterator[None]:
    """Let SIGTERM wait for the end of the block, which writes DVC's lock file in place."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if came:
            signal.raise_signal(signal.SIGTERM)


def _store(repo: Repo) -> RemoteStore:
    remote = repo.cloud.get_remote(command="push")
    return RemoteStore(remote.fs, remote.path)


def _find(repo: Repo, name: str) -> PipelineStage:
    for stage in repo.index.stages:
        if getattr(stage, "name", None) == name:
            return stage
    raise ExchangeError(f"{name}: no such stage in dvc.yaml; is the other machine at this commit?")


def _cached(repo: Repo, stage: PipelineStage) -> PipelineStage:
    """Return a stage whose outputs are all in DVC's cache, those that Git keeps too."""
    found = repo.stage_cache._create_stage(to_single_stage_lockfile(stage))
    kept_by_git = _kept_by_git(stage)
    with repo.stage_cache._cache_type_copy():
        for out in found.outs:
            if out.def_path in kept_by_git:
                out.commit()
    return found


def _check_out(found: PipelineStage, stage: PipelineStage) -> None:
    """Put the outputs in their places; those that Git keeps become files of their own."""
    kept_by_git = _kept_by_git(stage)
    for out in found.outs:
        if out.def_path not in kept_by_git:
            out.checkout(force=True)
    with found.repo.stage_cache._cache_type_copy():
        for out in found.outs:
            if out.def_path in kept_by_git:
                out.checkout(force=True)


def _kept_by_git(stage: PipelineStage) -> set[str]:
    return {out.def_path for out in stage.outs if not out.use_cache}


def _push(repo: Repo, stage: PipelineStage) -> None:
    for objects in stage.get_used_objs().values():
        failed = repo.cloud.push(objects).failed
        if failed:
            raise TransferError(f"{len(failed)} file(s) could not be put into the remote")


def _pull(repo: Repo, stage: PipelineStage) -> None:
    for objects in stage.get_used_objs().values():
        failed = repo.cloud.pull(objects).failed
        if failed:
            raise TransferError(f"{len(failed)} file(s) could not be taken from the remote")


_ACTIONS: Mapping[str, Any] = {
    "check": check,
    "lend": lend,
    "take": take,
    "drop": drop,
    "prepare": prepare,
    "send": send,
    "keep": keep,
}


def main(arguments: list[str] | None = None) -> int:
    """Do one action in the current folder; say in one line what went wrong.

    Returns:
        ``MAY_PASS`` where the remote failed, 1 where anything else did.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.graph.engines.exchange")
    parser.add_argument("action", choices=_ACTIONS)
    parser.add_argument("words", nargs="*", metavar="STAGE KEY")
    options = parser.parse_args(arguments)
    heed_guard()
    try:
        _ACTIONS[options.action](Path.cwd(), *options.words)
    except (ExchangeError, dag.GraphError) as error:
        sys.stderr.write(f"{error}\n")
        return MAY_PASS if isinstance(error, PassingError) else 1
    except Exception as error:  # of whichever client DVC has for this kind of remote
        sys.stderr.write(f"the DVC remote: {_explain(error)}\n")
        # What follows on the check uses a remote that could be used when the run began.
        return 1 if options.action == "check" else MAY_PASS
    return 0


def _explain(error: BaseException) -> str:
    """Return what is wrong in one line, without any secret that an address may carry."""
    said = [str(error) or type(error).__name__]
    cause = error.__cause__
    if isinstance(error, DvcException) and cause is not None:
        said.append(str(cause))
    return without_password(" ".join(": ".join(said).split()))


if __name__ == "__main__":
    sys.exit(main())
