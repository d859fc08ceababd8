"""The stage graph and what is out of date in it: the only door to DVC."""

import contextlib
import difflib
import json
import math
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.lock import LockError, make_lock
from dvc.output import Output
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK
from dvc.stage import Stage as DvcStage
from dvc.utils.serialize import LOADERS

from pipeline.checking.params_file import load_params
from pipeline.graph.lock_entries import by_entries
from pipeline.graph.lock_file import LOCK, keep_copy, put_back
from pipeline.graph.params_reading import reading_params_once
from pipeline.graph.without_git import settle_without_git
from pipeline.nearest import first_of

MOST_NAMES = 24
"""Named in one message; of more, the rest is counted."""


class GraphError(ValueError):
    """DVC cannot make a graph of the project, or tell its state."""


class BrokenLockError(GraphError):
    """``dvc.lock`` is not whole."""


class UnknownStageError(ValueError):
    """A name is neither that of a stage nor the ``@key`` of any."""


@dataclass(frozen=True)
class Stage:
    """One stage of ``dvc.yaml`` after its templates are filled in."""

    name: str
    """As ``dvc repro`` takes it, such as ``train@dncnn_s25``."""
    needs: tuple[str, ...]
    """Stages whose outputs it reads."""
    cpus: int
    """Cores it keeps busy; ``meta.cpus``, otherwise 1."""
    gpus: float
    """GPUs it can use, or which part of one; ``meta.gpus``, otherwise 0, for each of as many
    processes as the entry of ``params.yaml`` says that ``meta.processes`` names."""
    follows: tuple[str, ...]
    """Those of them that may change what it reads; the others write the same, by
    ``meta.constant``, whenever they succeed."""
    stale: tuple[str, ...]
    """Why it is out of date by itself; empty when only a stage it needs can change that."""
    gathers: tuple[Path, ...] = ()
    """Folders of which it takes what is there, and does without the rest; with ``meta.gathers``
    those that other stages write into, otherwise none."""
    memory: float = 0.0
    """GiB of memory that a cluster is to keep for it; ``meta.memory``, otherwise 0, which leaves
    it to the cluster."""
    hours: float = math.inf
    """How long it may take; ``meta.hours``, otherwise as long as it likes."""


def read_graph(root: Path) -> dict[str, Stage]:
    """Return all stages of the project at ``root`` by name, each after those it needs.

    Raises:
        BrokenLockError: ``dvc.lock`` is not whole.
        GraphError: ``dvc.yaml`` or what it refers to is wrong, or another DVC command has the
            project locked.
    """
    with _open(root, wait=False) as repo:
        # Edges run from a stage to what it needs.
        needs = {
            name: (stage, [_name(needed) for needed in repo.index.graph.successors(stage)])
            for name, stage in _to_judge(repo.index.stages).items()
        }
        return {
            name: Stage(
                name=name,
                needs=tuple(sorted(needs[name][1])),
                cpus=_count(name, needs[name][0].meta, "cpus", default=1, least=1),
                gpus=_gpus_of_all(root, name, needs[name][0].meta),
                follows=tuple(
                    needed
                    for needed in sorted(needs[name][1])
                    if _may_change(needs[name][0], needs[needed][0])
                ),
                gathers=_gathered(needs[name][0]),
                memory=_memory(name, needs[name][0].meta),
                hours=_hours(name, needs[name][0].meta),
                stale=_why_stale(needs[name][0]),
            )
            for name in _in_order({name: upstream for name, (_, upstream) in needs.items()})
        }


