import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.running.tracking_database import (
    artifacts_of,
    bring_home,
    fault_of,
    make_sure_of,
)

TABLES = """
create table experiments (experiment_id integer, name text, artifact_location text);
create table runs (run_uuid text, experiment_id integer, artifact_uri text);
insert into experiments values (0, 'Default', '/old/mlruns/0');
"""


def write(path: Path, script: str = TABLES) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)
    return path


def test_a_database_that_is_not_there_or_whole_has_no_fault(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "mlflow.db") is None
    assert fault_of(write(tmp_path / "mlflow.db")) is None


def test_a_database_that_others_lock_has_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.running.tracking_database._WAIT", 0.05)
    path = write(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")

        assert fault_of(path) is None


@pytest.mark.parametrize(
    "script",
    ["", "create table alembic_version (x text);", TABLES.partition("insert")[0]],
)
def test_tables_that_were_never_finished_are_a_fault(tmp_path: Path, script: str) -> None:
    path = write(tmp_path / "mlflow.db", script)
    path.touch()

    assert fault_of(path) == "its tables were never finished"


@pytest.mark.parametrize("kept", [0.3, 0.6])
def test_a_damaged_file_is_a_fault(tmp_path: Path, kept: float) -> None:
    path = write(tmp_path / "mlflow.db")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])

    assert fault_of(path)


def test_what_is_no_database_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("not a database, but long enough to look like one" * 100)

    assert fault_of(path) == "file is not a database"


def make(address: str) -> None:
    write(Path(address.removeprefix("sqlite:///")))


def test_a_broken_database_is_set_aside_and_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("broken" * 100)

    make_sure_of(path, make)

    (broken,) = tmp_path.glob("mlflow.db.broken-*")
    assert broken.read_text() == "broken" * 100
    assert fault_of(path) is None
    assert "no result depends on it" in capsys.readouterr().err


def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"

    def half(address: str) -> None:
        write(Path(address.removeprefix("sqlite:///")), "create table half (x text);")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sure_of(path, half)
    assert not path.exists()

    make_sure_of(path, make)

    assert [one.name for one in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_whole_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "mlflow.db")
    before = path.read_bytes()

    make_sure_of(path, make)

    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["plain", "a%41b", "x #1", "ü?"])
def test_the_files_of_a_project_that_was_moved_are_where_it_is_now(
    tmp_path: Path, name: str
) -> None:
    root = tmp_path / name
    root.mkdir()
    path = write(root / "mlflow.db")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("insert into experiments values (1, 'restore', '/old/mlruns/1')")
        database.execute("insert into runs values ('a', 1, '/old/mlruns/1/a/artifacts')")
        database.execute("insert into runs values ('b', 1, 's3://bucket/b')")

    for _ in range(2):  # the second time there is nothing to do
        bring_home(path, "restore")

    home = artifacts_of(path, "1")
    assert home == (root / "mlruns" / "1").as_uri()
    with closing(sqlite3.connect(path)) as database:
        found = dict(database.execute("select run_uuid, artifact_uri from runs"))
        places = dict(database.execute("select name, artifact_location from experiments"))
    assert found == {"a": f"{home}/a/artifacts", "b": "s3://bucket/b"}
    assert places == {"Default": "/old/mlruns/0", "restore": home}


def test_files_that_the_user_keeps_elsewhere_stay_there(tmp_path: Path) -> None:
    path = write(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("insert into experiments values (1, 'restore', 's3://b/mlruns/1')")
    before = path.read_bytes()

    bring_home(path, "restore")

    assert path.read_bytes() == before
