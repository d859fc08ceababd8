"""``dvc.lock`` entry by entry: the bytes that DVC writes, and where DVC is left to itself."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.serialize import _yaml

from pipeline.graph.lock_entries import by_entries, split_entries
from tests.toy import copy_toy, edit, environment

LOCK = Path(__file__).parents[2] / "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"
ENTRY = "  one:\n    cmd: true\n    outs:\n    - path: out\n      md5: abc\n"


@pytest.fixture
def twins(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two toys in which everything has run."""
    monkeypatch.setenv("PATH", environment()["PATH"])
    return copy_toy(done, tmp_path / "whole"), copy_toy(done, tmp_path / "entries")


def reproduce(root: Path, stage: str, monkeypatch: pytest.MonkeyPatch, *, entries: bool) -> bytes:
    """Run one stage, and return the lock file that it leaves."""
    monkeypatch.chdir(root)
    with by_entries() if entries else nullcontext(), Repo(str(root)) as repo:
        repo.reproduce([stage], single_item=True)
    return (root / "dvc.lock").read_bytes()


@pytest.fixture
def written_whole(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows each time DVC reads a whole file to write it again."""
    found: list[str] = []
    modify = _yaml.modify_yaml

    def note(path: str, fs: object = None) -> object:
        found.append(path)
        return modify(path, fs=fs)

    monkeypatch.setattr(_yaml, "modify_yaml", note)
    return found


def test_the_installed_dvc_is_one_with_which_this_was_tried() -> None:
    with by_entries() as applies:
        assert applies


def test_entries_are_the_lines_of_the_file() -> None:
    text = LOCK.read_text()

    entries = split_entries(text)

    assert entries is not None
    assert HEAD + "".join(entries.values()) == text
    assert list(entries) == list(_yaml.parse_yaml(text, "")["stages"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        ENTRY,
        f"{HEAD}{ENTRY}"[:-1],
        f"{HEAD}{ENTRY}{ENTRY}",
        f"{HEAD}\n{ENTRY}",
        f"{HEAD}{ENTRY}# a remark\n",
        f"{HEAD}{ENTRY}    # a remark\n",
        f"{HEAD}{ENTRY}datasets: []\n",
        f"{HEAD}{ENTRY}  'two words':\n    cmd: true\n",
        f"{HEAD}{ENTRY}    params: &id001 {{}}\n",
        f"{HEAD}{ENTRY}".replace("\n", "\r\n"),
        f"{HEAD}{ENTRY}<<<<<<< HEAD\n{ENTRY.replace('one', 'two')}",
    ],
)
def test_what_dvc_does_not_lay_out_so_has_no_entries(text: str) -> None:
    assert split_entries(text) is None


def test_a_stage_that_runs_again_leaves_the_bytes_of_dvc_and_no_whole_file_is_read(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, written_whole: list[str]
) -> None:
    for root in twins:
        edit(root / "settings.yaml", "{text: two}", "{text: zwei, words: 'it''s 2: {a}'}")
    for stage in ("branch@right", "join"):
        whole, entries = (
            reproduce(root, stage, monkeypatch, entries=root is twins[1]) for root in twins
        )
        assert whole == entries

    assert {Path(path).parent for path in written_whole} <= {twins[0]}
    assert b"it's 2: {a}" in entries.replace(b"''", b"'")


def test_a_new_stage_comes_last_as_with_dvc(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, written_whole: list[str]
) -> None:
    for root in twins:
        edit(root / "settings.yaml", "branches:\n", "branches:\n  middle: {text: three}\n")

    whole, entries = (
        reproduce(root, "branch@middle", monkeypatch, entries=root is twins[1]) for root in twins
    )

    assert whole == entries
    assert written_whole == []
    assert entries.rindex(b"\n  branch@middle:\n") > entries.rindex(b"\n  aside:\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  join:\n", "  # a remark\n  join:\n"),
        ("  join:\n    cmd: python work.py", "  join:\n    cmd:\n      python work.py"),
        ("hash: md5\n", "hash: 'md5'\n"),
    ],
)
def test_a_lock_file_that_was_laid_out_by_hand_is_laid_out_anew_as_by_dvc(
    twins: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    written_whole: list[str],
    old: str,
    new: str,
) -> None:
    for root in twins:
        edit(root / "dvc.lock", old, new)
        edit(root / "settings.yaml", "{text: two}", "{text: zwei}")

    whole, entries = (
        reproduce(root, "branch@right", monkeypatch, entries=root is twins[1]) for root in twins
    )

    assert whole == entries
    assert written_whole == [str(twins[1] / "dvc.lock")]


def test_a_number_that_dvc_changes_when_it_reads_it_back_is_left_to_dvc(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {}
    for root in twins:
        edit(root / "settings.yaml", "{text: one}", "{text: one, rate: 2.990922710509967e-13}")
        edit(root / "settings.yaml", "{text: two}", "{text: zwei}")
        for stage in ("branch@left", "branch@right", "join"):
            left[root, stage] = reproduce(root, stage, monkeypatch, entries=root is twins[1])

    whole, entries = (
        [content for (of, _), content in left.items() if of is root] for root in twins
    )
    assert whole == entries
    assert len(set(whole)) == len(whole)


def test_a_lock_file_that_was_cut_off_is_refused_in_dvcs_words(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for root in twins:
        lock = root / "dvc.lock"
        lock.write_bytes(lock.read_bytes().rpartition(b"    outs:")[0] + b"    outs: [\n")
        with pytest.raises(DvcException) as caught:
            reproduce(root, "seed", monkeypatch, entries=root is twins[1])
        said.append(str(caught.value))

    assert said[0] == said[1]


def test_entries_are_proven_anew_with_another_version_of_the_writer(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = twins[0]

    def proven() -> set[str]:
        edit(root / "settings.yaml", "{text: t", "{text: tt")
        reproduce(root, "branch@right", monkeypatch, entries=True)
        return set((root / ".restore" / "dvc.lock.entries").read_text().split())

    first, same = proven(), proven()
    monkeypatch.setattr("ruamel.yaml.__version__", "0")
    other = proven()

    assert len(first & same) == len(first) - 1
    assert not same & other


def test_another_dvc_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.graph.lock_entries._KNOWN", frozenset())

    with by_entries() as applies:
        assert not applies
