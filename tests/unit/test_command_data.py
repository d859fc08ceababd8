"""``restore data`` in a small project of its own, with a web server beside it."""

import io
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.datasets.cache import alone
from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.datasets.terms import ACCEPT_VARIABLE
from pipeline.settings.params import FolderDataset
from tests.project import ROOT
from tests.unit.image_sets import describe, write_catalogue, write_image


class Project:
    """A project that knows two sets: ``pair`` of two images, and ``strict`` with terms."""

    def __init__(self, root: Path, serve: Any) -> None:
        self.root = root
        self.files = root.parent / "files"
        self.one = write_image(self.files / "one.png").read_bytes()
        self.two = write_image(self.files / "two.png", (10, 12)).read_bytes()
        self.three = write_image(self.files / "three.png", (11, 11)).read_bytes()
        self.server = serve({f"/{n}.png": getattr(self, n) for n in ("one", "two", "three")})
        (root / "dvc.yaml").write_text("stages: {}\n")
        rows = [("one", "clean", "one.png"), ("two", "clean", "two.png")]
        self.list("pair", rows)
        self.list(
            "strict", [("three", "clean", "three.png")], must_accept=True, terms="For poets only."
        )

    def list(self, name: str, rows: list[tuple[str, str, str]], **facts: Any) -> None:
        path = self.root / "pipeline" / "catalogue" / name
        write_catalogue(path, self.files, rows, base_url=self.server.url, **facts)
        listed = (path / "files.csv").read_text().replace("some where/", "")
        (path / "files.csv").write_text(listed)

    @property
    def downloads(self) -> set[bytes]:
        folder = self.root / "data" / "downloads"
        return {path.read_bytes() for path in folder.glob("[!.]*")}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Any) -> Project:
    for variable in (MIRROR_VARIABLE, ACCEPT_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return Project(root, serve)


def restore(*arguments: str) -> int:
    return main(["data", *arguments])


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Sit at a terminal and type ``text``."""
    stream = io.StringIO(text)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stream)


# -------------------------------------------------------------------------------- list


@pytest.mark.usefixtures("project")
def test_list_says_what_there_is_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    restore("fetch", "pair")
    capsys.readouterr()

    assert restore("list") == 0

    header, pair, strict = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "images", "size", "state", "terms", "what"]
    assert pair.split()[:2] == ["pair", "2"]
    assert "fetched" in pair
    assert "not yet" in strict
    assert "free (to accept)" in strict


def test_set_in_a_package_is_never_fetched(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project.root / "pipeline" / "catalogue" / "digits"
    shutil.copytree(ROOT / "pipeline" / "catalogue" / "digits", folder)

    assert restore("list", "digits") == 0
    assert restore("fetch", "digits") == 0

    output = capsys.readouterr().out
    assert "in scikit-learn" in output
    assert "digits: ships with scikit-learn, nothing to fetch" in output
    assert project.downloads == set()


@pytest.mark.usefixtures("project")
def test_list_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert restore("list", "STRI") == 0

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["name", "strict"]
    assert restore("list", "nothing_like_it") == 1
    assert "no published data set has nothing_like_it" in capsys.readouterr().err


def test_list_sees_the_mirror(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "mirror" / "pair" / "one.png")
    write_image(project.root / "mirror" / "pair" / "two.png", (10, 12))
    monkeypatch.setenv(MIRROR_VARIABLE, str(project.root / "mirror"))

    restore("list", "pair")

    assert "in mirror" in capsys.readouterr().out


def test_shipped_sets_can_be_listed(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)

    assert restore("list") == 0

    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    wanted = (
        "set5 div2k_train bsds500 sidd_small sidd_medium sidd_validation cifar10 kodak24 urban100"
    )
    assert {*wanted.split(), "bsd100", "general100", "indian_pines", "live1"} <= listed


# ------------------------------------------------------------------------------- fetch


def test_fetch_fills_the_downloads_and_shows_the_terms(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore("fetch", "pair") == 0

    said = capsys.readouterr().out
    assert "Terms: Free for all." in said
    assert "pair: 2 file(s)" in said
    assert project.downloads == {project.one, project.two}


def test_second_fetch_asks_nobody_and_shows_no_terms(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    restore("fetch", "pair")
    asked = list(project.server.asked)
    capsys.readouterr()

    assert restore("fetch", "pair") == 0

    assert project.server.asked == asked
    assert "Terms" not in capsys.readouterr().out


def test_fetch_takes_copies_from_a_mirror(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.files.rename(project.root / "pair")
    monkeypatch.setenv(MIRROR_VARIABLE, str(project.root))

    assert restore("fetch", "pair") == 0

    assert project.server.asked == []
    assert project.downloads == {project.one, project.two}


def test_copies_wait_for_another_process_that_makes_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.files.rename(project.root / "pair")
    monkeypatch.setenv(MIRROR_VARIABLE, str(project.root))
    downloads = project.root / "data" / "downloads"
    files = read_catalogue(project.root / "pipeline" / "catalogue" / "pair").files

    with ThreadPoolExecutor() as pool:
        with alone(files, downloads):
            other = pool.submit(restore, "fetch", "pair")
            with pytest.raises(TimeoutError):
                other.result(timeout=0.3)
            meanwhile = project.downloads

        assert other.result() == 0

    assert meanwhile == set()
    assert project.downloads == {project.one, project.two}


@pytest.mark.usefixtures("project")
def test_unknown_set_is_named_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert restore("fetch", "pear") == 2

    assert (
        "no published data set 'pear'; the nearest known one is 'pair'" in capsys.readouterr().err
    )


def test_terms_that_nobody_accepted_stop_a_run_without_a_terminal(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore("fetch", "strict") == 1

    said = capsys.readouterr().err
    assert "For poets only." in said
    assert "restore data fetch strict --accept-terms" in said
    assert project.server.asked == []
    assert project.downloads == set()


@pytest.mark.parametrize(
    ("typed", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)]
)
def test_terms_are_asked_for_at_a_terminal(
    project: Project, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    answer(monkeypatch, typed)

    assert restore("fetch", "strict") == code

    assert bool(project.downloads) == (code == 0)


def test_terms_are_accepted_once(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore("fetch", "strict", "--accept-terms") == 0
    (project.root / ".restore" / "accepted_terms" / "strict").stat()
    capsys.readouterr()

    assert restore("fetch", "strict") == 0

    restore("list", "strict")
    said = capsys.readouterr().out
    assert "poets" not in said
    assert "free (accepted)" in said


def test_failing_fetch_says_why(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.server.answers["/two.png"] = [(200, {}, b"<html>Sign in</html>")]

    assert restore("fetch", "pair") == 1

    assert "two.png: answered with something else: expected" in capsys.readouterr().err


# ------------------------------------------------------------------------------ verify


@pytest.mark.usefixtures("project")
def test_verify_finds_nothing_wrong_with_what_was_fetched(
    capsys: pytest.CaptureFixture[str],
) -> None:
    restore("fetch", "pair")

    assert restore("verify") == 0

    assert "2 download(s) and 0 data set(s)" in capsys.readouterr().out


def test_verify_names_damaged_downloads(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    restore("fetch", "pair", "strict", "--accept-terms")
    for path in (project.root / "data" / "downloads").glob("[!.]*"):
        if path.read_bytes() == project.two:
            path.write_bytes(project.two[:-1])

    assert restore("verify", "strict") == 0
    assert restore("verify") == 1

    said = capsys.readouterr().err
    assert "1 damaged file(s)" in said
    assert "(pair): `restore data fetch pair` fetches it again" in said
    assert restore("fetch", "pair") == 0
    assert restore("verify") == 0


@pytest.mark.parametrize("damage", ["other", None])
def test_verify_names_damaged_images_of_a_data_set(
    project: Project, capsys: pytest.CaptureFixture[str], damage: str | None
) -> None:
    from pipeline.datasets.fetching import fetch_dataset

    fetch_dataset(
        FolderDataset(kind="folder", source=str(project.files)),
        name="mine",
        source=project.files,
        downloads=Path("data/downloads"),
        mirror=None,
        out=Path("data/raw/mine"),
    )
    assert restore("verify", "mine") == 0
    image = project.root / "data" / "raw" / "mine" / "clean" / "one.png"
    image.unlink()
    if damage:
        image.write_text(damage)

    assert restore("verify", "mine") == 1

    said = capsys.readouterr().err
    assert "data/raw/mine/clean/one.png" in said
    assert "download@mine" in said


@pytest.mark.usefixtures("project")
def test_verify_of_what_was_never_fetched_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert restore("verify", "holiday", "pair") == 2

    assert "nothing of holiday, pair was downloaded" in capsys.readouterr().err


# ------------------------------------------------------------------------------ import


def test_import_adopts_files_whatever_they_are_called(project: Project) -> None:
    project.files.joinpath("one.png").rename(project.files / "download (1).dat")

    assert restore("import", str(project.files), "--as", "pair") == 0

    assert project.downloads == {project.one, project.two}
    project.server.answers.clear()
    assert restore("fetch", "pair") == 0


def test_import_says_what_is_missing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.files.joinpath("two.png").unlink()

    assert restore("import", str(project.files), "--as", "pair") == 1

    said = capsys.readouterr().out
    assert "1 file(s) taken" in said
    assert f"1 file(s) still missing: two.png ({len(project.two)} bytes)" in said


def test_import_without_a_single_file_of_the_set_is_an_error(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "holiday" / "a.png", (7, 7))

    assert restore("import", "holiday", "--as", "pair") == 1

    assert "no file of 'pair' in" in capsys.readouterr().err
    assert project.downloads == set()


def test_import_records_an_archive_without_a_checksum(project: Project) -> None:
    import zipfile

    member = {"role": "clean", "pattern": r"(.*)\.png"}
    archive = {"file": "hand.zip", "urls": [], "members": [member]}
    describe(project.root / "pipeline/catalogue/hand", images=1, archives=[archive])
    with zipfile.ZipFile(project.files / "Hand.zip", "w") as packed:
        packed.write(project.files / "one.png", "one.png")

    assert restore("import", str(project.files), "--as", "hand") == 0

    recorded = (project.root / "data" / "checksums" / "hand.csv").read_text()
    assert recorded.startswith("file,bytes,sha256\nhand.zip,")
    assert restore("fetch", "hand") == 0


def test_import_of_a_truncated_archive_is_an_error(project: Project) -> None:
    archive = {"file": "hand.zip", "urls": [], "members": [{"role": "clean", "pattern": "(.*)"}]}
    describe(project.root / "pipeline/catalogue/hand", images=1, archives=[archive])
    (project.files / "hand.zip").write_bytes(b"PK\x03\x04 and no more")

    assert restore("import", str(project.files), "--as", "hand") == 1

    assert not (project.root / "data" / "checksums").exists()


def test_import_of_own_images_prints_lines_that_params_yaml_takes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "my holiday" / "a.png")
    write_image(project.root / "my holiday" / "b.png", (9, 8), "L")

    assert restore("import", "my holiday") == 0

    said = capsys.readouterr().out
    assert "2 images (1 colour, 1 gray)" in said
    assert "1 of 9x8 pixels" in said
    entry = YAML(typ="safe", pure=True).load(said[said.index("  my_holiday") :])
    assert FolderDataset(**entry["my_holiday"]).source == "my holiday"


def test_folder_is_meant_from_where_the_command_is_given(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "notes" / "photos" / "a.png")
    monkeypatch.chdir(project.root / "notes")

    assert restore("import", "photos", "--as", "mine") == 0

    assert "mine: {kind: folder, source: notes/photos}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["2024", "2024-06-01", "~", "a: b", "null", "#1", 'a"b'])
def test_a_folder_of_any_name_is_quoted_where_yaml_asks_for_it(
    project: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_image(project.root / name / "a.png")

    assert restore("import", name, "--as", "12") == 0

    said = capsys.readouterr().out
    entry = YAML(typ="safe", pure=True).load(said[said.index("  '12'") :])
    assert entry["12"] == {"kind": "folder", "source": name}
    assert FolderDataset(**entry["12"]).source == name


def test_a_folder_that_a_command_would_take_for_an_option_is_given_from_here(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "-rf" / "a.png")

    assert restore("import", "./-rf", "--as", "mine") == 0

    assert "mine: {kind: folder, source: ./-rf}" in capsys.readouterr().out


def test_a_folder_that_params_yaml_cannot_name_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "it's" / "a.png")

    assert restore("import", "it's", "--as", "mine") == 2

    assert "expected a path without ' and control characters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "expected a folder"), ("words", "no image in"), ("bad", "1 unusable image")],
)
def test_import_of_what_is_no_folder_of_images_is_an_error(
    project: Project, capsys: pytest.CaptureFixture[str], content: str | None, fault: str
) -> None:
    if content:
        (project.root / "mine").mkdir()
        (project.root / "mine" / ("a.txt" if content == "words" else "a.png")).write_text(content)

    assert restore("import", "mine") != 0

    assert fault in capsys.readouterr().err


def test_name_that_params_yaml_would_refuse_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(project.root / "mine" / "a.png")

    assert restore("import", "mine", "--as", "my images") == 2

    assert "expected a name of letters" in capsys.readouterr().err