def read_mended_graph(root: Path, say: Callable[[str], None]) -> dict[str, Stage]:
    """Return what ``read_graph`` does, and mend before what a crash or a full disk left behind.

    That is a ``dvc.lock`` that is not whole, half of DVC's list of who uses which file, and outputs
    that DVC had no room for in its cache. A copy without Git is settled too.

    Args:
        root: Folder of the project.
        say: Told what was mended.

    Raises:
        ParamsError: ``params.yaml`` has faults.
        GraphError: As for ``read_graph``, or ``dvc.lock`` cannot be mended.
    """
    # DVC stumbles over many faults of this file, and dies of some; our words for them are plainer.
    if (root / "params.yaml").is_file():
        load_params(root / "params.yaml")
    if said_of_git := settle_without_git(root):
        say(said_of_git)
    if _forget_users(root):
        say("DVC was killed while it wrote who uses which file (.dvc/tmp/rwlock): made anew")
    try:
        graph = read_graph(root)
    except BrokenLockError as error:
        try:
            said = put_back(root)
        except OSError as fault:
            raise GraphError(f"{error}; it cannot be mended: {fault}") from fault
        graph = read_graph(root)
        say(said)
    taken, _ = take_into_cache(root, uncached(root, graph))
    if taken:
        graph = read_graph(root)
        named = first_of(list(taken), MOST_NAMES)
        say(f"DVC's cache lacked what these stages wrote, and has it now: {named}")
    keep_copy(root)
    return graph


