"""The file ``mlflow.db`` of a project: made whole or not at all, set aside broken, moved along.

MLflow makes its tables in dozens of migrations. One that is killed among them leaves a file that no
later start can use or mend. And it stores whole paths: those of a project that was moved or copied
lead to where it was before.
"""

import contextlib
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

_WAIT = 10.0


def make_sure_of(path: Path, make: Callable[[str], object]) -> None:
    """Set the database aside if it is broken, and make it if it is not there.

    Made is it where nobody looks, and gets its name when it is whole. Only one process at a time
    may ask for it.

    Args:
        path: The database.
        make: Makes the one of an address, with all its tables.

    Raises:
        OSError: It cannot be moved.
    """
    fault = fault_of(path)
    if fault is not None:
        broken = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
        path.rename(broken)
        sys.stderr.write(
            f"warning: {path} is broken ({fault}); it is {broken} now, and MLflow begins anew: no "
            "result depends on it\n"
        )
    if path.exists():
        return
    for left in path.parent.glob(f".{path.name}.*"):  # of one that was killed
        left.unlink()
    unfinished = path.with_name(f".{path.name}.{time.time_ns()}")
    make(f"sqlite:///{unfinished}")
    unfinished.rename(path)


def fault_of(path: Path) -> str | None:
    """Return what is wrong with a database of MLflow, None if nothing is or nobody can tell now."""
    if not path.exists():
        return None
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as database:
            (found,) = database.execute("pragma quick_check(1)").fetchone()
            if found != "ok":
                return str(found)
            # The last thing that MLflow makes.
            (experiments,) = database.execute("select count(*) from experiments").fetchone()
    except sqlite3.OperationalError as error:
        return "its tables were never finished" if "no such table" in str(error) else None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if experiments else "its tables were never finished"


def artifacts_of(path: Path, name: str) -> str:
    """Return the address for the files of an experiment, beside its database.

    Args:
        path: The database.
        name: Of the folder of the experiment's files.
    """
    # An address, not a path: MLflow takes `%41` and `#` in a path for parts of an address.
    return (path.absolute().parent / "mlruns" / name).as_uri()


def bring_home(path: Path, experiment: str) -> None:
    """Let the files of an experiment be beside its database, wherever the project was before.

    Args:
        path: The database, which is whole.
        experiment: Name of the experiment.

    Raises:
        sqlite3.Error: The database cannot be written.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=_WAIT)) as database, database:
        rows = database.execute(
            "select experiment_id, artifact_location from experiments where name = ?", (experiment,)
        ).fetchall()
        for number, was in rows:
            root, mark, name = was.rpartition("/mlruns/")
            if not mark or ("://" in root and not root.startswith("file:")):
                continue  # where the user wants them
            now = artifacts_of(path, name)
            if was == now or f"file://{was}" == now:
                continue
            database.execute(
                "update runs set artifact_uri = ? || substr(artifact_uri, ?) "
                "where experiment_id = ? and substr(artifact_uri, 1, ?) = ?",
                (now, len(was) + 1, number, len(was), was),
            )
            database.execute(
                "update experiments set artifact_location = ? where experiment_id = ?",
                (now, number),
            )
