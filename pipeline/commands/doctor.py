"""What may be wrong with the installation, and how to mend it: one small function a check.

A check imports what it looks at by itself: a package that is missing is one finding of many.
"""

import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipeline.graph import prefect_server
from pipeline.graph.prefect_access import running_server
from pipeline.graph.project import find_other_code
from pipeline.running.workers import count_cores

Verdict = Literal["ok", "warn", "fail"]

_GIB = 2**30
_DISK_TIGHT = 10 * _GIB
_DISK_FULL = 1 * _GIB
_LOCK_PATIENCE = 0.5
_MEND_SERVER = (
    "if the last lines speak of its database, move .restore/prefect away: no result is in it"
)
_REINSTALL = f"{sys.executable} -m pip install -e . (in the project's folder)"


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    verdict: Verdict
    found: str
    mend: str = ""


def examine(root: Path, *, fast: bool) -> Iterator[tuple[str, Finding]]:
    """Yield the name and the finding of each check.

    Args:
        root: Folder of the project.
        fast: Leave out what takes seconds.
    """
    for name, check in CHECKS.items():
        if fast and check in _SLOW:
            continue
        try:
            yield name, check(root)
        except Exception as error:  # a check that breaks down is a finding, not the end
            yield name, Finding("fail", f"the check broke down: {type(error).__name__}: {error}")


def _check_python(root: Path) -> Finding:
    wanted = SpecifierSet(_project(root).get("requires-python", ""))
    version = ".".join(map(str, sys.version_info[:3]))
    if version in wanted:
        return Finding("ok", f"{version} ({sys.executable})")
    return Finding("fail", f"{version}, expected {wanted}", "make the environment with another one")


def _check_path(_root: Path) -> Finding:
    here = Path(sys.executable).parent
    found = shutil.which("python")
    if found is not None and Path(found).parent == here:
        return Finding("ok", f"`python` is {found}")
    return Finding(
        "warn",
        f"`python` on PATH is {found or 'nowhere'}, not the one in {here}; `dvc repro` takes it",
        f". {here / 'activate'}",
    )


def _check_code(root: Path) -> Finding:
    version = _project(root).get("version", "unknown")
    if find_other_code(root) is None:
        return Finding("ok", f"the project's own runs, version {version}")
    return Finding(
        "warn",
        f"{Path(__file__).parents[2]} runs, and not the project's own, version {version}",
        "give the command `restore` of an installation, which runs the project's; unset PYTHONPATH",
    )


def _check_packages(root: Path) -> Finding:
    faults = []
    for requirement in _requirements(root).values():
        installed = _version(requirement.name)
        if installed is None:
            faults.append(f"{requirement.name} is not installed")
        elif not requirement.specifier.contains(installed, prereleases=True):
            faults.append(f"{requirement.name} is {installed}, expected {requirement.specifier}")
    if faults:
        return Finding("fail", "; ".join(faults), _REINSTALL)
    return Finding("ok", f"all {len(_requirements(root))} are as pyproject.toml wants them")


def _check_pair(root: Path) -> Finding:
    versions = f"prefect {_version('prefect')}, fastapi {_version('fastapi')}"
    bound = _requirements(root).get("fastapi")
    if bound is None:
        return Finding("warn", f"{versions}; pyproject.toml does not bound fastapi")
    if bound.specifier.contains(_version("fastapi") or "0", prereleases=True):
        return Finding("ok", versions)
    return Finding(
        "fail",
        f"{versions}: Prefect's server does not start with this fastapi",
        f"{sys.executable} -m pip install '{bound}'",
    )


def _check_server(root: Path) -> Finding:
    running = running_server(root)
    if running:
        return Finding("ok", f"runs at {running}")
    try:
        seconds = prefect_server.try_out(root)
    except prefect_server.ServerError as error:
        return Finding("fail", str(error), _MEND_SERVER)
    return Finding("ok", f"starts in {seconds:.1f} s")


def _check_tracking(root: Path) -> Finding:
    place = os.environ.get("MLFLOW_TRACKING_URI", "")
    if place and not place.startswith("sqlite:"):
        return Finding("ok", f"MLFLOW_TRACKING_URI is {place}; not tried")
    database = Path(place.removeprefix("sqlite:///")) if place else root / "mlflow.db"
    if not database.exists():
        return Finding("ok", f"{database.name} is not there yet; the first run makes it")
    try:
        connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=_LOCK_PATIENCE
        )
        try:
            runs = connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Finding(
            "fail",
            f"{database}: {error}",
            "make it writable, end who locks it, or move it away: the next run makes a new one",
        )
    return Finding("ok", f"{database.name} has {runs} runs, readable and writable")


def _check_disk(root: Path) -> Finding:
    if not os.access(root, os.W_OK):
        return Finding("fail", f"no permission to write in {root}", f"chown or chmod {root}")
    free = shutil.disk_usage(root).free
    found = f"{free / _GIB:.1f} GiB free"
    mend = "make room; `dvc gc --workspace` drops from the cache what nothing uses any more"
    if free < _DISK_FULL:
        return Finding("fail", found, mend)
    if free < _DISK_TIGHT:
        return Finding("warn", found, mend)
    return Finding("ok", found)


def _check_gpu(_root: Path) -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding("ok", "none (no nvidia-smi); networks train on the CPU")
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        said = (answer.stdout + answer.stderr).strip()
        return Finding("warn", f"nvidia-smi: {said}", "install or restart the NVIDIA driver")
    found = "; ".join(answer.stdout.strip().splitlines())
    if (_version("torch") or "").endswith("+cpu"):
        return Finding(
            "warn", f"{found}, but torch is built for the CPU only", "install torch's CUDA build"
        )
    return Finding("ok", found)