def _forget_users(root: Path) -> bool:
    """Remove DVC's list of who uses which file if it is not whole; tell whether it was not.

    A list without its end names nobody, and with it DVC starts no stage.
    """
    folder = root / ".dvc" / "tmp"
    path = folder / RWLOCK_FILE
    if _is_json(path):
        return False
    guard = make_lock(str(folder / RWLOCK_LOCK), tmp_dir=str(folder))
    # Whoever has the lock is writing the file now, all of it.
    with contextlib.suppress(LockError, OSError), guard:
        if not _is_json(path):
            path.unlink()
            return True
    return False


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def take_into_cache(
    root: Path, names: Collection[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Take into DVC's cache what stages wrote and DVC recorded, but had no room for.

    DVC ends a stage with success though its cache had no room for an output, and would run the
    stage again the next time. Waits while another DVC command has the project locked.

    Args:
        root: Folder of the project.
        names: Stages to look at.

    Returns:
        Outputs that came into the cache, and outputs that still are not in it, by stage.

    Raises:
        GraphError: The graph cannot be read.
    """
    taken: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {}
    if not names:
        return taken, left
    with _open(root, wait=True) as repo:
        for stage in repo.index.stages:
            name = _name(stage)
            for out in stage.outs if name in names else ():
                if not _lacks_only_its_copy(out):
                    continue
                with contextlib.suppress(OSError):  # whether there was room is looked at below
                    stage.commit(filter_info=out.fs_path)
                found = left if out.changed_cache() else taken
                found.setdefault(name, []).append(out.def_path)
    return taken, left


def lost_to_cache(root: Path, names: Collection[str]) -> dict[str, str]:
    """Return what to do about stages that succeeded, and whose outputs DVC could not keep.

    Raises:
        GraphError: The graph cannot be read.
    """
    _, left = take_into_cache(root, names)
    if not left:
        return {}
    cache = read_cache_folder(root)
    free = shutil.disk_usage(cache if cache.exists() else root).free / 2**20
    return {
        name: f"it ran, but DVC's cache {cache}, where {free:.0f} MiB are free, could not take "
        f"{' and '.join(outputs)}: make room there and start again, it will not run again"
        for name, outputs in left.items()
    }


def why_stale(root: Path, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return for each of the stages ``names`` why it is out of date now; empty if it is not.

    What the stages read must be complete: DVC refuses to look at a file that another stage is
    just writing. Waits while another DVC command has the project locked.

    Raises:
        GraphError: The graph cannot be read.
    """
    with _open(root, wait=True) as repo, by_entries():
        # Few of many: the graph needs not be made for them.
        at_top = ProjectFile(repo, str(root / "dvc.yaml")).stages
        inner = set(names) - set(at_top)
        stages = _to_judge(at_top[name] for name in names if name not in inner)
        stages |= _to_judge(repo.index.stages if inner else ())
        return {name: _why_stale(stages[name]) for name in names}


def select(graph: Mapping[str, Stage], names: Iterable[str]) -> dict[str, Stage]:
    """Return the stages that ``names`` mean and all they need, in the graph's order.

    Those that gather what these write are among them, without the rest of what they gather.

    Args:
        graph: All stages.
        names: Names of stages, or keys: ``dncnn_s25`` means each stage ``...@dncnn_s25``.

    Raises:
        UnknownStageError: A name means nothing.
    """
    chosen: set[str] = set()
    for name in names:
        meant = [stage for stage in graph if name in (stage, key_of(stage))]
        if not meant:
            raise UnknownStageError(_explain_unknown(name, graph))
        chosen.update(meant)
    for name in reversed(list(graph)):
        if name in chosen:
            chosen.update(graph[name].needs)
    return {
        name: stage
        for name, stage in graph.items()
        # What never changes is gathered once and for all.
        if name in chosen or (stage.gathers and not chosen.isdisjoint(stage.follows))
    }


def key_of(stage: str) -> str:
    """Return what the stages of one experiment have in common; of another stage its name."""
    return stage.rpartition("@")[2]


def affected(graph: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return the stages that are out of date, and all that come after them."""
    found: dict[str, Stage] = {}
    for name, stage in graph.items():
        if stage.stale or any(needed in found for needed in stage.needs):
            found[name] = stage
    return found


def uncached(root: Path, graph: Mapping[str, Stage]) -> list[str]:
    """Return the stages with an output that is in its place, and that the cache lacks."""
    before, after = _OUTPUT["not in cache"].split("{}")
    lacking = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    return [
        name
        for name, stage in graph.items()
        if any((out := lacking.fullmatch(why)) and (root / out[1]).exists() for why in stage.stale)
    ]


def causes(graph: Mapping[str, Stage]) -> dict[str, tuple[str, ...]]:
    """Return for each stage that is out of date, or may become so, what makes it so.

    The causes of a stage that only follows are the names of the stages that it follows.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, stage in graph.items():
        reasons = stage.stale or tuple(needed for needed in stage.follows if needed in found)
        if reasons:
            found[name] = reasons
    return found


def read_cache_links(root: Path) -> tuple[list[str], list[str]]:
    """Return how DVC is told to link files to its cache, and which of these ways work here.

    Both are in the order of preference, out of reflink, hardlink, symlink and copy.

    Raises:
        GraphError: The project or its configuration cannot be read.
    """
    from dvc_objects.fs.generic import test_links

    with _open(root, wait=False) as repo:
        told = list(repo.cache.local.cache_types)
        cache = repo.cache.local
        return told, list(test_links(told, cache.fs, cache.path, repo.fs, repo.root_dir))


def read_sources(root: Path) -> list[str]:
    """Return the files and folders that stages read and that no stage writes, params among them.

    Waits while another DVC command has the project locked.

    Returns:
        Paths as ``dvc.yaml`` has them, relative to the project or absolute, each once.

    Raises:
        GraphError: The graph cannot be read.
    """
    with _open(root, wait=True) as repo:
        made = [Path(out.fs_path) for out in repo.index.outs if out.protocol == "local"]
        return sorted(
            {
                dep.def_path
                for dep in repo.index.deps
                if dep.protocol == "local" and not _overlaps(Path(dep.fs_path), made)
            }
        )


def read_results(root: Path) -> list[str]:
    """Return the files and folders that stages write, as ``read_sources`` has paths.

    Raises:
        GraphError: The graph cannot be read.
    """
    with _open(root, wait=True) as repo:
        return sorted({out.def_path for out in repo.index.outs if out.protocol == "local"})


def read_cache_folder(root: Path) -> Path:
    """Return where DVC keeps the content of outputs, and which run made them.

    Raises:
        GraphError: The project or its configuration cannot be read.
    """
    with _open(root, wait=True) as repo:
        return Path(repo.cache.local_cache_dir)


def sends_analytics(root: Path) -> bool:
    """Tell whether DVC reports what it does to its makers.

    Raises:
        GraphError: The configuration cannot be read.
    """
    with _open(root, wait=False) as repo:
        return bool(repo.config["core"].get("analytics", True))


@contextmanager
def _open(root: Path, *, wait: bool) -> Iterator[Any]:
    settle_without_git(root)
    try:
        with Repo(str(root), _wait_for_lock=wait) as repo, repo.lock, reading_params_once():
            if _ends_within_a_line(root / LOCK):
                raise BrokenLockError(f"{root / LOCK} is not whole: it ends within a line")
            yield repo
    except LockError as error:
        raise GraphError(
            f"the project in {root} is busy: another run, or another DVC command, is at work on "
            "it; wait for it, or stop it"
        ) from error
    except AssertionError as error:
        if not _ends_before_its_stages(root / LOCK):
            raise
        raise BrokenLockError(f"{root / LOCK} is not whole: it has no stages") from error
    except DvcException as error:
        hint = getattr(error, "hint", "")
        if _is_half_written(getattr(error, "path", None), hint):
            raise BrokenLockError(f"{root / LOCK} is not whole: {error}") from error
        # What is wrong in a file is often only said by the error below DVC's own.
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise GraphError(f"{root / 'dvc.yaml'}: {error}{hint}{cause}") from error


def _ends_within_a_line(lock: Path) -> bool:
    """Tell whether the end of a file is missing, which may be valid all the same.

    Half a checksum is a text like a whole one, and DVC takes it for that of a file that changed.
    """
    content = lock.read_bytes() if lock.exists() else b""
    return bool(content) and not content.endswith(b"\n")


def _ends_before_its_stages(lock: Path) -> bool:
    return lock.exists() and "stages:" not in lock.read_text(encoding="utf-8", errors="replace")


def _is_half_written(path: str | None, hint: str) -> bool:
    """Tell whether DVC stumbled over its lock file, and not over a conflict of Git in it."""
    return path is not None and Path(path).name == LOCK and not hint


def _lacks_only_its_copy(out: Output) -> bool:
    """Tell whether an output is what its stage wrote, and is not in the cache."""
    if not (out.use_cache and out.hash_info):
        return False
    return out.changed_cache() and not out.workspace_status()


def _name(stage: DvcStage) -> str:
    """Return the name that ``dvc repro`` takes in the project's folder."""
    path: str = stage.path_in_repo
    own_name: str | None = getattr(stage, "name", None)
    if own_name is None:  # a file that was put under DVC's control with `dvc add`
        return path
    return own_name if path == "dvc.yaml" else f"{path}:{own_name}"


def _in_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Sort so that each name comes after those it needs, else as they came."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in done:
            for needed in needs[name]:
                visit(needed)
            done[name] = None

    for name in needs:
        visit(name)
    return list(done)


def _may_change(stage: DvcStage, needed: DvcStage) -> bool:
    """Tell whether a stage reads an output of another one that is not always the same."""
    constant = set((needed.meta or {}).get("constant", []))
    changing = [Path(out.fs_path) for out in needed.outs if out.def_path not in constant]
    read = [Path(dep.fs_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    return any(_overlaps(one, changing) for one in read)


def _gathered(stage: DvcStage) -> tuple[Path, ...]:
    if not (stage.meta or {}).get("gathers", False):
        return ()
    made = [Path(out.fs_path) for out in stage.repo.index.outs if out.protocol == "local"]
    needed = [Path(dep.fs_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    return tuple(path for path in needed if any(path in out.parents for out in made))


def _count(stage: str, meta: object, key: str, *, default: int, least: int) -> int:
    value = meta.get(key, default) if isinstance(meta, dict) else default
    if type(value) is not int or value < least:
        raise GraphError(
            f"stage {stage}, meta.{key}: expected an integer of at least {least}, came {value!r}"
        )
    return value


def _gpus(stage: str, meta: object) -> float:
    value = meta.get("gpus", 0) if isinstance(meta, dict) else 0
    if isinstance(value, float) and 0 < value < 1:
        return value
    if type(value) is not int or value < 0:
        raise GraphError(
            f"stage {stage}, meta.gpus: expected an integer of at least 0, or a part of one GPU "
            f"between 0 and 1, came {value!r}"
        )
    return value


def _memory(stage: str, meta: object) -> float:
    value = meta.get("memory", 0) if isinstance(meta, dict) else 0
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise GraphError(f"stage {stage}, meta.memory: expected a number of GiB, came {value!r}")
    return float(value)


def _gpus_of_all(root: Path, stage: str, meta: object) -> float:
    """Return the GPUs of a stage, where each of several processes has its own."""
    gpus = _gpus(stage, meta)
    key = meta.get("processes") if isinstance(meta, dict) else None
    if not gpus or key is None:
        return gpus
    if not isinstance(key, str):
        raise GraphError(
            f"stage {stage}, meta.processes: expected the name of a value of params.yaml, such as "
            f"resources.train.processes, came {key!r}"
        )
    value = LOADERS[".yaml"](str(root / "params.yaml"))
    for part in key.split("."):
        value = value.get(part, 1) if isinstance(value, dict) else value
    if type(value) is not int or value < 1:
        raise GraphError(
            f"stage {stage}, meta.processes: expected that {key} of params.yaml is a number of "
            f"processes, came {value!r}"
        )
    return gpus if value == 1 else math.ceil(gpus) * value


def _hours(stage: str, meta: object) -> float:
    value = meta.get("hours", math.inf) if isinstance(meta, dict) else math.inf
    if type(value) not in (int, float) or not value > 0:
        raise GraphError(
            f"stage {stage}, meta.hours: expected a number of hours above 0, came {value!r}"
        )
    return float(value)


def _explain_unknown(name: str, graph: Iterable[str]) -> str:
    keys = sorted({key_of(stage) for stage in graph})
    near = difflib.get_close_matches(name, [*keys, *graph], n=3, cutoff=0.5)
    hint = f"the nearest known: {', '.join(near)}" if near else f"known: {', '.join(keys)}"
    return f"no experiment or stage is called '{name}'; {hint}"


# ---------------------------------------------------------------- why a stage must run


_DEPENDENCY = {
    "modified": "{} changed",
    "deleted": "{} is missing",
    "new": "{} is a new dependency",
}
_PARAMETER = {
    "modified": "{} in {} changed",
    "deleted": "{} is missing in {}",
    "new": "{} in {} is a new parameter",
}
_OUTPUT = {
    "modified": "its output {} is not what it wrote",
    "deleted": "its output {} is missing",
    "not in cache": "its output {} is not in the cache",
    "new": "its output {} is new",
}
_WHOLE = {
    "changed command": "its command changed",
    "changed checksum": "its definition changed",
    "always changed": "it always runs",
}


def _to_judge(stages: Iterable[DvcStage]) -> dict[str, DvcStage]:
    """Return stages by name; they look at a path once that several of them have."""
    known: dict[tuple[str, ...], object] = {}

    def look_once(key: tuple[str, ...], look: Callable[[], object]) -> object:
        if key not in known:
            known[key] = look()
        return known[key]

    found = {_name(stage): stage for stage in stages}
    for stage in found.values():
        for item in (*stage.deps, *stage.outs):
            if not isinstance(item, ParamsDependency):
                key = (item.protocol, item.fs_path, item.hash_name)
                item.get_hash = partial(look_once, key, item.get_hash)
    return found


def _why_stale(stage: DvcStage) -> tuple[str, ...]:
    # The keys of the answer depend on the current folder; it has one entry or none.
    entries: list[Any] = next(iter(stage.status(check_updates=True).values()), [])
    if not entries:
        return ()
    if not any(item.hash_info for item in (*stage.deps, *stage.outs)):
        return ("it never ran", *(f"{path} is missing" for path in _nobody_makes(stage)))
    return tuple(reason for entry in entries for reason in _reasons(entry))


def _nobody_makes(stage: DvcStage) -> list[str]:
    """Return the files that a stage needs, that are not there and that no stage writes."""
    made = [Path(out.fs_path) for out in stage.repo.index.outs if out.protocol == "local"]
    needed = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    return [
        dep.def_path for dep in needed if not dep.exists and not _overlaps(Path(dep.fs_path), made)
    ]


def _overlaps(path: Path, others: Iterable[Path]) -> bool:
    """Tell whether one of some paths lies in a path, or that in one of them."""
    return any(one.is_relative_to(path) or path.is_relative_to(one) for one in others)


def _reasons(entry: str | dict[str, dict[str, Any]]) -> Iterator[str]:
    if isinstance(entry, str):
        yield _WHOLE.get(entry, entry)
        return
    for path, change in entry.get("changed deps", {}).items():
        if isinstance(change, dict):
            for key, state in change.items():
                yield _PARAMETER.get(state, "{} in {} is " + state).format(key, path)
        else:
            yield _DEPENDENCY.get(change, "{} is " + change).format(path)
    for path, change in entry.get("changed outs", {}).items():
        yield _OUTPUT.get(change, "its output {} is " + change).format(path)