def _check_bfloat16(root: Path) -> Finding:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    native = sorted({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))
    if native:
        return Finding("ok", f"the CPU has {', '.join(native)}")
    users = _bfloat16_recipes(root)
    if not users:
        return Finding("ok", "the CPU has none, and no recipe asks for it")
    return Finding(
        "warn",
        f"the CPU has none; recipes that ask for it: {', '.join(users)}",
        "fine on a GPU; on this CPU set precision: auto, or float32",
    )


def _check_threads(root: Path) -> Finding:
    from pipeline.checking.params_file import ParamsError, load_params

    cores = count_cores()
    try:
        threads = load_params(root / "params.yaml").resources.threads
    except ParamsError:
        return Finding("ok", f"{cores} cores; how many threads is unknown, see params.yaml")
    found = f"a stage computes with {threads} threads on {cores} cores"
    if threads > cores:
        return Finding("warn", f"{found}: it takes {cores}", "lower resources.threads")
    return Finding("ok", f"{found}: {cores // threads} at once")


def _check_links(root: Path) -> Finding:
    from pipeline.graph import dag

    told, working = dag.read_cache_links(root)
    found = f"cache.type is {','.join(told)}; the first that works here is {working[0]}"
    if working[0] == "copy":
        return Finding(
            "warn",
            f"{found}: data lie on the disk twice",
            "dvc config cache.type hardlink,reflink,symlink,copy, and have the cache (dvc cache "
            "dir) on the project's file system",
        )
    return Finding("ok", found)


def _check_telemetry(root: Path) -> Finding:
    from pipeline.graph import dag

    tools = _pyproject(root).get("tool", {})
    in_file = tools.get("prefect", {}).get("server", {}).get("analytics_enabled")
    off = {
        "DVC": "DVC_NO_ANALYTICS" in os.environ or not dag.sends_analytics(root),
        "Prefect": in_file is False or _says_no("PREFECT_SERVER_ANALYTICS_ENABLED"),
        "MLflow": _says_yes("MLFLOW_DISABLE_TELEMETRY") or _says_yes("DO_NOT_TRACK"),
    }
    talking = [name for name, silent in off.items() if not silent]
    if not talking:
        return Finding("ok", "off in DVC, Prefect and MLflow")
    return Finding(
        "warn",
        f"commands you give by hand report to the makers of {', '.join(talking)}; restore's do not",
        "export DO_NOT_TRACK=1 DVC_NO_ANALYTICS=1 MLFLOW_DISABLE_TELEMETRY=true "
        "PREFECT_SERVER_ANALYTICS_ENABLED=false",
    )


def _check_graph(root: Path) -> Finding:
    from pipeline.checking.params_file import ParamsError
    from pipeline.graph import dag

    mended: list[str] = []
    try:
        stages = dag.read_mended_graph(root, mended.append)
    except ParamsError:
        return Finding("fail", "unknown as long as params.yaml has faults", "mend them first")
    except dag.GraphError as error:
        return Finding("fail", str(error), "mend the file that it names")
    if mended:
        return Finding("warn", mended[0], "`restore run` goes on where it was")
    stale = sum(bool(stage.stale) for stage in stages.values())
    return Finding("ok", f"{len(stages)} stages, {stale} of them out of date")


def _check_params(root: Path) -> Finding:
    from pipeline.checking.contradictions import warnings
    from pipeline.checking.params_file import ParamsError, load_params

    try:
        params = load_params(root / "params.yaml")
    except ParamsError as error:
        return Finding("fail", str(error), "edit params.yaml, or `restore preset quick`")
    doubts = warnings(params)
    if doubts:
        return Finding("warn", "; ".join(doubts), "fine if it is meant")
    return Finding("ok", f"valid; {len(params.experiments)} experiments")


def _check_mirror(_root: Path) -> Finding:
    mirror = os.environ.get("RESTORE_MIRROR")
    if not mirror:
        return Finding("ok", "RESTORE_MIRROR is not set: images come from their own places")
    if urlsplit(mirror).scheme in ("http", "https"):
        return Finding("ok", f"{mirror} (not tried)")
    if Path(mirror).is_dir():
        return Finding("ok", f"{mirror}")
    return Finding(
        "fail", f"RESTORE_MIRROR is {mirror}, which is no folder", "set it right, or unset it"
    )


CHECKS: dict[str, Callable[[Path], Finding]] = {
    "Python": _check_python,
    "python on PATH": _check_path,
    "code": _check_code,
    "packages": _check_packages,
    "Prefect and FastAPI": _check_pair,
    "Prefect's server": _check_server,
    "MLflow's database": _check_tracking,
    "disk": _check_disk,
    "GPU": _check_gpu,
    "bfloat16": _check_bfloat16,
    "threads": _check_threads,
    "links to DVC's cache": _check_links,
    "telemetry": _check_telemetry,
    "params.yaml": _check_params,
    "stages": _check_graph,
    "mirror": _check_mirror,
}
_SLOW = {_check_server}


def _pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _project(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = _pyproject(root).get("project", {})
    return found


def _requirements(root: Path) -> dict[str, Requirement]:
    wanted = map(Requirement, _project(root).get("dependencies", []))
    return {one.name: one for one in wanted if one.marker is None or one.marker.evaluate()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _bfloat16_recipes(root: Path) -> list[str]:
    from pipeline.checking.params_file import ParamsError, load_params

    try:
        recipes = load_params(root / "params.yaml").recipes
    except ParamsError:
        return []
    return [name for name, recipe in recipes.items() if recipe.precision == "bfloat16"]


def _says_yes(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true", "yes", "on")


def _says_no(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("0", "false", "no", "off")
